"""The ingest service, under a group of its own, killed between its transaction and its hints when told to.

Run as `python -m tests.support.dying_ingest GROUP [die]`. Decides nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from services.ingest import app


async def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(group: str, *flags: str) -> None:
    """Run ingest."""
    app.GROUP = group  # type: ignore[misc] # each test is a group of its own
    if "die" in flags:
        app.IngestService._tell = _die  # type: ignore[assignment,method-assign] # the moment after the commit
    app.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
