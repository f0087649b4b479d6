"""Decides the chart of a patient who meets every criterion, and of one who is treated; scenarios change it.

All evidence is dated so that it counts `at` that day: laboratory and findings 4 days before it, imaging 12.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from services.cli.simulate.entries import (
    AnyEntry,
    Attestation,
    Diagnosis,
    Drug,
    DrugForm,
    Finding,
    Flag,
    Irrelevant,
    Lab,
    Lesion,
    PdL1,
    Person,
    Removed,
    Score,
    Stay,
    Tissue,
    Transplant,
)

LIVER_TESTS: Final[Mapping[str, str]] = {
    "alt": "28",
    "ast": "30",
    "alp": "95",
    "ggt": "45",
    "bilirubin-total": "0.9",
}
"""Liver tests of a patient without liver disease, normal at both sites."""

PANEL: Final[Mapping[str, str]] = {
    **LIVER_TESTS,
    "albumin": "3.9",
    "inr": "1.05",
    "platelets": "140",
    "neutrophils": "3.20",
    "haemoglobin": "12.1",
    "wbc": "5.4",
    "creatinine": "0.9",
    "afp": "220",
    "tsh": "2.1",
}
_HISTORY: Final = ("alt", "platelets", "creatinine", "afp")
_DOSE_INTERVAL: Final = 14
_DENSE_WEEKS: Final = 8
_LATER: Final = (98, 154)

Chart = tuple[AnyEntry | Removed, ...]


def candidate(
    *changed: AnyEntry | Removed,
    at: int = 0,
    without: Collection[str] = (),
    labs: Mapping[str, str | None] | None = None,
) -> Chart:
    """A chart that meets every criterion on the day `at`.

    `changed` entries take the place of those with their key, or are added; `without` names what is missing;
    `labs` replaces values of the panel (None: that test is missing).
    """
    values: dict[str, str | None] = {**PANEL, **(labs or {})}
    panel = [_lab(concept, value, at - 4) for concept, value in values.items() if value is not None]
    usual = [*_person_and_history(at), *_tumour(at), *_judgements(at), *panel]
    return changed_chart(usual, changed, without)


def changed_chart(
    usual: Iterable[AnyEntry | Removed], changed: Iterable[AnyEntry | Removed], without: Collection[str] = ()
) -> Chart:
    """The usual entries, each with what is changed about its record, and new ones at the end.

    A first version takes the usual entry's place; a later version, or a removal, follows it.
    """
    pending = list(changed)
    chart: list[AnyEntry | Removed] = []
    for entry in usual:
        mine = [c for c in pending if c.key == entry.key]
        pending = [c for c in pending if c.key != entry.key]
        kept = entry.key not in without and all(c.version > 1 for c in mine)
        chart += [entry, *mine] if kept else mine
    return (*chart, *pending)


def treated(
    *changed: AnyEntry | Removed,
    first: int,
    last: int = -2,
    liver: Mapping[int, Mapping[str, str]] | None = None,
    labs: Mapping[str, str | None] | None = None,
    without: Collection[str] = (),
    form: DrugForm = "site",
) -> Chart:
    """A chart that meets every criterion at the first dose, with doses and liver tests since.

    `liver` replaces results by days from the first dose. Doses are given every two weeks until `last`.
    """
    before = candidate(at=first, labs=labs)
    course = [*doses(first, last, form), *surveillance(first, liver or {})]
    return changed_chart([*before, *course], changed, without)


def doses(first: int, last: int, form: DrugForm = "site") -> list[AnyEntry]:
    """Infusions of 200 mg of the trial's drug every two weeks."""
    return [dose(number, day, form=form) for number, day in enumerate(range(first, last + 1, _DOSE_INTERVAL), 1)]


def dose(
    number: int,
    day: int,
    *,
    mg: str = "200",
    status: str = "completed",
    form: DrugForm = "site",
    version: int = 1,
    phase: int = 1,
) -> Drug:
    """One infusion of the trial's drug."""
    return Drug(
        key=f"dose-{number}",
        day=day,
        drug="camrelizumab",
        record="administration",
        status=status,
        dose=mg,
        form=form,
        version=version,
        phase=phase,
    )


