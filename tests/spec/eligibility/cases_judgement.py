"""Specification of what only a person can judge (I4, I10), of targeted therapy (I5), PD-L1 (I6) and age (I7)."""

from __future__ import annotations

from typing import Final

from shared.outcomes import Verdict
from tests.spec.eligibility.specification import Case
from tests.support.build import (
    attestation,
    demographics,
    diagnosis,
    dose,
    drug,
    lesion,
    pd_l1,
    procedure,
    response_statement,
    specimen,
)

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT


def _attested(criterion: str, code: str) -> tuple[Case, ...]:
    """The clauses that hold for every attested criterion."""
    return (
        Case(criterion, "nobody attested it", (), UNKNOWN, missing="attestation: "),
        Case(criterion, "attested", (attestation(code),), MET, says="attested on 1 May 2024"),
        Case(criterion, "denied", (attestation(code, False),), NOT_MET, says="denied on 1 May 2024"),
        Case(
            criterion,
            "the newest statement decides",
            (attestation(code, on="2024-04-01"), attestation(code, False, on="2024-05-01")),
            NOT_MET,
        ),
        Case(
            criterion,
            "two clinicians on one day conflict",
            (attestation(code), attestation(code, False, practitioner="practitioner-2")),
            CONFLICT,
            missing="one attestation that settles it",
        ),
        Case(
            criterion,
            "it counts on its last day",
            (attestation(code, expires="2024-05-05"),),
            MET,
            until="2024-05-06T00:00:00+00:00",
        ),
        Case(
            criterion,
            "it has expired the day after",
            (attestation(code, expires="2024-05-04"),),
            UNKNOWN,
            missing="renewed attestation",
        ),
        Case(
            criterion,
            "an expired statement does not revive an older one",
            (attestation(code, on="2024-03-01"), attestation(code, expires="2024-05-02")),
            UNKNOWN,
        ),
        Case(criterion, "an undated statement has no place in time", (attestation(code, on=None),), UNKNOWN),
        Case(criterion, "a statement of tomorrow", (attestation(code, on="2024-05-06"),), UNKNOWN),
    )


_SORAFENIB: Final = drug("sorafenib", on="2024-01-10")
_INTOLERANT: Final = attestation("targeted-therapy-intolerance")
_TOLERATED: Final = attestation("targeted-therapy-intolerance", False)
_PD: Final = response_statement("PD", on="2024-04-20")

