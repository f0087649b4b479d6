"""Decides as which user PostgreSQL runs when root starts the stack, for it refuses to run as root.

It does not decide what is run. Run as a script (`unprivileged.py UID GID PROGRAM ARGUMENT...`) it becomes
that user and then that program; it imports the standard library alone.

The data belongs to `nobody`, or to whoever owned it before. But the checkout, the Python installation or the
stack's directory may lie below a directory that only root may enter, such as /root, and changing other
people's directories or adding a system user for a local stack would be rude. So the program keeps, of
all that root may do, one capability: to read and enter any directory (CAP_DAC_READ_SEARCH), or where a
container withholds that one or only root may execute the program, to pass over file permissions
(CAP_DAC_OVERRIDE). It is made ambient, which hands it on to PostgreSQL's own child processes; and the
securebit "no setuid fixup" is set, because access(2), by which initdb looks for its programs, otherwise
ignores the capabilities of anyone but root.

Where the kernel grants neither (another system than Linux, a container without CAP_SETPCAP), the program is
run as that user without any capability: enough when the paths are open to everyone; otherwise it
ends with a message that says so.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522


class User(NamedTuple):
    uid: int
    gid: int


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def database_user(data: Path) -> User | None:
    """Whom PostgreSQL runs as: us (None) unless we are root, else the data's owner, at first `nobody`."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return User(data.stat().st_uid, data.stat().st_gid)
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def command_as(user: User | None, command: Sequence[str]) -> list[str]:
    """The command that runs a command as a user."""
    if user is None:
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(user.uid), str(user.gid), *command]


def become(user: User, program: str) -> None:
    """Give up root for good, but for the least capability with which the program can be reached."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    if sys.platform == "linux":
        _keep_least_capability(program)
    if not os.access(program, os.X_OK):
        sys.exit(
            f"{program} cannot be run by user {user.uid}, and the kernel grants no capability to reach it."
            " Run the stack as an ordinary user, or put the checkout where every user may enter."
        )


def _keep_least_capability(program: str) -> None:
    permitted = _permitted()
    kept = 0
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        candidate = permitted & (1 << capability)
        if candidate and _set(candidate, permitted, candidate) and os.access(program, os.X_OK):
            kept = candidate
            break
    _set(kept, kept, kept)
    if kept:
        _libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept.bit_length() - 1, 0, 0)


def _permitted() -> int:
    """The capabilities 0 to 31 that may be used; none where leaving root has taken them."""
    sets = (_Set * 2)()
    _libc().capget(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets)
    return int(sets[0].permitted)


def _set(effective: int, permitted: int, inheritable: int) -> bool:
    sets = (_Set * 2)(_Set(effective, permitted, inheritable), _Set(0, 0, 0))
    return int(_libc().capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), sets)) == 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def main(uid: str, gid: str, *command: str) -> None:
    become(User(int(uid), int(gid)), command[0])
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
