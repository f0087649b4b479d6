"""A small trial whose figures can be told by heart: four treated patients with the shipped protocol."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.response.treated import Treated, treated
from shared.facts import AnyFact
from tests.spec.response.courses import VISITS, new, scans, states
from tests.spec.response.treated import DOSE, SHIPPED
from tests.support import build

CUT_OFF: Final = "2025-01-31"
AT: Final[datetime] = build.at(CUT_OFF)
_TYPICAL: Final[dict[str, Any]] = {"organ": "liver", "hyperenhancement": True, "washout": True}


def patient(number: int, *facts: AnyFact) -> Treated:
    """One treated patient."""
    found = treated(build.timeline(DOSE, *facts, patient=UUID(int=number << 96)), SHIPPED, AT)
    assert found is not None
    return found


def trial() -> list[Treated]:
    """A confirmed response that lasts, one that progressed, a progression by a new nodule, a death before any visit."""
    return [
        patient(1, *scans("50", "30", "28", "27"), *states("present", "present", "present", "present")),
        patient(2, *scans("50", "34", "60"), build.lab("afp", "400", "ng/mL", on="2024-04-25")),
        patient(
            3, *scans("50", "50"), new(VISITS[0], longest="15", **_TYPICAL), build.drug("lenvatinib", on="2024-07-10")
        ),
        patient(4, *scans("50"), build.died("2024-06-10")),
    ]
