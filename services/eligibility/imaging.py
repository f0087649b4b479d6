"""What imaging shows: recurrence after the transplant (I3), and a measurable lesion (I8).

Decides which readings count and what they say together; how a lesion is measured is `shared/rules/mrecist`.
"""

from __future__ import annotations

from collections import defaultdict

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, from_bool
from services.eligibility.case import Case, first_close, within
from services.eligibility.transplant import after_transplant, transplants
from shared.facts import ImagingVerdict, LesionMeasurement
from shared.outcomes import Evidence, Verdict, any_of, cite
from shared.protocol.criteria import MeasurableLesionCriterion, RecurrenceCriterion
from shared.rules.mrecist import BY_NAME, Criteria, measurable, organ_of
from shared.rules.mrecist.lesions import OrganOf
from shared.timeline import latest


def recurred(criterion: RecurrenceCriterion, case: Case) -> Answer:
    """The newest reading of CT or MRI after the transplant decides; readings of other or unstated methods
    do not count.
    """
    moments = transplants(case, criterion.procedure, criterion.status)
    days, methods = criterion.window_days.value, criterion.methods.value
    read = within(case.of(ImagingVerdict), days, case.at)
    order = {r.fact_id: after_transplant(moments, r.occurred) for r in read if r.occurred is not None}
    counted = [r for r in read if r.method in methods and order[r.fact_id]]
    if not counted:
        return _not_shown(criterion, [r for r in read if order[r.fact_id] is not False])
    newest = latest(counted)
    verdict = agreed(from_bool(r.present) for r in newest)
    if verdict is Verdict.CONFLICT:
        says = f"readings {wording.when(newest[0])} contradict each other on recurrence"
        missing = ("one reading that settles whether there is recurrence",)
        return Answer(verdict, says, _cited(newest), missing, first_close(newest, days))
    seen = "recurrence" if newest[0].present else "no recurrence"
    says = f"{seen} on {wording.name(str(newest[0].method))} {wording.when(newest[0])}"
    return Answer(verdict, says, _cited(newest), valid_until=first_close(newest, days))


def measured(criterion: MeasurableLesionCriterion, case: Case) -> Answer:
    """Any lesion imaged in the window that is measurable; of each lesion the newest measurement decides.

    Not met only if every imaged lesion is known not to be measurable.
    """
    days = criterion.window_days.value
    by_lesion: dict[str, list[LesionMeasurement]] = defaultdict(list)
    for measurement in within(case.of(LesionMeasurement), days, case.at):
        by_lesion[measurement.lesion].append(measurement)
    missing = (f"lesions measured on imaging within {days} days",)
    if not by_lesion:
        return Answer(Verdict.UNKNOWN, f"no lesion measured within {days} days", missing=missing)
    rules, organ = BY_NAME[criterion.criteria.value], organ_of(case.timeline)
    newest = {key: latest(found) for key, found in sorted(by_lesion.items())}
    verdicts = {key: _measurable(found, organ, rules) for key, found in newest.items()}
    verdict = any_of(list(verdicts.values()))
    deciding = [m for key, found in newest.items() if verdicts[key] is verdict for m in found]
    return Answer(
        verdict,
        _says_measured(verdict, deciding, organ, criterion),
        tuple(cite(m, _size(m, organ)) for m in deciding),
        _missing_measured(verdict),
        first_close([m for found in newest.values() for m in found], days),
    )


def _not_shown(criterion: RecurrenceCriterion, read: list[ImagingVerdict]) -> Answer:
    methods = " or ".join(wording.name(m) for m in criterion.methods.value)
    if not read:
        says = f"no reading of {methods} after the transplant"
        return Answer(Verdict.UNKNOWN, says, missing=(f"reading of {methods} after the transplant",))
    stated = [r for r in read if r.method in criterion.methods.value]
    lacking = "date of the transplant, to order it before the imaging" if stated else f"imaging by {methods}"
    says = f"the imaging {wording.when(read[-1])} does not show whether it counts"
    days = criterion.window_days.value
    return Answer(Verdict.UNKNOWN, says, _cited(read), (lacking,), first_close(read, days))


def _cited(readings: list[ImagingVerdict] | tuple[ImagingVerdict, ...]) -> tuple[Evidence, ...]:
    return tuple(
        cite(r, f"{'recurrence' if r.present else 'no recurrence'} on {wording.name(r.method or 'imaging')}")
        for r in readings
    )


def _measurable(found: tuple[LesionMeasurement, ...], organ: OrganOf, rules: Criteria) -> Verdict:
    return agreed(from_bool(measurable(m, organ(m), rules)) for m in found)


def _size(measurement: LesionMeasurement, organ: OrganOf) -> str:
    sizes = (
        ("viable", measurement.viable_mm),
        ("short axis", measurement.short_axis_mm),
        ("longest", measurement.longest_mm),
    )
    shown = [f"{label} {wording.plain(size)} mm" for label, size in sizes if size is not None]
    return f"lesion of {organ(measurement) or 'unknown organ'}: {', '.join(shown) or 'no size'}"


def _says_measured(
    verdict: Verdict, deciding: list[LesionMeasurement], organ: OrganOf, criterion: MeasurableLesionCriterion
) -> str:
    by = wording.name(criterion.criteria.value)
    first = f"{_size(deciding[0], organ)} {wording.when(deciding[0])}"
    match verdict:
        case Verdict.MET:
            return f"{first}, measurable by {by}"
        case Verdict.NOT_MET:
            return f"no lesion is measurable by {by}; the first is {first}"
        case Verdict.CONFLICT:
            return f"readers contradict each other: {first}"
        case Verdict.UNKNOWN:
            return f"not enough is recorded to tell whether it is measurable by {by}: {first}"


def _missing_measured(verdict: Verdict) -> tuple[str, ...]:
    match verdict:
        case Verdict.UNKNOWN:
            return ("organ and size (liver: viable diameter; node: short axis) of a lesion",)
        case Verdict.CONFLICT:
            return ("one reading of the lesion that settles its size",)
        case _:
            return ()
