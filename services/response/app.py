"""The response service as a process: its pure rules in the shell that all deciding services share. Decides nothing."""

from __future__ import annotations

from services.response import evaluate, figures
from shared.runtime import faust_app


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    faust_app.run("response", evaluate, figures)
