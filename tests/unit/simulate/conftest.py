"""One simulation for all of these tests: it is pure, so nobody can spoil it for another."""

from __future__ import annotations

from datetime import date

import pytest

from services.cli.simulate import Simulation, simulate

AS_OF = date(2024, 9, 15)


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    """The cohort as of a fixed date."""
    return simulate(AS_OF)
