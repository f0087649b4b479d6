"""Specification of the screening status: the first that applies, with its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.facts import AnyFact
from tests.support.build import attestation, diagnosis, died, dose, lab, procedure
from tests.support.patients import TODAY, eligible


@dataclass(frozen=True)
class StatusCase:
    """At `at` (noon), these facts make this status; `says` is part of its sentence."""

    status: str
    clause: str
    facts: tuple[AnyFact, ...]
    at: str = TODAY
    says: str = ""
    until: str | None = None

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.status}-{self.clause}"


_LOW_PLATELETS: Final = lab("platelets", "42", on="2024-05-03")
_LATER_LOW: Final = lab("platelets", "42", on="2024-05-12")

CASES: Final = (
    StatusCase(
        "eligible",
        "every criterion is met; the oldest laboratory value closes the window first",
        eligible(),
        says="all 15 criteria are met",
        until="2024-05-18T00:00:00+00:00",
    ),
    StatusCase(
        "potentially_eligible",
        "one criterion unknown",
        eligible(without=("survival",)),
        says="I10 unknown: nobody attested",
    ),
    StatusCase(
        "potentially_eligible",
        "one criterion in conflict",
        eligible(_LOW_PLATELETS),
        says="I11b conflict: platelets 42 × 10⁹/L and 140 × 10⁹/L on 3 May 2024 contradict each other",
    ),
    StatusCase(
        "potentially_eligible",
        "values grow old by themselves",
        eligible(),
        at="2024-05-18",
        says="I11b unknown: platelets 140 × 10⁹/L on 3 May 2024 is older than 14 days",
    ),
    StatusCase(
        "ineligible",
        "one criterion not met, whatever else is unknown",
        eligible(platelets=_LOW_PLATELETS, without=("survival",)),
        says="I11b not met: platelets 42 × 10⁹/L on 3 May 2024, needs ≥ 50 × 10⁹/L",
    ),
    StatusCase("not_candidate", "nothing is recorded", (), says="no evidence of hepatocellular carcinoma and liver"),
    StatusCase("not_candidate", "a transplant alone", (procedure(),), says="no evidence of hepatocellular carcinoma"),
    StatusCase("not_candidate", "a carcinoma alone", (diagnosis(),), says="no evidence of liver transplant"),
    StatusCase(
        "not_candidate",
        "a refuted carcinoma is no evidence of one",
        (diagnosis(verification="refuted"), procedure()),
    ),
    StatusCase(
        "not_candidate",
        "a transplant that was not done is no evidence of one",
        (diagnosis(), procedure(performed=False)),
    ),
    StatusCase(
        "potentially_eligible",
        "some evidence of both is enough, even unconfirmed",
        (diagnosis(verification="provisional"), diagnosis("transplanted-liver-present", verification="unconfirmed")),
    ),
    StatusCase(
        "potentially_eligible",
        "a complication of a transplanted liver is some evidence of the transplant",
        (diagnosis(), diagnosis("liver-transplant-rejection")),
    ),
    StatusCase(
        "on_treatment",
        "the first dose freezes the criteria: later values change nothing",
        eligible(dose(on="2024-05-10"), _LATER_LOW),
        at="2024-07-01",
        says="on treatment since 10 May 2024; at that time all criteria met",
    ),
    StatusCase(
        "on_treatment",
        "values of the day of the first dose count",
        eligible(dose(on="2024-05-10"), lab("platelets", "42", on="2024-05-10T08:00:00Z")),
        at="2024-07-01",
        says="at that time I11b not met",
    ),
    StatusCase(
        "eligible", "a dose not done is no dose", eligible(dose(on="2024-05-04", status="not-done", taken=False))
    ),
    StatusCase("eligible", "a dose of 0 is no dose", eligible(dose(on="2024-05-04", dose="0"))),
    StatusCase(
        "eligible",
        "a first dose dated tomorrow is not given yet, and will change the status",
        eligible(dose(on="2024-05-06")),
        until="2024-05-06T00:00:00+00:00",
    ),
    StatusCase(
        "off_study",
        "death before everything else",
        eligible(dose(on="2024-05-04"), died("2024-05-05")),
        says="died on 5 May",
    ),
    StatusCase("off_study", "death without a date", eligible(died(None)), says="off study: died"),
    StatusCase("eligible", "a statement that the patient lives", eligible(died(None, deceased=False))),
    StatusCase(
        "off_study", "an attested exit", eligible(attestation("off-study")), says="off study attested on 1 May 2024"
    ),
    StatusCase(
        "off_study",
        "an attested exit for a time",
        eligible(attestation("off-study", expires="2024-05-20")),
        until="2024-05-21T00:00:00+00:00",
    ),
    StatusCase(
        "potentially_eligible",
        "an exit that has expired",
        eligible(attestation("off-study", expires="2024-05-20")),
        at="2024-05-21",
    ),
    StatusCase("off_study", "a failed screening", eligible(attestation("screen-failed"))),
    StatusCase(
        "eligible",
        "an exit taken back by a later statement",
        eligible(attestation("off-study"), attestation("off-study", False, on="2024-05-02")),
    ),
    StatusCase("eligible", "an exit dated tomorrow", eligible(died("2024-05-06")), until="2024-05-06T00:00:00+00:00"),
)
