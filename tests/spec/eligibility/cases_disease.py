"""Specification of I1 (carcinoma, by pathology), I2 (transplant for it) and I3 (recurrence after it)."""

from __future__ import annotations

from typing import Final

from shared.outcomes import Verdict
from tests.spec.eligibility.specification import Case
from tests.support.build import diagnosis, pathology, pathology_report, procedure, recurrence

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT
_HCC: Final = diagnosis("hcc", on="2021-03-01")
_TRANSPLANT: Final = procedure(on="2021-06-01")

CARCINOMA: Final = (
    Case("I1", "no record of the disease says nothing", (), UNKNOWN, missing="diagnosis of hepatocellular"),
    Case("I1", "a diagnosis without pathology is not enough", (_HCC,), UNKNOWN, missing="pathology report"),
    Case("I1", "the Condition's own pathology evidence confirms", (diagnosis(pathology=True),), MET),
    Case(
        "I1",
        "a cited final pathology report confirms",
        (diagnosis(evidence=["r1"]), pathology_report("r1")),
        MET,
    ),
    Case(
        "I1",
        "a cited report that is not known as final pathology does not",
        (diagnosis(evidence=["r1"]), pathology_report("r2")),
        UNKNOWN,
    ),
    Case(
        "I1",
        "a cited report that concludes something else does not confirm",
        (diagnosis(evidence=["r1"]), pathology_report("r1", concludes=["liver-transplant-rejection"])),
        UNKNOWN,
    ),
    Case(
        "I1",
        "a pathology report that concludes the carcinoma confirms without being cited",
        (_HCC, pathology_report("r1", concludes=["hcc"])),
        MET,
    ),
    Case("I1", "the Observation of pathology confirms", (_HCC, pathology(True)), MET),
    Case("I1", "pathology that denies it fails", (_HCC, pathology(False)), NOT_MET, says="did not confirm"),
    Case(
        "I1",
        "the later of two pathology findings decides, here for it",
        (_HCC, pathology(False, on="2021-02-01"), pathology(True, on="2021-03-05")),
        MET,
    ),
    Case(
        "I1",
        "the later of two pathology findings decides, here against it",
        (_HCC, pathology(True, on="2021-02-01"), pathology(False, on="2021-03-05")),
        NOT_MET,
    ),
    Case(
        "I1",
        "two pathology findings of one day conflict",
        (_HCC, pathology(True, on="2021-03-05"), pathology(False, on="2021-03-05")),
        CONFLICT,
        missing="which pathology finding",
    ),
    Case(
        "I1",
        "a finding of that month does not settle one of a day in it",
        (_HCC, pathology(True, on="2021-03"), pathology(False, on="2021-03-05")),
        CONFLICT,
    ),
    Case(
        "I1",
        "a Condition that claims pathology conflicts with pathology that denies it",
        (diagnosis(pathology=True), pathology(False)),
        CONFLICT,
    ),
    Case("I1", "a refuted diagnosis fails", (diagnosis(verification="refuted"),), NOT_MET, says="refuted"),
    Case(
        "I1",
        "a refuted record beside an asserted one conflicts",
        (_HCC, diagnosis(verification="refuted", on="2021-04-01"), pathology(True)),
        CONFLICT,
    ),
    Case(
        "I1",
        "a refuted diagnosis that pathology confirms conflicts",
        (diagnosis(verification="refuted"), pathology(True)),
        CONFLICT,
    ),
    Case("I1", "a provisional diagnosis is unknown", (diagnosis(verification="provisional"),), UNKNOWN),
    Case(
        "I1",
        "pathology settles a provisional diagnosis",
        (diagnosis(verification="provisional"), pathology(True)),
        MET,
    ),
    Case(
        "I1",
        "a Condition without verificationStatus asserts what it states",
        (diagnosis(verification=None), pathology(True)),
        MET,
    ),
)

