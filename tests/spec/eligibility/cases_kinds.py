"""Specification of the kinds of criteria that the first trial does not need: each at its bounds, stale and contradicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from shared.facts import AnyFact
from shared.outcomes import Verdict
from tests.support.build import demographics, diagnosis, dose, drug, lab, procedure, scale

MET, NOT_MET, UNKNOWN, CONFLICT = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT
TODAY: Final = "2024-05-05"


@dataclass(frozen=True)
class KindCase:
    """At `at` (noon), these facts make this verdict on a criterion as a protocol file would state it."""

    criterion: str
    clause: str
    facts: tuple[AnyFact, ...]
    verdict: Verdict
    at: str = TODAY
    says: str = ""
    missing: str = ""
    until: str | None = None

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.criterion}-{self.verdict}-{self.clause}"


def _stated(**fields: Any) -> dict[str, Any]:
    values = {name: {"value": value, "source": "site"} if name in _SOURCED else value for name, value in fields.items()}
    return {"id": "K1", "sources": ["site"], **values}


_SOURCED: Final = frozenset(
    {
        "at_least",
        "at_most",
        "at_most_grade",
        "window_days",
        "pathology",
        "unrecorded",
        "drugs",
        "at_least_days",
        "at_most_days",
        "longest_pause_days",
    }
)

CRITERIA: Final[dict[str, dict[str, Any]]] = {
    "adult": _stated(kind="age", title="18 years or more", at_least=18),
    "haemoglobin-band": _stated(
        kind="laboratory", title="haemoglobin 9 to 18 g/dL", concept="haemoglobin", at_least="9", at_most="18",
        unit="g/dL", window_days=14,
    ),
    "creatinine-ever": _stated(
        kind="laboratory", title="latest creatinine at most 1.5 mg/dL", concept="creatinine", at_most="1.5",
        unit="mg/dL", window_days=None,
    ),
    "trough": _stated(
        kind="trough", title="tacrolimus trough 3 to 8 ng/mL", concept="tacrolimus-trough", at_least="3", at_most="8",
        unit="ng/mL", window_days=14,
    ),
    "ecog": _stated(kind="scale", title="ECOG 0 or 1", scale="ecog", at_most="1", window_days=28),
    "karnofsky": _stated(kind="scale", title="Karnofsky 70 or more", scale="karnofsky", at_least="70", window_days=28),
    "albi": _stated(kind="albi", title="ALBI grade 1", at_most_grade=1, window_days=14),
    "albi-2": _stated(kind="albi", title="ALBI grade 1 or 2", at_most_grade=2, window_days=14),
    "procedure": _stated(kind="procedure", title="transplant", concept="liver-transplantation", window_days=None),
    "recent-procedure": _stated(
        kind="procedure", title="transplant within a year", concept="liver-transplantation", window_days=365
    ),
    "no-record": _stated(
        kind="procedure", title="transplant", concept="liver-transplantation", window_days=None, unrecorded="absent"
    ),
    "no-diagnosis": _stated(
        kind="diagnosis", title="transplanted liver", concept="transplanted-liver-present", pathology="not-required",
        unrecorded="absent",
    ),
    "order": _stated(
        kind="order", title="carcinoma at most 2 years before the transplant", at_least_days=0, at_most_days=730,
        earlier={"concept": "hcc", "which": "first"}, later={"concept": "liver-transplantation", "which": "first"},
    ),
    "washout": _stated(
        kind="order", title="4 weeks between sorafenib and lenvatinib", at_least_days=28,
        earlier={"concept": "sorafenib", "which": "last"}, later={"concept": "lenvatinib", "which": "first"},
    ),
    "exposure": _stated(
        kind="drug-exposure", title="sorafenib or lenvatinib for 28 days", drugs=["sorafenib", "lenvatinib"],
        at_least_days=28, longest_pause_days=7, window_days=None,
    ),
    "recent-exposure": _stated(
        kind="drug-exposure", title="prednisone in the last 14 days", drugs=["prednisone"], at_least_days=1,
        longest_pause_days=0, window_days=14, unrecorded="absent",
    ),
    "dose": _stated(
        kind="daily-dose", title="tacrolimus at most 2 mg a day", drug="tacrolimus", at_most="2", window_days=None
    ),
}  # fmt: skip

BANDS: Final = (
    KindCase("adult", "no upper bound", (demographics("1930-01-01"),), MET, says="age is within 18 years or more"),
    KindCase("adult", "a day too young", (demographics("2006-05-06"),), NOT_MET, until="2024-05-06T00:00:00+00:00"),
    KindCase("adult", "no birth date", (demographics(None),), UNKNOWN, missing="birth date"),
    KindCase("haemoglobin-band", "lower bound", (lab("haemoglobin", "9"),), MET, says="needs ≥ 9 and ≤ 18 g/dL"),
    KindCase("haemoglobin-band", "upper bound", (lab("haemoglobin", "18"),), MET),
    KindCase("haemoglobin-band", "below", (lab("haemoglobin", "8.9"),), NOT_MET),
    KindCase("haemoglobin-band", "above", (lab("haemoglobin", "18.1"),), NOT_MET),
    KindCase("haemoglobin-band", "beyond what could be measured", (lab("haemoglobin", ">12"),), UNKNOWN),
    KindCase("haemoglobin-band", "g/L are converted", (lab("haemoglobin", "121", "g/L"),), MET, says="12.1 g/dL"),
    KindCase("creatinine-ever", "a value of years ago counts", (lab("creatinine", "1.5", on="2015-01-01"),), MET),
    KindCase("creatinine-ever", "never measured", (), UNKNOWN, missing="creatinine"),
    KindCase("creatinine-ever", "beyond the bound", (lab("creatinine", "1.6", on="2015-01-01"),), NOT_MET),
    KindCase("trough", "within the band", (lab("tacrolimus-trough", "3"),), MET, says="tacrolimus trough 3 ng/mL"),
    KindCase("trough", "above the band", (lab("tacrolimus-trough", "8.1"),), NOT_MET),
    KindCase("trough", "too old", (lab("tacrolimus-trough", "5", on="2024-04-20"),), UNKNOWN, missing="within 14 days"),
    KindCase(
        "trough", "two of one day contradict each other",
        (lab("tacrolimus-trough", "5"), lab("tacrolimus-trough", "9")), CONFLICT, missing="one tacrolimus trough",
    ),
)  # fmt: skip

SCALES: Final = (
    KindCase("ecog", "at the bound", (scale("ecog", "1"),), MET, says="ECOG 1 on 1 May 2024, needs ≤ 1"),
    KindCase("ecog", "beyond the bound", (scale("ecog", "2"),), NOT_MET),
    KindCase("ecog", "the newest decides", (scale("ecog", "2"), scale("ecog", "1", on="2024-05-02")), MET),
    KindCase("ecog", "two of one day", (scale("ecog", "0"), scale("ecog", "2")), CONFLICT, missing="one ECOG score"),
    KindCase("ecog", "28 days ago", (scale("ecog", "1", on="2024-04-07"),), MET, until="2024-05-06T00:00:00+00:00"),
    KindCase("ecog", "29 days ago", (scale("ecog", "1", on="2024-04-06"),), UNKNOWN, says="is older than 28 days"),
    KindCase("ecog", "another scale says nothing", (scale("karnofsky", "90"),), UNKNOWN, missing="ECOG within 28 days"),
    KindCase("karnofsky", "at the bound", (scale("karnofsky", "70"),), MET),
    KindCase("karnofsky", "below the bound", (scale("karnofsky", "60"),), NOT_MET),
    KindCase("karnofsky", "not recorded", (), UNKNOWN),
)


def _albi(bilirubin: str | None, albumin: str | None, on: str = "2024-05-03") -> tuple[AnyFact, ...]:
    found = [lab("bilirubin-total", bilirubin, on=on)] if bilirubin is not None else []
    return (*found, *([lab("albumin", albumin, on=on)] if albumin is not None else []))


ALBI: Final = (
    KindCase("albi", "bilirubin 0.6 mg/dL, albumin 4.2 g/dL: -2.90", _albi("0.6", "4.2"), MET, says="ALBI grade 1"),
    KindCase("albi", "bilirubin 1 mg/dL, albumin 4.03 g/dL: -2.6117", _albi("1", "4.03"), MET),
    KindCase("albi", "bilirubin 1 mg/dL, albumin 4.01 g/dL: -2.5947", _albi("1", "4.01"), NOT_MET, says="ALBI grade 2"),
    KindCase("albi-2", "bilirubin 2 mg/dL, albumin 2.85 g/dL: -1.410", _albi("2", "2.85"), MET),
    KindCase("albi-2", "bilirubin 2 mg/dL, albumin 2.80 g/dL: -1.368", _albi("2", "2.80"), NOT_MET, says="ALBI grade 3"),
    KindCase("albi", "no albumin", _albi("1", None), UNKNOWN, missing="albumin within 14 days"),
    KindCase("albi", "no bilirubin", _albi(None, "4"), UNKNOWN, missing="bilirubin within 14 days"),
    KindCase("albi", "too old", _albi("1", "4.2", on="2024-04-20"), UNKNOWN),
    KindCase("albi", "bilirubin below what can be measured is as good as it gets", _albi("<0.6", "4.2"), MET),
    KindCase("albi", "bilirubin above what can be measured", _albi(">0.6", "4.2"), UNKNOWN, missing="as exact numbers"),
    KindCase("albi-2", "even the best grade is too bad", _albi(">2", "2.5"), NOT_MET),
    KindCase(
        "albi", "two albumins of one day contradict each other", (*_albi("1", "4.2"), lab("albumin", "3")), CONFLICT,
        missing="one bilirubin and one albumin",
    ),
)  # fmt: skip

RECORDED: Final = (
    KindCase("procedure", "performed", (procedure(),), MET, says="liver transplantation on 1 June 2021"),
    KindCase("procedure", "undated", (procedure(on=None),), MET),
    KindCase("procedure", "recorded as not done", (procedure(performed=False),), NOT_MET),
    KindCase("procedure", "no record is no knowledge", (), UNKNOWN, missing="record of liver transplantation"),
    KindCase("no-record", "unless the protocol takes silence as absence", (), NOT_MET, says="takes as none"),
    KindCase("no-record", "a record still counts", (procedure(),), MET),
    KindCase("no-diagnosis", "silence as absence", (), NOT_MET, says="takes as none"),
    KindCase("no-diagnosis", "recorded", (diagnosis("transplanted-liver-present"),), MET),
    KindCase(
        "no-diagnosis", "a provisional record is no silence",
        (diagnosis("transplanted-liver-present", verification="provisional"),), UNKNOWN,
    ),
    KindCase(
        "recent-procedure", "in the window, until its end", (procedure(on="2023-06-01"),), MET,
        until="2024-06-01T00:00:00+00:00",
    ),
    KindCase("recent-procedure", "before the window", (procedure(on="2023-05-04"),), NOT_MET, says="more than 365 days"),
    KindCase("recent-procedure", "the year alone leaves it open", (procedure(on="2023"),), UNKNOWN, missing="date of"),
    KindCase("recent-procedure", "undated", (procedure(on=None),), UNKNOWN),
)  # fmt: skip

ORDER: Final = (
    KindCase("order", "within the bounds", (diagnosis(on="2021-03-01"), procedure()), MET),
    KindCase("order", "on the same day", (diagnosis(on="2021-06-01"), procedure()), MET),
    KindCase("order", "a day after", (diagnosis(on="2021-06-02"), procedure()), NOT_MET),
    KindCase("order", "730 days before", (diagnosis(on="2019-06-02"), procedure()), MET),
    KindCase("order", "731 days before", (diagnosis(on="2019-06-01"), procedure()), NOT_MET),
    KindCase("order", "the year alone proves it", (diagnosis(on="2020"), procedure()), MET),
    KindCase("order", "the year alone leaves it open", (diagnosis(on="2021"), procedure()), UNKNOWN, missing="exact"),
    KindCase("order", "recorded without an onset", (diagnosis(onset_stated=False), procedure()), UNKNOWN),
    KindCase("order", "one is not recorded", (procedure(),), UNKNOWN, missing="record of hepatocellular carcinoma"),
    KindCase("order", "a refuted diagnosis is none", (diagnosis(verification="refuted"), procedure()), UNKNOWN),
    KindCase("order", "undated", (diagnosis(on=None), procedure()), UNKNOWN, missing="dates of"),
    KindCase("washout", "long enough", (drug(on="2024-01-01"), drug("lenvatinib", on="2024-01-29")), MET),
    KindCase("washout", "a day short", (drug(on="2024-01-01"), drug("lenvatinib", on="2024-01-28")), NOT_MET),
    KindCase(
        "washout", "the last intake counts",
        (drug(on="2024-01-01"), drug(on="2024-01-20"), drug("lenvatinib", on="2024-01-29")), NOT_MET,
    ),
    KindCase("washout", "a mere prescription is no intake", (drug(taken=None), drug("lenvatinib")), UNKNOWN),
)  # fmt: skip


def _course(until: str, **more: Any) -> AnyFact:
    return drug(on="2024-03-01", until=until, status="completed", **more)


EXPOSURE: Final = (
    KindCase("exposure", "28 days, first and last counted", (_course("2024-03-28"),), MET, says="at least 28 days"),
    KindCase("exposure", "27 days", (_course("2024-03-27"),), NOT_MET),
    KindCase("exposure", "ongoing, long enough", (drug(on="2024-04-08"),), MET),
    KindCase(
        "exposure", "ongoing, not yet: time alone will tell", (drug(on="2024-04-09"),), NOT_MET,
        until="2024-05-06T00:00:00+00:00",
    ),
    KindCase("exposure", "no end recorded", (drug(status="completed", on="2024-03-01"),), UNKNOWN, missing="start and end"),
    KindCase("exposure", "recorded as not taken", (drug(taken=False),), NOT_MET),
    KindCase("exposure", "a prescription leaves it open", (drug(by="request", taken=None, on="2024-03-01"),), UNKNOWN),
    KindCase("exposure", "no record", (), UNKNOWN, missing="intake of sorafenib or lenvatinib"),
    KindCase("exposure", "a start known to the month", (_course("2024-05-01"), drug(on="2024-03", status="x")), MET),
    KindCase(
        "exposure", "a pause of 7 days joins two courses",
        (_course("2024-03-14"), drug(on="2024-03-22", until="2024-04-04", status="completed")), MET,
    ),
    KindCase(
        "exposure", "a pause of 8 days does not",
        (_course("2024-03-14"), drug(on="2024-03-23", until="2024-04-05", status="completed")), NOT_MET,
    ),
    KindCase(
        "exposure", "two drugs do not make one course",
        (_course("2024-03-14"), drug("lenvatinib", on="2024-03-15", until="2024-03-30", status="completed")), NOT_MET,
    ),
    KindCase(
        "recent-exposure", "given 14 days ago", (dose("prednisone", on="2024-04-21"),), MET,
        until="2024-05-06T00:00:00+00:00",
    ),
    KindCase("recent-exposure", "given 15 days ago", (dose("prednisone", on="2024-04-20"),), NOT_MET),
    KindCase("recent-exposure", "silence as absence", (), NOT_MET, says="takes as none"),
    KindCase("recent-exposure", "a prescription may still be taken", (drug("prednisone", taken=None),), UNKNOWN),
)  # fmt: skip


def _daily(dose_: str, times: str | None = "2", **more: Any) -> AnyFact:
    return drug("tacrolimus", dose=dose_, doses_per_day=times, **more)


DOSES: Final = (
    KindCase("dose", "at the bound", (_daily("1"),), MET, says="tacrolimus 2 mg a day on 1 October 2023, needs ≤ 2 mg"),
    KindCase("dose", "beyond the bound", (_daily("1.5"),), NOT_MET),
    KindCase("dose", "how often is not recorded", (_daily("1", None),), UNKNOWN, missing="daily dose of tacrolimus"),
    KindCase("dose", "the newest decides", (_daily("2"), _daily("1", on="2024-01-01")), MET),
    KindCase("dose", "one that has ended does not count", (_daily("1", until="2024-05-04"),), UNKNOWN),
    KindCase("dose", "until it ends", (_daily("1", until="2024-05-20"),), MET, until="2024-05-21T00:00:00+00:00"),
    KindCase("dose", "a statement before a prescription", (_daily("1"), _daily("2", by="request", taken=None)), MET),
    KindCase("dose", "two of one day", (_daily("1"), _daily("2")), CONFLICT, missing="one daily dose"),
)

CASES: Final = (*BANDS, *SCALES, *ALBI, *RECORDED, *ORDER, *EXPOSURE, *DOSES)
