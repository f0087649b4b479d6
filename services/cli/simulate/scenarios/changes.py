"""Decides the patients whose eligibility changes between the phases, or whose records come oddly."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import candidate, dose, lab
from services.cli.simulate.entries import (
    Attestation,
    Diagnosis,
    Drug,
    Irrelevant,
    Lab,
    PdL1,
    Product,
    Removed,
    Report,
    Score,
    Tissue,
    Transplant,
)
from services.cli.simulate.scenarios.scenario import Scenario

_GAINED: Final = (
    Scenario(
        name="becomes-eligible-pd-l1",
        title="Eligible once PD-L1 is reported; the specimen is described only after the result.",
        status=("potentially_eligible", "eligible", "eligible"),
        chart=candidate(PdL1(key="pd-l1", day=-6, phase=2), Tissue(key="graft-biopsy", day=-8, phase=2)),
    ),
    Scenario(
        name="becomes-eligible-specimen",
        title="PD-L1 is known, but of which tissue is told only in the third phase.",
        status=("potentially_eligible", "potentially_eligible", "eligible"),
        chart=candidate(Tissue(key="graft-biopsy", day=-27, phase=3)),
    ),
    Scenario(
        name="becomes-eligible-recovery",
        title="Platelets recover from 42 to 61 × 10⁹/L.",
        status=("ineligible", "ineligible", "eligible"),
        chart=candidate(
            lab("platelets", "42", -9),
            Lab(key="platelets-recovered", concept="platelets", value="61", day=-2, phase=3),
        ),
    ),
    Scenario(
        name="becomes-candidate",
        title="The transplantation is reported late: no candidate before.",
        status=("not_candidate", "eligible", "eligible"),
        chart=candidate(Transplant(day=-1500, phase=2), without=("stay-transplant",)),
    ),
    Scenario(
        name="becomes-eligible-by-identifier",
        title="The missing attestation arrives with the patient's identifier instead of a reference.",
        site="north",
        status=("potentially_eligible", "eligible", "eligible"),
        chart=candidate(
            Attestation(key="survival", code="survival-over-3-months", day=-2, phase=2, subject_by="identifier")
        ),
    ),
)

_LOST: Final = (
    Scenario(
        name="loses-eligibility-corrected-result",
        title="Platelets 80 × 10⁹/L are corrected to 42.",
        status=("eligible", "ineligible", "ineligible"),
        answers={"I11b": "not met"},
        chart=candidate(lab("platelets", "80", -4), lab("platelets", "42", -4, status="corrected", version=2, phase=2)),
    ),
    Scenario(
        name="loses-eligibility-corrected-twice",
        title="Haemoglobin 11 g/dL is corrected to 8, and then to 10.",
        status=("eligible", "ineligible", "eligible"),
        chart=candidate(
            lab("haemoglobin", "11.0", -4),
            lab("haemoglobin", "8.0", -4, status="corrected", version=2, phase=2),
            lab("haemoglobin", "10.0", -4, status="corrected", version=3, phase=3),
        ),
    ),
    Scenario(
        name="loses-eligibility-attestation-withdrawn",
        title="The attestation of expected survival is withdrawn as entered in error.",
        status=("eligible", "potentially_eligible", "potentially_eligible"),
        answers={"I10": "unknown"},
        chart=candidate(
            Attestation(
                key="survival",
                code="survival-over-3-months",
                day=-6,
                status="entered-in-error",
                version=2,
                phase=2,
            )
        ),
    ),
    Scenario(
        name="loses-eligibility-later-result",
        title="A newer result shows PD-L1 to be positive in a second biopsy of the graft.",
        status=("eligible", "eligible", "ineligible"),
        answers={"I6": "not met"},
        chart=candidate(
            PdL1(key="pd-l1-again", day=-2, result="positive", specimen="graft-biopsy-2", phase=3),
            Tissue(key="graft-biopsy-2", day=-3, phase=3),
        ),
    ),
    Scenario(
        name="loses-candidacy-diagnosis-in-error",
        title="The diagnosis of carcinoma was entered in error.",
        status=("eligible", "not_candidate", "not_candidate"),
        answers=None,
        chart=candidate(
            Diagnosis(key="hcc", concept="hcc", day=-1600, report="explant-report"),
            Diagnosis(key="hcc", concept="hcc", day=-1600, verification="entered-in-error", version=2, phase=2),
            Report(key="explant-report", day=-1490),
            without=("pathology",),
        ),
    ),
    Scenario(
        name="loses-eligibility-tombstone",
        title="The only neutrophil count is deleted by a tombstone.",
        status=("eligible", "potentially_eligible", "potentially_eligible"),
        answers={"I11a": "unknown"},
        chart=candidate(Removed(key="neutrophils", resource_type="Observation", phase=2)),
    ),
    Scenario(
        name="loses-eligibility-bundle-delete",
        title="The only TSH is deleted by an entry of a Bundle.",
        status=("eligible", "eligible", "potentially_eligible"),
        answers={"I11e": "unknown"},
        chart=candidate(Removed(key="tsh", resource_type="Observation", by="bundle", phase=3)),
    ),
    Scenario(
        name="loses-eligibility-exit",
        title="Leaves the study before treatment.",
        status=("eligible", "eligible", "off_study"),
        answers=None,
        chart=candidate(Attestation(key="exit", code="off-study", day=-2, phase=3)),
    ),
    Scenario(
        name="dose-entered-in-error",
        title="The first dose turns out to belong to somebody else: screening goes on.",
        status=("on_treatment", "eligible", "eligible"),
        chart=candidate(dose(1, -3), dose(1, -3, status="entered-in-error", version=2, phase=2)),
    ),
)

_DELIVERED: Final = (
    Scenario(
        name="delivery-duplicates",
        title="Many records are delivered two or three times, byte for byte.",
        status="eligible",
        chart=candidate(
            lab("platelets", "140", -4, copies=3),
            lab("albumin", "3.9", -4, copies=2),
            Diagnosis(key="hcc", concept="hcc", day=-1600, copies=2),
            PdL1(key="pd-l1", day=-25, copies=3),
        ),
    ),
    Scenario(
        name="delivery-out-of-order",
        title="The correction arrives before the result that it corrects, which was too low.",
        status="eligible",
        chart=candidate(
            lab("platelets", "120", -4, status="corrected", version=2), lab("platelets", "30", -4, version=1)
        ),
    ),
    Scenario(
        name="delivery-late-original",
        title="The original result arrives a phase after its correction, which shows anaemia.",
        status="ineligible",
        answers={"I11c": "not met"},
        chart=candidate(
            lab("haemoglobin", "8.2", -4, status="corrected", version=2),
            lab("haemoglobin", "11.9", -4, phase=2),
        ),
    ),
    Scenario(
        name="delivery-unversioned",
        title="Some records have no meta element, one no id: delivered twice, it is known by its identifier.",
        status="eligible",
        chart=candidate(
            lab("inr", "1.05", -4, stamped=False),
            lab("neutrophils", "3.20", -4, named_by="identifier", copies=2),
            Score(key="ecog", day=-4, stamped=False),
            Transplant(day=-1500, stamped=False),
        ),
    ),
    Scenario(
        name="delivery-not-conformant",
        title="Records with elements that R4 does not have are kept, as what is read of them is sound.",
        status="eligible",
        site="south",
        chart=candidate(
            Drug(
                key="targeted",
                drug="sorafenib",
                record="administration",
                day=-200,
                status="completed",
                dose="400",
                quirk="category-array",
            ),
            Drug(
                key="targeted-again",
                drug="sorafenib",
                record="administration",
                day=-199,
                status="completed",
                dose="400",
                quirk="unknown-element",
            ),
            lab("platelets", "140", -4, quirk="unknown-element"),
            Transplant(day=-1500, quirk="unknown-element"),
        ),
    ),
    Scenario(
        name="delivery-references-later",
        title="Medication, specimen and report arrive after the records that point to them.",
        status="eligible",
        chart=candidate(
            Drug(key="targeted", drug="lenvatinib", form="reference", day=-200, dose="8", per_day=1),
            Diagnosis(key="hcc", concept="hcc", day=-1600, report="explant-report"),
            Irrelevant(key="blood-pressure-again", kind="blood-pressure", day=-5),
            Report(key="explant-report", day=-1490),
            Product(key="product-lenvatinib", drug="lenvatinib"),
            without=("pathology",),
        ),
    ),
)

CHANGES: Final = (*_GAINED, *_LOST, *_DELIVERED)
