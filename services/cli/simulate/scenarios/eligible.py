"""Decides the patients who meet every criterion: at the bounds, and in every way that records can say so."""

from __future__ import annotations

from typing import Any, Final

from services.cli.simulate.candidate import candidate, dose, liver_lesion, lung_lesion
from services.cli.simulate.entries import (
    Attestation,
    Diagnosis,
    Drug,
    Flag,
    Irrelevant,
    Lab,
    Lesion,
    PdL1,
    Person,
    Product,
    Report,
    Stay,
    Structure,
    Tissue,
    Transplant,
)
from services.cli.simulate.scenarios.scenario import Scenario

_LUNG: Final = "lung-1-baseline"
_LIVER: Final = "liver-1-baseline"
_NO_LESIONS: Final = (_LIVER, _LUNG)
_PADDED: Final = 50
_PADDING: Final = 100_000
"""50 results, each with a narrative of 100 kB, make the Bundle of 5 MB."""


def _eligible(name: str, title: str, **rest: Any) -> Scenario:
    return Scenario(name=f"eligible-{name}", title=title, status="eligible", **rest)


ELIGIBLE: Final = (
    _eligible(
        "complete",
        "Every criterion is met by plain records; a few irrelevant ones lie between them.",
        site="north",
        chart=candidate(
            Irrelevant(key="hypertension", kind="hypertension", day=-400),
            Irrelevant(key="influenza", kind="immunization", day=-100),
            Irrelevant(key="penicillin", kind="allergy", day=-900),
            Stay(key="emergency", kind="EMER", day=-40, until=-40),
        ),
    ),
    _eligible(
        "site-codes",
        "The site names the disease and the drug by its own codes, and sends the chart as one collection.",
        site="south",
        package="collection",
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", coding="site", day=-1600),
            Drug(key="targeted", drug="lenvatinib", form="site", day=-200, dose="8", per_day=1),
        ),
    ),
    _eligible(
        "transaction",
        "The chart comes as one transaction whose entries point to each other by urn:uuid.",
        site="north",
        package="transaction",
        chart=candidate(Diagnosis(key="hcc", concept="hcc", coding="snomed", day=-1600)),
    ),
    _eligible(
        "large-bundle",
        "The chart is part of a Bundle of about 5 MB.",
        package="transaction",
        chart=candidate(
            *(
                Lab(key=f"ast-series-{n}", concept="ast", value="31", day=-70 - n, padding=_PADDING)
                for n in range(_PADDED)
            ),
        ),
    ),
    _eligible(
        "child-pugh-7",
        "Child-Pugh is exactly 7: bilirubin 2.0 mg/dL and albumin 3.5 g/dL count two points each.",
        site="south",
        chart=candidate(labs={"bilirubin-total": "2.0", "albumin": "3.5", "inr": "1.69"}),
    ),
    _eligible(
        "laboratory-bounds-north",
        "Neutrophils, platelets, haemoglobin, albumin and TSH are exactly at their bounds, partly in g/L.",
        site="north",
        chart=candidate(
            labs={
                "neutrophils": "1.50",
                "platelets": "50",
                "haemoglobin": "9.0",
                "albumin": "2.8",
                "tsh": "4.2",
            }
        ),
    ),
    _eligible(
        "laboratory-bounds-south",
        "The same bounds in 10*3/uL and g/dL, against the site's own limits of normal.",
        site="south",
        chart=candidate(
            labs={
                "neutrophils": "1.50",
                "platelets": "50",
                "haemoglobin": "9.0",
                "albumin": "2.8",
                "tsh": "4.2",
            }
        ),
    ),
    _eligible(
        "age-65",
        "65 years old: the bound is inclusive.",
        chart=candidate(Person(age=65, days_past_birthday=200)),
    ),
    _eligible(
        "age-18",
        "18 years old: the bound is inclusive.",
        chart=candidate(Person(age=18, days_past_birthday=10)),
    ),
    _eligible(
        "birth-year-only",
        "Only the year of birth is recorded, which is enough at about 50.",
        chart=candidate(Person(age=50, birth_precision="year", sex="female")),
    ),
    _eligible(
        "node-20-mm",
        "The only lesion is a node at the porta hepatis of exactly 20 mm in its short axis.",
        chart=candidate(
            Lesion(
                key="node-1-baseline",
                lesion="node-1",
                organ="node-porta-hepatis",
                longest="29",
                short_axis="20",
                day=-12,
            ),
            without=_NO_LESIONS,
        ),
    ),
    _eligible(
        "viable-10-mm",
        "The only lesion has an enhancing part of exactly 10 mm.",
        chart=candidate(liver_lesion("liver-1", "10", -12, key=_LIVER), without=(_LUNG,)),
    ),
    _eligible(
        "centimetres-and-structures",
        "Lesions are measured in cm and identified by BodyStructures, which arrive after the measurements.",
        chart=candidate(
            liver_lesion("liver-1", "24", -12, key=_LIVER, unit="cm", by_structure=True),
            lung_lesion("lung-1", "18", -12, key=_LUNG, unit="cm", by_structure=True),
            Structure(key="structure-liver-1"),
            Structure(key="structure-lung-1", organ="lung"),
        ),
    ),
    _eligible(
        "mri",
        "Recurrence was seen on MRI; the record names its patient by an absolute address.",
        chart=candidate(
            Flag(
                key="recurrence",
                concept="recurrence-on-imaging",
                value=True,
                method="mri",
                day=-9,
                subject_by="absolute",
            )
        ),
    ),
    _eligible(
        "tsh-attested",
        "TSH is above its limit, and a clinician attests that the thyroid function is acceptable.",
        chart=candidate(Attestation(key="thyroid", code="thyroid-acceptable", day=-3), labs={"tsh": "6.8"}),
    ),
    _eligible(
        "child-pugh-bounded",
        "Ascites is not recorded, but even the worst case makes 7 points.",
        chart=candidate(without=("ascites",)),
    ),
    _eligible(
        "intolerance",
        "Targeted therapy was stopped as intolerable after 12 days, without an assessment.",
        chart=candidate(
            Drug(key="targeted", drug="sorafenib", day=-60, until=-48, dose="400", per_day=2, status="stopped"),
            Attestation(key="intolerance", code="targeted-therapy-intolerance", day=-45),
            without=("progression",),
        ),
    ),
    _eligible(
        "prescribed-by-reference",
        "Targeted therapy is known by prescription and dispensing; the Medication that both name comes last.",
        chart=candidate(
            Drug(
                key="targeted",
                drug="lenvatinib",
                record="dispense",
                form="reference",
                day=-198,
                status="completed",
            ),
            Drug(
                key="prescription",
                drug="lenvatinib",
                record="request",
                form="reference",
                day=-199,
                dose="8",
                per_day=1,
            ),
            Product(key="product-lenvatinib", drug="lenvatinib"),
        ),
    ),
    _eligible(
        "progression-measured",
        "No reader states the progression on targeted therapy: the lesions themselves grew by half.",
        chart=candidate(
            liver_lesion("liver-1", "16", -206),
            lung_lesion("lung-1", "12", -206),
            without=("progression",),
        ),
    ),
    _eligible(
        "partial-dates",
        "Diagnosis and transplantation are known by month alone, months apart.",
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", day=-1600, precision="month"),
            Transplant(day=-1500, precision="month"),
        ),
    ),
    _eligible(
        "pathology-report",
        "Pathology is a report that the diagnosis cites; the report arrives after the diagnosis.",
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", day=-1600, report="explant-report"),
            Report(key="explant-report", day=-1490),
            without=("pathology",),
        ),
    ),
    _eligible(
        "transplant-status",
        "The transplantation is recorded as a status with its onset, not as a procedure.",
        chart=candidate(
            Diagnosis(key="graft-status", concept="transplanted-liver-present", day=-1500),
            without=("transplant",),
        ),
    ),
    _eligible(
        "transplant-period",
        "The transplantation is recorded as a period, its specimen by the place it was collected at.",
        chart=candidate(
            Transplant(day=-1500, as_period=True), Tissue(key="graft-biopsy", day=-27, stated_as="body-site")
        ),
    ),
    _eligible(
        "pd-l1-percentage",
        "PD-L1 is reported as 0 % of cells.",
        chart=candidate(PdL1(key="pd-l1", day=-25, result=None, percent="0")),
    ),
    _eligible(
        "clotted-sample",
        "The newest platelet count failed as the sample clotted; the one before counts.",
        chart=candidate(Lab(key="platelets-clotted", concept="platelets", value=None, day=-3)),
    ),
    _eligible(
        "freshest-value",
        "Haemoglobin was too low ten days ago and is high enough now.",
        chart=candidate(Lab(key="haemoglobin-before", concept="haemoglobin", value="8.1", day=-10)),
    ),
    _eligible(
        "not-done",
        "The first infusion was recorded as not done: treatment has not started.",
        chart=candidate(dose(1, -2, status="not-done")),
    ),
    _eligible(
        "dose-zero",
        "An infusion with a recorded dose of 0 is no first dose.",
        chart=candidate(dose(1, -2, mg="0")),
    ),
    _eligible(
        "administration-unknown",
        "An administration of unknown status is no first dose.",
        chart=candidate(dose(1, -2, status="unknown")),
    ),
)
