"""What a statistician's command is about: the protocol chosen, the data cut-off, the home of the database. Decides nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

from services.cli.stack import StackError
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol


def protocol(stated: str | None) -> Protocol:
    """The protocol of this id or file; without one the only one that comes with the product."""
    built_in = protocol_files.load(None)
    if stated is None and len(built_in) == 1:
        return next(iter(built_in.values()))
    if stated in built_in:
        return built_in[stated]
    if stated is None or not Path(stated).is_file():
        raise StackError(f"--protocol: expected a file or one of {', '.join(built_in)}")
    return protocol_files.load_file(Path(stated))


def end_of(cut_off: date) -> datetime:
    """The last instant of the data cut-off day: what is dated later does not count."""
    return datetime.combine(cut_off, time.max, UTC)
