"""Decides which lesions were resected, ablated, embolised or irradiated, and since when they cannot be evaluated.

A lesion that was removed or destroyed says nothing about the trial's drug from then on. Does not decide whether such
a treatment ends the evaluation of response altogether.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

import msgspec

from shared.facts import LesionMeasurement, ProcedurePerformed
from shared.rules.mrecist.doubt import Doubt, about
from shared.rules.mrecist.followed import Followed
from shared.rules.mrecist.lesions import is_node
from shared.rules.mrecist.model import Lesion, Reading
from shared.rules.mrecist.readings import day
from shared.rules.mrecist.wording import where
from shared.terminology import concept
from shared.timeline import Timeline
from shared.wording import on_day


class LocalTreatments(msgspec.Struct, frozen=True):
    """The first local treatment of each lesion that had one after its baseline, and what is unknown about them."""

    of_lesion: dict[str, ProcedurePerformed]
    doubts: tuple[Doubt, ...] = ()


def local_treatments(
    known: Timeline, concepts: Collection[str], followed: Followed, baseline_on: date | None
) -> LocalTreatments:
    """Whom each procedure treated: the lesions it names, else every lesion followed in the organs it names.

    A procedure before the baseline is part of what the baseline shows. One without a date, or that names neither
    lesion nor organ, changes nothing and is named.
    """
    done = [p for p in known.of(ProcedurePerformed) if p.performed and p.concept in concepts]
    if not done or baseline_on is None:
        return LocalTreatments({})
    lesions, structures = (*followed.targets, *followed.non_targets), _structures(known)
    of_lesion: dict[str, ProcedurePerformed] = {}
    doubts: list[Doubt] = []
    for procedure in done:
        if procedure.occurred is None:
            doubts.append(about(f"{named(procedure)} has no date: what it changed is unknown", [procedure]))
        elif procedure.occurred.last_day >= baseline_on:
            treated = _treated(procedure, lesions, structures)
            doubts += _unclear(procedure, treated)
            for lesion in treated:
                of_lesion.setdefault(lesion.key, procedure)
    return LocalTreatments(of_lesion, tuple(doubts))


def since_treatment(reading: Reading, treatment: ProcedurePerformed) -> Reading:
    """Not evaluable on the day of the treatment and after it; a reader's word of unequivocal progression stands."""
    begun = treatment.occurred
    if begun is None or not reading.records or day(reading.records[-1]).last_day < begun.day:
        return reading
    says = f"{named(treatment)} on {on_day(begun.day)}: not evaluable from then on"
    return msgspec.structs.replace(reading, size_mm=None, present=None, reason=says, treatment=treatment)


def named(treatment: ProcedurePerformed) -> str:
    """`ablation of tumour`."""
    display = concept(treatment.concept).display
    return display[0].lower() + display[1:]


def _structures(known: Timeline) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for m in known.of(LesionMeasurement):
        if m.body_structure is not None:
            found.setdefault(m.lesion, set()).add(m.body_structure)
    return found


def _treated(procedure: ProcedurePerformed, lesions: Sequence[Lesion], structures: dict[str, set[str]]) -> list[Lesion]:
    if procedure.lesions:
        wanted = set(procedure.lesions)
        return [x for x in lesions if x.key in wanted or not wanted.isdisjoint(structures.get(x.key, ()))]
    return [x for x in lesions if x.organ is not None and any(_within(x, organ) for organ in procedure.organs)]


def _within(lesion: Lesion, organ: str) -> bool:
    return lesion.organ == organ or (organ == "node" and is_node(lesion.organ))


def _unclear(procedure: ProcedurePerformed, treated: Sequence[Lesion]) -> Iterator[Doubt]:
    name = named(procedure)
    if not procedure.lesions and not procedure.organs:
        yield about(f"{name} names neither lesion nor organ: whether a target was treated is unknown", [procedure])
    elif procedure.lesions and not treated:
        yield about(f"{name} names a lesion that is not followed", [procedure])
    elif not procedure.lesions and len(treated) > 1:
        yield about(
            f"{name} {_places(procedure.organs)} does not name its lesion: none of those there can be evaluated since",
            [procedure],
        )


def _places(organs: Iterable[str]) -> str:
    return " and ".join(where(organ) for organ in organs)
