"""Decides how a program is cut loose from the terminal and process that start it.

It does not decide which program that is. Run as a script (`detach.py LOG PROGRAM ARGUMENT...`) it prints
the new process's id; it imports the standard library alone, so that it starts in milliseconds.

The program is the child of a process that has ended, in a session of its own: it gets no signal from the
terminal, holds none of the caller's files, and leaves no zombie when it ends before the caller.
"""

from __future__ import annotations

import os
import sys


def main(log: str, *command: str) -> None:
    pid = os.fork()
    if pid:
        os.write(sys.stdout.fileno(), str(pid).encode())
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
        os._exit(126)


if __name__ == "__main__":
    main(*sys.argv[1:])
