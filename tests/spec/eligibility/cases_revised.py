"""Specification of corrected and retracted records: what each criterion answers before and after the record's next version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shared.facts import AnyFact
from shared.outcomes import Verdict
from tests.spec.eligibility.specification import Revision
from tests.support.build import (
    attestation,
    demographics,
    diagnosis,
    drug,
    finding,
    lab,
    lesion,
    pathology,
    pathology_report,
    pd_l1,
    procedure,
    recurrence,
    response_statement,
    specimen,
)

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT
Build = Callable[..., AnyFact]


def _versions(build: Build, first: dict[str, Any], then: dict[str, Any] | None) -> tuple[AnyFact, AnyFact | None]:
    """Version 1 and 2 of one record; without `then` the second states nothing (entered in error)."""
    second = build(**{**first, **then}, key="revised", version="2") if then is not None else None
    return build(**first, key="revised", version="1"), second


def _pair(
    criterion: str,
    build: Build,
    stated: dict[str, Any],
    corrected: dict[str, Any],
    verdicts: tuple[Verdict, Verdict, Verdict],
    clauses: tuple[str, str],
    kept: tuple[AnyFact, ...] = (),
    missing: str = "",
) -> tuple[Revision, Revision]:
    """One record, corrected in the one case and retracted in the other: verdict at first, if corrected, if retracted."""
    first, second, gone = verdicts
    return (
        Revision(criterion, clauses[0], *_versions(build, stated, corrected), first, second, kept),
        Revision(criterion, clauses[1], *_versions(build, stated, None), first, gone, kept, missing),
    )


_HCC: Final = diagnosis("hcc", on="2021-03-01")
_TRANSPLANT: Final = procedure(on="2021-06-01")
_SORAFENIB: Final = drug("sorafenib", on="2024-01-10")
_PD: Final = response_statement("PD", on="2024-04-20")
_LIVER: Final = (
    lab("bilirubin-total", "3"),
    lab("albumin", "3.5"),
    finding("ascites", "none"),
    finding("encephalopathy", "none"),
)

DISEASE: Final = (
    *_pair(
        "I1", pathology, {"confirmed": True}, {"confirmed": False}, (MET, NOT_MET, UNKNOWN),
        ("an amended pathology finding decides, not the one it replaces", "without the finding pathology is missing"),
        (_HCC,), "pathology report",
    ),
    *_pair(
        "I1", diagnosis, {"verification": "confirmed"}, {"verification": "refuted"}, (MET, CONFLICT, UNKNOWN),
        ("a diagnosis refuted in its next version conflicts with pathology",
         "a Condition entered in error leaves pathology of no recorded disease"),
        (pathology(True),),
    ),
    *_pair(
        "I1", pathology_report, {"concludes": ["hcc"]}, {"concludes": ["liver-transplant-rejection"]},
        (MET, UNKNOWN, UNKNOWN),
        ("a report amended to another conclusion confirms no longer", "a report entered in error confirms nothing"),
        (_HCC,), "pathology report",
    ),
    *_pair(
        "I2", procedure, {"on": "2021-06-01"}, {"on": "2020-06-01"}, (MET, NOT_MET, UNKNOWN),
        ("a transplant dated anew before the carcinoma was not done for it", "a transplant entered in error is none"),
        (_HCC,), "record of the transplant",
    ),
    *_pair(
        "I2", diagnosis, {"on": "2021-03-01"}, {"on": "2023-01-01"}, (MET, NOT_MET, UNKNOWN),
        ("an onset corrected to after the transplant", "a carcinoma entered in error leaves the reason open"),
        (_TRANSPLANT,), "diagnosis of",
    ),
    *_pair(
        "I3", recurrence, {"present": True}, {"present": False}, (MET, NOT_MET, UNKNOWN),
        ("a reading amended to no recurrence", "a reading entered in error shows nothing"),
        (_TRANSPLANT,), "reading of CT or MRI",
    ),
    *_pair(
        "I3", procedure, {"on": "2021-06-01"}, {"on": "2024-05-01"}, (MET, UNKNOWN, UNKNOWN),
        ("a transplant dated anew after the imaging leaves nothing after it", "without the transplant nothing is after it"),
        (recurrence(),),
    ),
)  # fmt: skip


def _judged(criterion: str, code: str) -> tuple[Revision, ...]:
    """What holds of every attested criterion."""
    return (
        *_pair(
            criterion, attestation, {"code": code, "value": True}, {"value": False}, (MET, NOT_MET, UNKNOWN),
            ("a statement that its author corrects", "a statement withdrawn as entered in error undoes its effect"),
            missing="attestation: ",
        ),
        *_pair(
            criterion, attestation, {"code": code, "value": False, "on": "2024-05-02"}, {"on": "2024-04-01"},
            (NOT_MET, MET, MET),
            ("a statement dated anew before another gives way to it", "withdrawn, it leaves the statement before it"),
            (attestation(code, True, on="2024-05-01"),),
        ),
        *_pair(
            criterion, attestation, {"code": code, "value": False, "practitioner": "practitioner-2"}, {"value": True},
            (CONFLICT, MET, MET),
            ("a conflict ends when one corrects the own statement", "a conflict ends when one withdraws the own statement"),
            (attestation(code, True),),
        ),
    )  # fmt: skip


THERAPY: Final = (
    *_pair(
        "I5", response_statement, {"response": "PD"}, {"response": "SD"}, (MET, NOT_MET, NOT_MET),
        ("progression amended to stable disease under a drug that is tolerated",
         "progression entered in error leaves stable disease and a drug that is tolerated"),
        (_SORAFENIB, response_statement("SD", on="2024-03-01"), attestation("targeted-therapy-intolerance", False)),
    ),
    *_pair(
        "I5a", response_statement, {"response": "PD"}, {"response": "SD"}, (MET, NOT_MET, UNKNOWN),
        ("a reader's progression amended to stable disease", "progression entered in error was never assessed"),
        (_SORAFENIB,), "assessment of progression under sorafenib",
    ),
    *_pair(
        "I5a", drug, {"on": "2024-01-10"}, {"on": "2024-04-01"}, (MET, UNKNOWN, UNKNOWN),
        ("a start corrected to within a month of the progression", "an intake entered in error is none"),
        (_PD,), "intake of sorafenib or lenvatinib",
    ),
    *_pair(
        "I5a", lesion, {"on": "2024-04-20", "viable": "30", "longest": "32", "hyperenhancement": True},
        {"viable": "21"}, (MET, NOT_MET, UNKNOWN),
        ("a measurement corrected to no growth", "a measurement entered in error shows no growth"),
        (_SORAFENIB, lesion(on="2024-01-05", viable="20", longest="22", hyperenhancement=True)),
    ),
    *_judged("I5b", "targeted-therapy-intolerance"),
)  # fmt: skip

MEASURED: Final = (
    *_pair(
        "I6", pd_l1, {"result": "negative"}, {"result": "positive"}, (MET, NOT_MET, UNKNOWN),
        ("an amended result decides", "a result entered in error is not tested"), missing="PD-L1",
    ),
    *_pair(
        "I6", specimen, {"tissue": "graft-liver"}, {"tissue": "tumour"}, (MET, UNKNOWN, UNKNOWN),
        ("a specimen corrected to the tumour says nothing of the graft", "without its specimen the tissue is not known"),
        (pd_l1(tissue=None, specimen="specimen-1"),), "tissue of the PD-L1 specimen",
    ),
    *_pair(
        "I7", demographics, {"born": "1970-06-15"}, {"born": "1950-06-15"}, (MET, NOT_MET, UNKNOWN),
        ("a corrected birth date", "a Patient that is deleted leaves no birth date"), missing="birth date",
    ),
    *_pair(
        "I8", lesion, {"viable": "10", "longest": "10"}, {"viable": "9.9", "longest": "9.9"}, (MET, NOT_MET, UNKNOWN),
        ("a corrected diameter", "a measurement entered in error measured nothing"), missing="lesions measured",
    ),
    *_pair(
        "I9", lab, {"concept": "inr", "value": "1.1"}, {"value": "1.7"}, (MET, NOT_MET, UNKNOWN),
        ("a corrected component is scored anew: 8 points", "a component entered in error is missing: 7 to 9 points"),
        _LIVER, "INR within 14 days",
    ),
    *_pair(
        "I9", finding, {"name": "ascites", "grade": "none"}, {"grade": "mild"}, (MET, NOT_MET, UNKNOWN),
        ("a corrected finding is scored anew", "a finding entered in error is missing"),
        (*_LIVER[:2], _LIVER[3], lab("inr", "1.1")), "ascites within 14 days",
    ),
)  # fmt: skip


def _counted(criterion: str, concept: str, at: str, below: str) -> tuple[Revision, ...]:
    """What holds of every lower bound."""
    missing = f"{concept} within 14 days"
    return (
        *_pair(
            criterion, lab, {"concept": concept, "value": at}, {"value": below}, (MET, NOT_MET, UNKNOWN),
            ("a corrected result decides, not the one it replaces", "a result entered in error was not measured"),
            missing=missing,
        ),
        *_pair(
            criterion, lab, {"concept": concept, "value": below}, {"on": "2024-04-30"}, (NOT_MET, MET, MET),
            ("a result dated anew before another gives way to it", "retracted, it leaves the result before it"),
            (lab(concept, at, on="2024-05-01"),),
        ),
        *_pair(
            criterion, lab, {"concept": concept, "value": below}, {"value": at}, (CONFLICT, MET, MET),
            ("a conflict ends when one of two results is corrected", "a conflict ends when one of two results is retracted"),
            (lab(concept, at),),
        ),
        Revision(
            criterion, "a preliminary result made final",
            *_versions(lab, {"concept": concept, "value": at, "final": False}, {"final": True}), UNKNOWN, MET,
        ),
    )  # fmt: skip


_HIGH: Final[dict[str, Any]] = {"concept": "tsh", "value": "6.8", "high": "4.2"}

THYROID: Final = (
    *_pair(
        "I11e", lab, {"concept": "tsh", "value": "2", "high": "4.2"}, {"value": "6.8"}, (MET, UNKNOWN, UNKNOWN),
        ("a result corrected to above the limit fails nothing, but leaves it open", "a result entered in error was not measured"),
        missing="TSH within 14 days",
    ),
    *_pair(
        "I11e", attestation, {"code": "thyroid-acceptable", "on": "2024-05-04"}, {"value": False},
        (MET, NOT_MET, UNKNOWN),
        ("a corrected statement on a high TSH", "a statement withdrawn leaves a high TSH open"),
        (lab(**_HIGH),), "thyroid acceptable",
    ),
    *_pair(
        "I11e", lab, _HIGH, {"value": "2"}, (UNKNOWN, MET, UNKNOWN),
        ("a high TSH corrected to within the limit needs nobody's word", "a high TSH entered in error was not measured"),
        missing="TSH within 14 days",
    ),
)  # fmt: skip

CASES: Final = (
    *DISEASE,
    *_judged("I4", "not-resectable"),
    *THERAPY,
    *MEASURED,
    *_judged("I10", "survival-over-3-months"),
    *_counted("I11a", "neutrophils", "1.5", "1.49"),
    *_counted("I11b", "platelets", "50", "49.9"),
    *_counted("I11c", "haemoglobin", "9", "8.99"),
    *_counted("I11d", "albumin", "2.8", "2.79"),
    *THYROID,
)
