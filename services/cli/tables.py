"""Prints tables: as wide as the terminal, and unwrapped where the output goes to a file or another program. Decides nothing."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

_UNWRAPPED: Final = 400


def show(*tables: Table) -> None:
    """Print tables."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNWRAPPED)
    for table in tables:
        console.print(table)