TRANSPLANT: Final = (
    Case("I2", "neither transplant nor disease is recorded", (), UNKNOWN, missing="record of the transplant"),
    Case("I2", "a transplant without a known carcinoma", (_TRANSPLANT,), UNKNOWN, missing="diagnosis of"),
    Case("I2", "a carcinoma without a transplant", (_HCC,), UNKNOWN, missing="record of the transplant"),
    Case("I2", "carcinoma months before the transplant", (_HCC, _TRANSPLANT), MET),
    Case("I2", "carcinoma found on the day of the transplant", (diagnosis(on="2021-06-01"), _TRANSPLANT), MET),
    Case(
        "I2",
        "carcinoma found in the explant, dated a day later: the transplant was not done for it",
        (diagnosis(on="2021-06-02"), _TRANSPLANT),
        NOT_MET,
        says="only after the transplant of 1 June 2021",
    ),
    Case(
        "I2",
        "an onset years later stands whatever pathology is of that later time",
        (diagnosis(on="2023-01-01"), pathology(True, on="2023-01-20"), _TRANSPLANT),
        NOT_MET,
    ),
    Case(
        "I2",
        "a diagnosis only recorded after the transplant may have been known before",
        (diagnosis(on="2023-01-01", onset_stated=False), _TRANSPLANT),
        UNKNOWN,
        missing="onset of hepatocellular carcinoma",
    ),
    Case(
        "I2",
        "a diagnosis recorded before the transplant was known before, whenever it began",
        (diagnosis(on="2021-03-01", onset_stated=False), _TRANSPLANT),
        MET,
    ),
    Case(
        "I2",
        "pathology before the transplant proves that the carcinoma was known",
        (diagnosis(on=None), pathology(True, on="2021-04-01"), _TRANSPLANT),
        MET,
    ),
    Case(
        "I2",
        "a Condition of the recurrence does not date the first disease",
        (diagnosis(on="2023-01-01", clinical="recurrence"), _TRANSPLANT),
        UNKNOWN,
    ),
    Case(
        "I2",
        "disease and transplant of the same month are in no known order",
        (diagnosis(on="2021-06"), procedure(on="2021-06")),
        UNKNOWN,
    ),
    Case("I2", "months apart are in order", (diagnosis(on="2021-03"), procedure(on="2021-06")), MET),
    Case("I2", "an undated disease is in no known order", (diagnosis(on=None), _TRANSPLANT), UNKNOWN),
    Case("I2", "an undated transplant is in no known order", (_HCC, procedure(on=None)), UNKNOWN),
    Case(
        "I2",
        "another transplant without a date may have been for it",
        (diagnosis(on="2023-01-01"), _TRANSPLANT, procedure(on=None)),
        UNKNOWN,
    ),
    Case(
        "I2",
        "of two transplants the later one may be for the carcinoma",
        (diagnosis(on="2022-03-01"), _TRANSPLANT, procedure(on="2022-09-01")),
        MET,
    ),
    Case(
        "I2",
        "the status after a transplant counts from its stated onset",
        (_HCC, diagnosis("transplanted-liver-present", on="2021-06-01")),
        MET,
    ),
    Case(
        "I2",
        "a status only recorded after the disease began does not date the transplant",
        (_HCC, diagnosis("transplanted-liver-present", on="2021-06-01", onset_stated=False)),
        UNKNOWN,
    ),
    Case(
        "I2",
        "a transplant recorded before the disease began was not done for it",
        (
            diagnosis(on="2023-01-01"),
            diagnosis("transplanted-liver-present", on="2021-06-01", onset_stated=False),
        ),
        NOT_MET,
    ),
    Case("I2", "a procedure not done is no transplant", (_HCC, procedure(performed=False)), UNKNOWN),
    Case(
        "I2",
        "a refuted status is evidence against a transplant",
        (_HCC, diagnosis("transplanted-liver-present", verification="refuted")),
        NOT_MET,
    ),
    Case(
        "I2",
        "a transplant performed and its status refuted conflict",
        (_HCC, _TRANSPLANT, diagnosis("transplanted-liver-present", verification="refuted")),
        CONFLICT,
    ),
    Case(
        "I2",
        "a refuted carcinoma is evidence against",
        (diagnosis(verification="refuted"), _TRANSPLANT),
        NOT_MET,
    ),
)

RECURRENCE: Final = (
    Case("I3", "no imaging", (_TRANSPLANT,), UNKNOWN, missing="reading of CT or MRI after the transplant"),
    Case("I3", "recurrence on CT", (_TRANSPLANT, recurrence()), MET, says="recurrence on CT on 20 April 2024"),
    Case("I3", "recurrence on MRI", (_TRANSPLANT, recurrence(method="mri")), MET),
    Case("I3", "no recurrence on CT", (_TRANSPLANT, recurrence(False)), NOT_MET, says="no recurrence"),
    Case(
        "I3",
        "imaging of another or unstated method does not count",
        (_TRANSPLANT, recurrence(method=None)),
        UNKNOWN,
        missing="imaging by CT or MRI",
    ),
    Case(
        "I3",
        "a tumour seen before the transplant is no recurrence",
        (_TRANSPLANT, recurrence(on="2021-05-01")),
        UNKNOWN,
    ),
    Case(
        "I3",
        "imaging of the day of the transplant is in no known order",
        (_TRANSPLANT, recurrence(on="2021-06-01")),
        UNKNOWN,
        missing="date of the transplant",
    ),
    Case("I3", "without a dated transplant nothing is after it", (recurrence(),), UNKNOWN),
    Case(
        "I3",
        "a transplant recorded before the imaging took place before it",
        (diagnosis("transplanted-liver-present", on="2021-09-01", onset_stated=False), recurrence()),
        MET,
    ),
    Case(
        "I3",
        "a transplant recorded after the imaging may have been before it",
        (diagnosis("transplanted-liver-present", on="2024-05-01", onset_stated=False), recurrence()),
        UNKNOWN,
        missing="date of the transplant",
    ),
    Case(
        "I3",
        "the newest reading decides",
        (_TRANSPLANT, recurrence(True, on="2024-02-01"), recurrence(False, on="2024-04-20")),
        NOT_MET,
    ),
    Case(
        "I3",
        "a recurrence once shown stays shown for years",
        (_TRANSPLANT, recurrence(on="2022-01-10")),
        MET,
    ),
    Case(
        "I3",
        "readings of one day on both sides conflict",
        (_TRANSPLANT, recurrence(True), recurrence(False, method="mri")),
        CONFLICT,
    ),
    Case(
        "I3",
        "a reading dated tomorrow decides nothing today",
        (_TRANSPLANT, recurrence(on="2024-05-06")),
        UNKNOWN,
    ),
)

CASES: Final = (*CARCINOMA, *TRANSPLANT, *RECURRENCE)
