"""The `graftwatch` command, killed at the n-th batch of a load when the broker has it and nobody has noted that yet.

Run as `python -m tests.support.dying_load N load PATH…`; N 0: it lives. Decides nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from services.cli.load.bookmark import Bookmark, Bookmarks
from services.cli.main import main


def _die_at(batch: int) -> None:
    note, seen = Bookmarks.move, 0

    def move(self: Bookmarks, path: Path, to: Bookmark) -> None:
        nonlocal seen
        seen += 1
        if seen == batch:
            os.kill(os.getpid(), signal.SIGKILL)
        note(self, path, to)

    Bookmarks.move = move  # type: ignore[method-assign] # the moment after the broker's answer


if __name__ == "__main__":
    _die_at(int(sys.argv.pop(1)))
    main()