TARGETED_THERAPY: Final = (
    Case("I5", "nothing is recorded", (), UNKNOWN, missing="intake of sorafenib or lenvatinib"),
    Case("I5", "progression on sorafenib", (_SORAFENIB, _PD), MET, says="progression on 20 April 2024"),
    Case("I5", "progression on lenvatinib", (drug("lenvatinib", on="2024-01-10"), _PD), MET),
    Case(
        "I5",
        "progression on another drug does not count",
        (drug("regorafenib", on="2024-01-10"), _PD),
        UNKNOWN,
    ),
    Case("I5", "intolerance alone is enough", (_INTOLERANT,), MET, says="targeted therapy not tolerated"),
    Case(
        "I5",
        "stable disease on a drug that is tolerated fails",
        (_SORAFENIB, response_statement("SD"), _TOLERATED),
        NOT_MET,
    ),
    Case(
        "I5",
        "stable disease leaves open whether the drug is tolerated",
        (_SORAFENIB, response_statement("SD")),
        UNKNOWN,
        missing="targeted therapy not tolerated",
    ),
    Case(
        "I5a",
        "stable disease after a month is no progression",
        (_SORAFENIB, response_statement("SD")),
        NOT_MET,
    ),
    Case(
        "I5a",
        "a response that cannot be evaluated says nothing",
        (_SORAFENIB, response_statement("NE")),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "progression exactly one month after the start counts",
        (drug(on="2024-03-20"), _PD),
        MET,
    ),
    Case(
        "I5a",
        "progression a day before the month is over is too early",
        (drug(on="2024-03-21"), _PD),
        UNKNOWN,
        missing="assessment of progression under sorafenib, 21 April 2024 or later",
    ),
    Case(
        "I5a",
        "the month after 31 January ends on 29 February in a leap year",
        (drug(on="2024-01-31"), response_statement("PD", on="2024-02-29")),
        MET,
    ),
    Case(
        "I5a",
        "while the month runs, its end is when the answer may change",
        (drug(on="2024-04-20"),),
        UNKNOWN,
        until="2024-05-20T00:00:00+00:00",
    ),
    Case(
        "I5a",
        "a start known to the month counts from its last day",
        (drug(on="2024-03"), response_statement("PD", on="2024-04-29")),
        UNKNOWN,
    ),
    Case("I5a", "an undated intake has no start", (drug(on=None), _PD), UNKNOWN, missing="with its start"),
    Case(
        "I5a",
        "a drug recorded as not taken was not taken",
        (drug(on="2024-01-10", taken=False), _PD),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "a prescription is the least trusted record, but one",
        (drug(on="2024-01-10", by="request", taken=None), _PD),
        MET,
    ),
    Case(
        "I5a",
        "the start is that of the most trusted kind of record",
        (drug(on="2024-01-10", by="request", taken=None), drug(on="2024-04-01", by="administration"), _PD),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "therapy before the transplant treated another tumour",
        (procedure(on="2024-02-01"), _SORAFENIB, _PD),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "therapy before a transplant was recorded may still follow it",
        (
            diagnosis("transplanted-liver-present", on="2024-02-01", onset_stated=False),
            _SORAFENIB,
            _PD,
        ),
        MET,
    ),
    Case("I5a", "therapy after the transplant counts", (procedure(on="2021-06-01"), _SORAFENIB, _PD), MET),
    Case(
        "I5a",
        "progression before the therapy is none under it",
        (_SORAFENIB, response_statement("PD", on="2024-01-09")),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "two readings of one day conflict",
        (_SORAFENIB, _PD, response_statement("SD", on="2024-04-20", reader="reader-2")),
        CONFLICT,
    ),
    Case(
        "I5a",
        "a progression that nobody denies stands beside one that is denied",
        (
            _SORAFENIB,
            response_statement("PD", on="2024-03-01"),
            _PD,
            response_statement("SD", on="2024-04-20"),
        ),
        MET,
    ),
    Case(
        "I5a",
        "progression is derived from the lesions where no reader states it",
        (
            _SORAFENIB,
            lesion(on="2024-01-05", viable="20", longest="22", hyperenhancement=True),
            lesion(on="2024-04-20", viable="30", longest="32", hyperenhancement=True),
        ),
        MET,
        says="progression on 20 April 2024",
    ),
    Case(
        "I5a",
        "lesions that did not grow are no progression",
        (
            _SORAFENIB,
            lesion(on="2024-01-05", viable="20", longest="22", hyperenhancement=True),
            lesion(on="2024-04-20", viable="20", longest="22", hyperenhancement=True),
        ),
        NOT_MET,
    ),
    Case(
        "I5a",
        "lesions measured long before the drug are no baseline, not even for one read as new",
        (
            _SORAFENIB,
            lesion(on="2023-09-05", viable="20", longest="22", hyperenhancement=True),
            lesion(on="2024-04-20", viable="40", longest="42", hyperenhancement=True),
            lesion("lesion-2", on="2024-04-20", role="new", organ="lung", longest="15"),
        ),
        UNKNOWN,
    ),
    Case(
        "I5a",
        "without lesions measured before the drug nothing can be said to have grown",
        (_SORAFENIB, lesion(on="2024-04-20", viable="30", longest="32", hyperenhancement=True)),
        UNKNOWN,
    ),
    *_attested("I5b", "targeted-therapy-intolerance"),
)

