"""Decides the patients who fail exactly one criterion, one or more for each."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.candidate import candidate, liver_lesion
from services.cli.simulate.entries import (
    Attestation,
    Diagnosis,
    Finding,
    Flag,
    Lesion,
    PdL1,
    Person,
)
from services.cli.simulate.scenarios.scenario import Answer, Scenario

_LUNG: Final = "lung-1-baseline"
_LIVER: Final = "liver-1-baseline"
_NO_LESIONS: Final = (_LIVER, _LUNG)


def _fails(criterion: str, name: str, title: str, **rest: Any) -> Scenario:
    answers: dict[str, Answer] = {criterion: "not met"}
    return Scenario(
        name=f"fails-{criterion}-{name}",
        title=title,
        status="ineligible",
        answers=answers,
        **rest,
    )


FAILING: Final = (
    _fails(
        "I1",
        "pathology",
        "Pathology did not confirm the carcinoma.",
        chart=candidate(Flag(key="pathology", concept="pathology-confirmed", value=False, day=-1590)),
    ),
    _fails(
        "I2",
        "later-carcinoma",
        "The carcinoma began years after a transplantation for another disease.",
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", day=-900),
            Flag(key="pathology", concept="pathology-confirmed", value=True, day=-890),
        ),
    ),
    _fails(
        "I3",
        "no-recurrence",
        "CT after the transplantation shows no recurrence; the measured nodules are read as regenerative.",
        chart=candidate(Flag(key="recurrence", concept="recurrence-on-imaging", value=False, method="ct", day=-12)),
    ),
    _fails(
        "I4",
        "resectable",
        "The recurrence is attested to be resectable.",
        chart=candidate(Attestation(key="not-resectable", code="not-resectable", value=False, day=-6)),
    ),
    _fails(
        "I5",
        "stable-on-therapy",
        "The tumour is stable on sorafenib, which is attested to be tolerated.",
        chart=candidate(
            Finding(key="progression", concept="mrecist-response", answer="SD", day=-13),
            Attestation(key="intolerance", code="targeted-therapy-intolerance", value=False, day=-6),
        ),
    ),
    _fails(
        "I6",
        "positive",
        "PD-L1 is positive in the graft.",
        chart=candidate(PdL1(key="pd-l1", day=-25, result="positive")),
    ),
    _fails(
        "I6",
        "percentage",
        "PD-L1 stains 30 % of the graft's cells.",
        chart=candidate(PdL1(key="pd-l1", day=-25, result=None, percent="30")),
    ),
    _fails("I7", "66-years", "66 years old.", chart=candidate(Person(age=66, days_past_birthday=20))),
    _fails("I7", "17-years", "17 years old.", chart=candidate(Person(age=17, days_past_birthday=60))),
    _fails(
        "I8",
        "7-mm",
        "The only lesion has an enhancing part of 7 mm.",
        chart=candidate(liver_lesion("liver-1", "7", -12, key=_LIVER, role="non-target"), without=(_LUNG,)),
    ),
    _fails(
        "I8",
        "node-18-mm",
        "The only lesion is a node at the porta hepatis of 18 mm.",
        chart=candidate(
            Lesion(
                key="node-1-baseline",
                lesion="node-1",
                organ="node-porta-hepatis",
                role="non-target",
                longest="24",
                short_axis="18",
                day=-12,
            ),
            without=_NO_LESIONS,
        ),
    ),
    _fails(
        "I9",
        "9-points",
        "Child-Pugh is 9 by bilirubin, albumin and mild ascites.",
        chart=candidate(
            Finding(key="ascites", concept="ascites", answer="mild", day=-4),
            labs={"bilirubin-total": "3.6", "albumin": "3.0"},
        ),
    ),
    _fails(
        "I9",
        "best-case",
        "Ascites and encephalopathy are not recorded, and even the best case makes 9 points.",
        chart=candidate(
            labs={"bilirubin-total": "3.6", "albumin": "3.0", "inr": "1.9"},
            without=("ascites", "encephalopathy"),
        ),
    ),
    _fails(
        "I10",
        "short-survival",
        "Survival over 3 months is attested not to be expected.",
        chart=candidate(Attestation(key="survival", code="survival-over-3-months", value=False, day=-6)),
    ),
    _fails("I11a", "neutropenia", "Neutrophils 1.2 × 10⁹/L.", chart=candidate(labs={"neutrophils": "1.20"})),
    _fails("I11b", "thrombocytopenia", "Platelets 42 × 10⁹/L.", chart=candidate(labs={"platelets": "42"})),
    _fails("I11c", "anaemia", "Haemoglobin 8.4 g/dL.", chart=candidate(labs={"haemoglobin": "8.4"})),
    _fails(
        "I11d",
        "albumin",
        "Albumin 2.7 g/dL, with Child-Pugh still 7.",
        chart=candidate(labs={"albumin": "2.7"}),
    ),
    _fails(
        "I11e",
        "thyroid",
        "TSH is above its limit, and the thyroid function is attested not to be acceptable.",
        chart=candidate(
            Attestation(key="thyroid", code="thyroid-acceptable", value=False, day=-3), labs={"tsh": "9.5"}
        ),
    ),
)
