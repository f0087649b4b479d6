"""The eligibility service as a process: its pure rules in the shell that all deciding services share. Decides nothing."""

from __future__ import annotations

from services.eligibility import evaluate
from shared.runtime import faust_app


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    faust_app.run("eligibility", evaluate, introduce=evaluate.introduce)