PD_L1: Final = (
    Case("I6", "not tested", (), UNKNOWN, missing="PD-L1 by immunohistochemistry in the graft liver"),
    Case("I6", "negative in the graft", (pd_l1(),), MET, says="PD-L1 negative in the graft liver"),
    Case("I6", "positive in the graft", (pd_l1("positive"),), NOT_MET),
    Case(
        "I6",
        "negative in the tumour says nothing of the graft",
        (pd_l1(tissue="tumour"),),
        UNKNOWN,
        says="tumour only",
    ),
    Case("I6", "tissue not recorded", (pd_l1(tissue=None),), UNKNOWN, missing="tissue of the PD-L1 specimen"),
    Case("I6", "the specimen tells the tissue", (pd_l1(tissue=None, specimen="s"), specimen("s")), MET),
    Case(
        "I6",
        "a specimen named as graft and as tumour is neither for certain",
        (pd_l1(specimen="s"), specimen("s", "tumour")),
        UNKNOWN,
    ),
    Case("I6", "a positive tumour beside a negative graft", (pd_l1(), pd_l1("positive", tissue="tumour")), MET),
    Case("I6", "the newest result on the graft decides", (pd_l1(on="2024-03-01"), pd_l1("positive")), NOT_MET),
    Case("I6", "two results of one day conflict", (pd_l1(), pd_l1("positive")), CONFLICT),
    Case("I6", "0 % of cells is negative", (pd_l1(None, percent="0"),), MET, says="0 %"),
    Case("I6", "just below the cut-off", (pd_l1(None, percent="0.99"),), MET),
    Case("I6", "at the cut-off it is positive", (pd_l1(None, percent="1"),), NOT_MET),
    Case("I6", "below 1 % is negative", (pd_l1(None, percent="<1"),), MET),
    Case("I6", "below 5 % may be either", (pd_l1(None, percent="<5"),), UNKNOWN),
    Case("I6", "the pathologist's word goes before the percentage", (pd_l1("negative", percent="1"),), MET),
    Case("I6", "a result that says neither", (pd_l1(None),), UNKNOWN, missing="positive or negative"),
    Case("I6", "sampled on the day of the first dose", (pd_l1(on="2024-04-02"), dose(on="2024-04-02")), MET),
    Case(
        "I6",
        "an infusion that was not done began nothing",
        (pd_l1(on="2024-04-03"), dose(on="2024-04-02", status="not-done", taken=False)),
        MET,
    ),
    Case(
        "I6",
        "sampled after immunotherapy began",
        (pd_l1(on="2024-04-03"), dose(on="2024-04-02")),
        UNKNOWN,
        missing="before immunotherapy",
    ),
    Case(
        "I6",
        "sampled before the first dose and reported after it",
        (pd_l1(on="2024-04-05", specimen="s"), specimen("s", on="2024-04-01"), dose(on="2024-04-02")),
        MET,
    ),
    Case(
        "I6",
        "sampled in the month of the first dose, in no known order",
        (pd_l1(on="2024-04"), dose(on="2024-04-02")),
        UNKNOWN,
        missing="date of the PD-L1 specimen",
    ),
)

AGE: Final = (
    Case("I7", "birth date unknown", (demographics(None),), UNKNOWN, missing="birth date"),
    Case("I7", "50 years", (demographics("1974-01-01"),), MET, until="2040-01-01T00:00:00+00:00"),
    Case("I7", "18 on the day", (demographics("2006-05-05"),), MET, says="age is within 18 to 65 years"),
    Case("I7", "a day short of 18", (demographics("2006-05-06"),), NOT_MET, until="2024-05-06T00:00:00+00:00"),
    Case("I7", "65 is included", (demographics("1958-05-06"),), MET, until="2024-05-06T00:00:00+00:00"),
    Case("I7", "66 on the day", (demographics("1958-05-05"),), NOT_MET),
    Case("I7", "the year is enough in the middle", (demographics("1970"),), MET),
    Case(
        "I7",
        "the year is not enough at the bound",
        (demographics("1958"),),
        UNKNOWN,
        missing="exact birth date",
    ),
    Case(
        "I7",
        "two records on both sides conflict",
        (demographics("1950-01-01"), demographics("1980-01-01")),
        CONFLICT,
    ),
    Case("I7", "born on 29 February: 66 on 1 March", (demographics("1960-02-29"),), MET, at="2026-02-28"),
    Case("I7", "and no longer on that day", (demographics("1960-02-29"),), NOT_MET, at="2026-03-01"),
)

CASES: Final = (
    *_attested("I4", "not-resectable"),
    *TARGETED_THERAPY,
    *PD_L1,
    *AGE,
    *_attested("I10", "survival-over-3-months"),
)
