"""`python -m tests.benchmark.safety.false_alarms`: what safety would tell of a hospital in which nobody is on the trial.

The hospital is written by an independent generator (clinosim). None of its patients has a transplanted liver or was ever
given the trial's drug; each is taken as if treated every two weeks from a date on, and what would be told is counted, day
by day, as the records come. So every word of rejection is a false alarm; a stay, a death or a grade 4 value is
in the records, and a case by definition, whatever caused it: those are the workload beside it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import msgspec

from services.cli.demo.background import SEED, SITE, Generation, messages
from services.safety.evaluate import announce, evaluate
from shared import events
from shared.facts import AnyFact, DrugExposure, Source, VitalStatus, stamp
from shared.fhir.context import Context
from shared.fhir.keys import PlainKeys
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted
from shared.outcomes import Outcome
from shared.protocol.load import load
from shared.protocol.model import Protocol
from shared.protocol.scope import scope
from shared.sites import load as load_sites
from shared.timeline import Timeline, offline
from tests.support import build

POPULATION: Final = 150
AS_OF: Final = date(2025, 6, 30)
TREATED_DAYS: Final = 180
"""So long before the end the first dose is given: what came before is the baseline."""
_EVERY_DAYS: Final = 14
_MONTH_DAYS: Final = 30.4375
DOCUMENT: Final = Path("docs/false-alarms.md")
OUT: Final = Path(".graftwatch/bench/false-alarms.json")
_REJECTION: Final = (events.RejectionWatched, events.RejectionSuspected, events.RejectionProven)
_TOXICITY: Final = (events.ToxicityGraded,)


class Counted(msgspec.Struct, frozen=True):
    """What was told of so many patients in so many months."""

    population: int
    patients: int
    patient_months: float
    told: dict[str, int]
    per_100_patient_months: dict[str, float]


def main() -> int:
    """Count, print, write the figures and the page of the documents."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--population", type=int, default=POPULATION)
    arguments.add_argument("--write", action="store_true", help=f"write {DOCUMENT} anew")
    given = arguments.parse_args()
    (protocol,) = load().values()
    generation = Generation(Path(".graftwatch/background"), AS_OF, given.population)
    generation.begin()
    found = counted(_timelines(generation.finish(), protocol), protocol, given.population)
    for name, told in found.told.items():
        print(f"{name:<48}{told:>6}{found.per_100_patient_months[name]:>10} per 100 patient-months")
    print(f"{found.patients} patients, {found.patient_months} patient-months")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    if given.write:
        DOCUMENT.write_text(_page(found), encoding="utf-8")
    return 0


def counted(timelines: Iterable[Timeline], protocol: Protocol, population: int) -> Counted:
    """What is told of each patient from the first dose to death or the end."""
    told: Counter[str] = Counter()
    patients, days = 0, 0
    first = AS_OF - timedelta(days=TREATED_DAYS)
    for timeline in timelines:
        until = _followed_until(timeline)
        if until <= first:
            continue
        patients, days = patients + 1, days + (until - first).days
        told.update(_named(event) for event in _story(_treated(timeline, first, until), protocol, first, until))
    months = round(days / _MONTH_DAYS, 1)
    names = [
        *(_kind(kind) for kind in (*_REJECTION, events.RejectionResolved, events.RejectionRetracted, *_TOXICITY)),
        *sorted(n for n in told if n.startswith(_kind(events.AdverseEventFound))),
    ]
    listed = {name: told[name] for name in dict.fromkeys(names)}
    return Counted(
        population,
        patients,
        months,
        listed,
        {n: round(100 * k / months, 2) if months else 0 for n, k in listed.items()},
    )


def _story(timeline: Timeline, protocol: Protocol, first: date, until: date) -> Iterator[events.AnyEvent]:
    """Everything told, in order: the records of each day are evaluated when the day is over, as a live feed brings them."""
    before: dict[tuple[str, str], Outcome] = {}
    days = {f.occurred.day for f in timeline.facts if f.occurred is not None and first <= f.occurred.day <= until}
    for day in sorted(days):
        at = datetime.combine(day, time(23, 59), tzinfo=UTC)
        outcomes = evaluate(timeline.until(at), protocol, at).outcomes
        after = {(o.kind, o.subject): o for o in outcomes if o.kind not in ("clock", "surveillance")}
        for key in sorted(before.keys() | after.keys()):
            yield from announce(timeline.patient, protocol, before.get(key), after.get(key))
        before = after


def _named(event: events.AnyEvent) -> str:
    """The kind of an event; of a case its kind too, and whether it is a change of one told already."""
    kind = _kind(type(event))
    if not isinstance(event, events.AdverseEventFound):
        return kind
    return f"{kind}: {event.subject.partition('/')[0]}" + (", changed" if event.before is not None else "")


def _kind(kind: type[events.Event]) -> str:
    return str(kind.__struct_config__.tag)


def _timelines(folder: Path, protocol: Protocol) -> Iterator[Timeline]:
    """The hospital's records as the reader reads them, patient by patient."""
    site = load_sites(Path("deploy/sites"))[SITE]
    context = Context(scope([protocol]), PlainKeys(), lambda _site, _id: None, lambda _site, _identifier: None)
    facts: dict[str, list[AnyFact]] = {}
    for message in messages(folder):
        for reading in read_message(message.value, message.key, site, context):
            if isinstance(reading, Accepted) and reading.patient is not None:
                facts.setdefault(reading.patient, []).extend(stamp(f) for f in reading.facts)
    for patient, stated in sorted(facts.items()):
        yield offline(PlainKeys().patient(SITE, patient), stated, datetime.combine(AS_OF, time(), tzinfo=UTC))


def _treated(timeline: Timeline, first: date, until: date) -> Timeline:
    doses = []
    day = first
    while day <= until:
        dose = DrugExposure(
            source=Source("MedicationAdministration", f"dose-{day}"),
            occurred=build.on_date(f"{day}T06:00:00Z"),
            drug="camrelizumab",
            record="administration",
            status="completed",
            taken=True,
        )
        doses.append(stamp(dose))
        day += timedelta(days=_EVERY_DAYS)
    at = next(iter(timeline.recorded.values()), datetime.combine(AS_OF, time(), tzinfo=UTC))
    return offline(timeline.patient, (*timeline.facts, *doses), at)


def _followed_until(timeline: Timeline) -> date:
    deaths = [v.occurred.day for v in timeline.of(VitalStatus) if v.deceased and v.occurred is not None]
    return min([AS_OF, *deaths])


def _page(found: Counted) -> str:
    rows = "\n".join(f"| {name} | {told} | {found.per_100_patient_months[name]} |" for name, told in found.told.items())
    return f"""<!-- Written by `make bench-false-alarms`; do not edit. -->

# False alarms

What safety would tell of a hospital in which nobody is on the trial: {found.population} people by the generator clinosim
0.6.5 (seed {SEED}, one year to {AS_OF}), of whom {found.patients} are alive {TREATED_DAYS} days before the end. None has
a transplanted liver or was given the drug. Each is taken as if given it every {_EVERY_DAYS} days from then on, and the
records are evaluated at the end of each day on which there are any: {found.patient_months} patient-months under the
shipped protocol.

| told | times | per 100 patient-months |
|---|---:|---:|
{rows}

Every word of rejection is a false alarm, since there is no graft: that is the rate to look at. Stays, deaths and grade 4
values are in the records, and cases by definition, whatever caused them: the workload beside it. Not counted: clocks and
surveillance gaps, which say what people did, not what the patient had.
"""


if __name__ == "__main__":
    raise SystemExit(main())