def surveillance(first: int, liver: Mapping[int, Mapping[str, str]]) -> list[AnyEntry]:
    """Liver tests weekly for eight weeks from the first dose, then two more, and on the days of `liver`."""
    dense = range(7, 7 * _DENSE_WEEKS + 1, 7)
    days = sorted({*dense, *_LATER, *liver})
    return [
        Lab(key=f"{concept}-day{day}", concept=concept, value=value, day=first + day)
        for day in days
        if first + day <= -2
        for concept, value in {**LIVER_TESTS, **liver.get(day, {})}.items()
    ]


def lab(concept: str, value: str | None, day: int = -4, **rest: Any) -> Lab:
    """A result of the panel, changed."""
    return Lab(key=concept, concept=concept, value=value, day=day, **rest)


def _lab(concept: str, value: str, day: int) -> Lab:
    return Lab(key=concept, concept=concept, value=value, day=day)


def _person_and_history(at: int) -> list[AnyEntry]:
    past = [Lab(key=f"{concept}-past", concept=concept, value=PANEL[concept], day=at - 60) for concept in _HISTORY]
    return [
        Person(day=at - 90),
        Stay(key="stay-transplant", day=at - 1502, until=at - 1480, kind="IMP"),
        Stay(key="visit-clinic", day=at - 4, until=at - 4, kind="AMB"),
        Diagnosis(key="hcc", concept="hcc", day=at - 1600),
        Flag(key="pathology", concept="pathology-confirmed", value=True, day=at - 1590),
        Transplant(day=at - 1500),
        Drug(key="tacrolimus", drug="tacrolimus", day=at - 300, dose="2", per_day=2),
        Lab(key="tacrolimus-trough", concept="tacrolimus-trough", value="5.0", day=at - 4),
        Irrelevant(key="blood-pressure", kind="blood-pressure", day=at - 4),
        *past,
    ]


def _tumour(at: int) -> list[AnyEntry]:
    return [
        Flag(key="recurrence", concept="recurrence-on-imaging", value=True, method="ct", day=at - 12),
        liver_lesion("liver-1", "24", at - 12, key="liver-1-baseline"),
        lung_lesion("lung-1", "18", at - 12, key="lung-1-baseline"),
        Drug(key="targeted", drug="sorafenib", day=at - 200, dose="400", per_day=2),
        Finding(key="progression", concept="mrecist-response", answer="PD", day=at - 13),
        PdL1(key="pd-l1", day=at - 25),
        Tissue(key="graft-biopsy", day=at - 27),
    ]


def _judgements(at: int) -> list[AnyEntry]:
    return [
        Attestation(key="not-resectable", code="not-resectable", day=at - 6),
        Attestation(key="survival", code="survival-over-3-months", day=at - 6),
        Finding(key="ascites", concept="ascites", answer="none", day=at - 4),
        Finding(key="encephalopathy", concept="encephalopathy", answer="none", day=at - 4),
        Score(key="ecog", day=at - 4),
    ]


def liver_lesion(lesion: str, viable: str, day: int, *, key: str | None = None, **rest: Any) -> Lesion:
    """A lesion of the graft, measured by its enhancing part; the rest of it adds 2 mm."""
    enhancing = viable != "0"
    usual: dict[str, Any] = {
        "longest": str(int(viable) + 2) if viable.isdigit() else None,
        "enhancing": enhancing,
        "washout": enhancing,
    }
    return Lesion(key=key or f"{lesion}-{-day}", lesion=lesion, viable=viable, day=day, **{**usual, **rest})


def lung_lesion(lesion: str, longest: str | None, day: int, *, key: str | None = None, **rest: Any) -> Lesion:
    """A metastasis of the lung, measured by its full diameter."""
    return Lesion(key=key or f"{lesion}-{-day}", lesion=lesion, organ="lung", longest=longest, day=day, **rest)
