"""Decides the patients with signs of graft rejection: watched, suspected, proven, refuted, too late."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import treated
from services.cli.simulate.entries import (
    BiopsyPanel,
    BiopsyPart,
    Diagnosis,
    Drug,
    Lab,
    Report,
)
from services.cli.simulate.scenarios.scenario import Safety
from services.cli.simulate.scenarios.watched import EARLIER, RECENT, watched

_REJECTION: Final = "liver-transplant-rejection"


def _biopsy(day: int, portal: int, bile_duct: int, venous: int) -> tuple[BiopsyPart, ...]:
    """The three parts of the rejection activity index of one biopsy."""
    return (
        BiopsyPart(key="rai-portal", concept="rai-portal", points=portal, day=day),
        BiopsyPart(key="rai-bile-duct", concept="rai-bile-duct", points=bile_duct, day=day),
        BiopsyPart(key="rai-venous", concept="rai-venous", points=venous, day=day),
    )


def _trough(value: str, day: int) -> Lab:
    return Lab(key="trough-later", concept="tacrolimus-trough", value=value, day=day)


_RISE: Final = {28: {"alt": "160"}, 35: {"alt": "170"}}
"""ALT grade 2: above 3 and up to 5 times its limit."""
_SUDDEN: Final = {
    14: {"alt": "220", "ast": "150"},
    21: {"alt": "260", "ast": "170"},
    28: {"alt": "90", "ast": "60"},
}
"""ALT grade 3 and AST grade 2 at their worst, falling after treatment of the rejection."""
_SUDDEN_GRADES: Final = {"alt": 3, "ast": 2}
_PROVEN_CASE: Final = {"rejection": 1}
"""Proven rejection is itself a medically important event."""

_SUSPICION: Final = (
    watched(
        "rejection-watch",
        "ALT rises to exactly 3 times its limit: grade 1, more than its own baseline.",
        treated(first=RECENT, liver={28: {"alt": "90"}, 35: {"alt": "120"}}),
        Safety(rejection="watch", grades={"alt": 1}),
    ),
    watched(
        "rejection-watch-grade-2",
        "ALT at exactly 5 times its limit is grade 2; the trough is in its band and no dose was reduced.",
        treated(_trough("5.0", RECENT + 35), first=RECENT, liver={28: {"alt": "160"}, 35: {"alt": "200"}}),
        Safety(rejection="watch", grades={"alt": 2}),
    ),
    watched(
        "rejection-suspected-grade-3",
        "ALT reaches 6 times its limit: grade 3 alone raises suspicion.",
        treated(first=RECENT, liver={28: {"alt": "150"}, 35: {"alt": "240", "ast": "130"}}),
        Safety(rejection="suspected", grades={"alt": 3, "ast": 2}),
    ),
    watched(
        "rejection-suspected-low-trough",
        "ALT grade 2 with tacrolimus at 1.0 ng/mL.",
        treated(_trough("1.0", RECENT + 35), first=RECENT, liver=_RISE),
        Safety(rejection="suspected", grades={"alt": 2}),
    ),
    watched(
        "rejection-suspected-reduction",
        "ALT grade 2, ten days after tacrolimus was reduced from 4 to 2 mg a day.",
        treated(
            Drug(
                key="tacrolimus",
                drug="tacrolimus",
                day=-300,
                until=RECENT + 22,
                dose="2",
                per_day=2,
                status="completed",
            ),
            Drug(key="tacrolimus-reduced", drug="tacrolimus", day=RECENT + 22, dose="1", per_day=2),
            _trough("4.0", RECENT + 35),
            first=RECENT,
            liver=_RISE,
        ),
        Safety(rejection="suspected", grades={"alt": 2}),
    ),
    watched(
        "rejection-suspected-indeterminate-biopsy",
        "The biopsy scores 2: indeterminate, which is suspicion and no proof.",
        treated(*_biopsy(RECENT + 33, 1, 1, 0), first=RECENT, liver={28: {"alt": "100"}, 35: {"alt": "110"}}),
        Safety(rejection="suspected", grades={"alt": 1}),
    ),
    watched(
        "rejection-suspected-no-diagnosis",
        "The biopsy scores 5, but no pathologist has stated the diagnosis.",
        treated(*_biopsy(RECENT + 33, 2, 2, 1), first=RECENT, liver={28: {"alt": "100"}, 35: {"alt": "110"}}),
        Safety(rejection="suspected", grades={"alt": 1}),
    ),
    watched(
        "rejection-provisional-refuted",
        "Rejection was diagnosed provisionally and is refuted in the second phase; liver tests stay normal.",
        treated(
            Diagnosis(key="rejection", concept=_REJECTION, day=RECENT + 25, verification="provisional"),
            Diagnosis(
                key="rejection",
                concept=_REJECTION,
                day=RECENT + 25,
                verification="refuted",
                version=2,
                phase=2,
            ),
            first=RECENT,
        ),
        Safety(),
    ),
    watched(
        "rejection-provisional",
        "Rejection is diagnosed provisionally, with normal liver tests.",
        treated(
            Diagnosis(key="rejection", concept=_REJECTION, day=RECENT + 25, verification="provisional"),
            first=RECENT,
        ),
        Safety(rejection="suspected"),
    ),
)

_PROVEN: Final = (
    watched(
        "rejection-proven-moderate",
        "The biopsy scores 6 and its report concludes rejection; methylprednisolone is given.",
        treated(
            *_biopsy(EARLIER + 22, 2, 2, 2),
            Report(key="biopsy-report", day=EARLIER + 22, concludes=_REJECTION),
            Drug(
                key="steroid",
                drug="methylprednisolone",
                record="administration",
                day=EARLIER + 23,
                dose="500",
                status="completed",
            ),
            first=EARLIER,
            last=EARLIER + 14,
            liver=_SUDDEN,
        ),
        Safety(rejection="proven", severity="moderate", endpoint=True, grades=_SUDDEN_GRADES, events=_PROVEN_CASE),
    ),
    watched(
        "rejection-proven-mild",
        "The biopsy scores exactly 3, in one Observation; the diagnosis is confirmed in the second phase.",
        treated(
            BiopsyPanel(key="rai", day=EARLIER + 22, portal=1, bile_duct=1, venous=1),
            Diagnosis(key="rejection", concept=_REJECTION, day=EARLIER + 22, phase=2),
            first=EARLIER,
            last=EARLIER + 14,
            liver=_SUDDEN,
        ),
        Safety(rejection="proven", severity="mild", endpoint=True, grades=_SUDDEN_GRADES, events=_PROVEN_CASE),
    ),
    watched(
        "rejection-proven-severe",
        "The biopsy scores 8; ALT is above 20 times its limit and bilirubin above 3 times.",
        treated(
            *_biopsy(RECENT + 30, 3, 3, 2),
            Diagnosis(key="rejection", concept=_REJECTION, day=RECENT + 30),
            first=RECENT,
            last=RECENT + 14,
            liver={
                21: {"alt": "300"},
                28: {"alt": "900", "ast": "700", "bilirubin-total": "4.0"},
                35: {"alt": "410", "ast": "300", "bilirubin-total": "3.0"},
            },
        ),
        Safety(
            rejection="proven",
            severity="severe",
            endpoint=True,
            grades={"alt": 4, "ast": 3, "bilirubin-total": 3},
            events={"rejection": 1, "grade-4": 1, "hys-law": 1},
        ),
    ),
    watched(
        "rejection-proven-by-diagnosis",
        "A confirmed diagnosis without a biopsy score: proven, of no known severity.",
        treated(Diagnosis(key="rejection", concept=_REJECTION, day=EARLIER + 22), first=EARLIER, liver=_SUDDEN),
        Safety(rejection="proven", endpoint=True, grades=_SUDDEN_GRADES, events=_PROVEN_CASE),
    ),
    watched(
        "rejection-after-window",
        "Rejection 134 days after the last dose is proven, but is no endpoint.",
        treated(Diagnosis(key="rejection", concept=_REJECTION, day=-18), first=-180, last=-152),
        Safety(rejection="proven"),
    ),
    watched(
        "rejection-before-treatment",
        "A rejection in the year before the first dose is history, not an event.",
        treated(Diagnosis(key="rejection", concept=_REJECTION, day=EARLIER - 250), first=EARLIER),
        Safety(),
    ),
)

REJECTION: Final = (*_SUSPICION, *_PROVEN)
