"""Decides the patients with one criterion unknown or in conflict, and those who are not screened at all."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.candidate import candidate, lab, liver_lesion, lung_lesion
from services.cli.simulate.entries import (
    Attestation,
    Diagnosis,
    Drug,
    Flag,
    Lab,
    PdL1,
    Person,
    Tissue,
    Transplant,
)
from services.cli.simulate.scenarios.scenario import Answer, Scenario

_LUNG: Final = "lung-1-baseline"
_LIVER: Final = "liver-1-baseline"
_NO_LESIONS: Final = (_LIVER, _LUNG)


def _open(criterion: str, name: str, title: str, answer: Answer = "unknown", **rest: Any) -> Scenario:
    return Scenario(
        name=f"{answer}-{criterion}-{name}",
        title=title,
        status="potentially_eligible",
        answers={criterion: answer},
        **rest,
    )


UNDECIDED: Final = (
    _open(
        "I1",
        "no-pathology",
        "The carcinoma is diagnosed without any pathology.",
        chart=candidate(without=("pathology",)),
    ),
    _open(
        "I2",
        "same-month",
        "Diagnosis and transplantation are known to be of the same month, in no known order.",
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", day=-1500, precision="month"),
            Flag(key="pathology", concept="pathology-confirmed", value=True, day=-1400),
            Transplant(day=-1500, precision="month"),
        ),
    ),
    _open(
        "I3",
        "ultrasound",
        "Recurrence was seen on ultrasound alone.",
        chart=candidate(
            Flag(key="recurrence", concept="recurrence-on-imaging", value=True, method="ultrasound", day=-12)
        ),
    ),
    _open(
        "I4",
        "expired",
        "The attestation that the recurrence cannot be resected has expired.",
        chart=candidate(Attestation(key="not-resectable", code="not-resectable", day=-90, until=-20)),
    ),
    _open(
        "I5",
        "too-early",
        "Progression was read 17 days after targeted therapy began: too early to count.",
        chart=candidate(Drug(key="targeted", drug="sorafenib", day=-30, dose="400", per_day=2)),
    ),
    _open(
        "I5",
        "no-therapy",
        "No targeted therapy is recorded.",
        chart=candidate(without=("targeted", "progression")),
    ),
    _open(
        "I6",
        "tumour-specimen",
        "PD-L1 was tested on the tumour, not on the graft.",
        chart=candidate(Tissue(key="graft-biopsy", day=-27, tissue="tumour")),
    ),
    _open("I7", "no-birth-date", "The birth date is not recorded.", chart=candidate(Person(age=None))),
    _open(
        "I8",
        "old-imaging",
        "The last measurements are 45 days old.",
        chart=candidate(
            liver_lesion("liver-1", "24", -45, key=_LIVER),
            lung_lesion("lung-1", "18", -45, key=_LUNG),
        ),
    ),
    _open(
        "I9",
        "no-findings",
        "Ascites and encephalopathy are not recorded: between 5 and 9 points.",
        chart=candidate(without=("ascites", "encephalopathy")),
    ),
    _open(
        "I10",
        "not-attested",
        "Nobody has attested the expected survival.",
        chart=candidate(without=("survival",)),
    ),
    _open(
        "I11a",
        "old-value",
        "The last neutrophil count is 20 days old.",
        chart=candidate(lab("neutrophils", "3.20", -20)),
    ),
    _open(
        "I11d",
        "no-albumin",
        "Albumin is missing; Child-Pugh is at most 7 all the same.",
        chart=candidate(labs={"albumin": None}),
    ),
    _open(
        "I11e",
        "high-tsh",
        "TSH is above its limit, and nobody has looked further.",
        chart=candidate(labs={"tsh": "6.8"}),
    ),
    _open(
        "I4",
        "two-clinicians",
        "Two clinicians attest the opposite on the same day.",
        "conflict",
        chart=candidate(
            Attestation(key="not-resectable", code="not-resectable", day=-6, precision="day"),
            Attestation(key="resectable", code="not-resectable", value=False, by="surgeon-1", day=-6, precision="day"),
        ),
    ),
    _open(
        "I6",
        "two-stains",
        "Two stains of the graft on one day disagree.",
        "conflict",
        chart=candidate(
            PdL1(key="pd-l1", day=-25, precision="day"),
            PdL1(key="pd-l1-second", day=-25, precision="day", result="positive"),
        ),
    ),
    _open(
        "I11b",
        "two-counts",
        "Two platelet counts of one day, neither with a time, lie on both sides of the bound.",
        "conflict",
        chart=candidate(
            lab("platelets", "45", -4, precision="day"),
            Lab(key="platelets-second", concept="platelets", value="61", day=-4, precision="day"),
        ),
    ),
)

_ONLY_CARCINOMA: Final = ("transplant", "stay-transplant")
_ONLY_TRANSPLANT: Final = ("hcc", "pathology", "recurrence", "progression", "targeted", *_NO_LESIONS)

NOT_SCREENED: Final = (
    Scenario(
        name="not-candidate-carcinoma-only",
        title="Hepatocellular carcinoma, but no transplant.",
        status="not_candidate",
        answers=None,
        chart=candidate(without=_ONLY_CARCINOMA),
    ),
    Scenario(
        name="not-candidate-transplant-only",
        title="A transplanted liver, but no carcinoma.",
        status="not_candidate",
        answers=None,
        chart=candidate(without=_ONLY_TRANSPLANT),
    ),
    Scenario(
        name="not-candidate-neither",
        title="A patient of the clinic with neither.",
        status="not_candidate",
        answers=None,
        chart=candidate(without=(*_ONLY_CARCINOMA, *_ONLY_TRANSPLANT)),
    ),
    Scenario(
        name="off-study-death-before-treatment",
        title="Died while being screened.",
        status="off_study",
        answers=None,
        chart=candidate(Person(died_day=-3)),
    ),
    Scenario(
        name="off-study-screen-failed",
        title="Staff recorded that screening failed.",
        status="off_study",
        answers=None,
        chart=candidate(Attestation(key="exit", code="screen-failed", day=-2)),
    ),
)
