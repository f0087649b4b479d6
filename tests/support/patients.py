"""Whole patients for tests: facts that together meet every criterion of the first trial on 5 May 2024."""

from __future__ import annotations

from typing import Final

from shared.facts import AnyFact
from tests.support.build import (
    attestation,
    demographics,
    diagnosis,
    drug,
    finding,
    lab,
    lesion,
    pathology,
    pd_l1,
    procedure,
    recurrence,
    response_statement,
)

TODAY: Final = "2024-05-05"

ELIGIBLE: Final[dict[str, AnyFact]] = {
    "demographics": demographics("1970-06-15"),
    "diagnosis": diagnosis("hcc", on="2021-03-01"),
    "pathology": pathology(True, on="2021-03-02"),
    "transplant": procedure("liver-transplantation", on="2021-06-01"),
    "recurrence": recurrence(True, on="2024-04-20"),
    "not-resectable": attestation("not-resectable", on="2024-05-01"),
    "sorafenib": drug("sorafenib", on="2023-10-01"),
    "progression": response_statement("PD", on="2024-04-20"),
    "pd-l1": pd_l1("negative", on="2024-04-02"),
    "lesion": lesion("lesion-1", on="2024-04-20", viable="22", longest="24", hyperenhancement=True),
    "survival": attestation("survival-over-3-months", on="2024-05-01"),
    "neutrophils": lab("neutrophils", "3.2", on="2024-05-03"),
    "platelets": lab("platelets", "140", on="2024-05-03"),
    "haemoglobin": lab("haemoglobin", "12.1", on="2024-05-03"),
    "albumin": lab("albumin", "3.9", on="2024-05-03"),
    "tsh": lab("tsh", "2.1", on="2024-05-03", high="4.2"),
    "bilirubin": lab("bilirubin-total", "0.9", on="2024-05-03"),
    "inr": lab("inr", "1.05", on="2024-05-03"),
    "ascites": finding("ascites", "none", on="2024-05-03"),
    "encephalopathy": finding("encephalopathy", "none", on="2024-05-03"),
}
"""By name, so that a test can leave one out or put another in its place."""


def eligible(*more: AnyFact, without: tuple[str, ...] = (), **instead: AnyFact) -> tuple[AnyFact, ...]:
    """The facts of an eligible patient, but for those left out or replaced, and more."""
    kept = {name: fact for name, fact in ELIGIBLE.items() if name not in without}
    return (*{**kept, **instead}.values(), *more)
