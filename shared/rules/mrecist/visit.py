"""Decides the response at one visit from its records, and what later visits are compared with because of it.

Does not decide which records form the visit (`schedule`) nor which lesions are followed (`followed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from shared.facts import LesionMeasurement, ProcedurePerformed
from shared.outcomes import Evidence, cite, collect
from shared.rules.mrecist import non_targets, overall, targets
from shared.rules.mrecist.criteria import Criteria
from shared.rules.mrecist.doubt import Doubt, about, together
from shared.rules.mrecist.followed import Followed
from shared.rules.mrecist.lesions import OrganOf
from shared.rules.mrecist.local_treatment import named, since_treatment
from shared.rules.mrecist.model import Assessment, Baseline, Lesion, Reading, Visit
from shared.rules.mrecist.new_lesions import Sighting
from shared.rules.mrecist.readings import read
from shared.rules.mrecist.wording import describe, where


class Setting(msgspec.Struct, frozen=True):
    """What is the same for every visit of a course."""

    followed: Followed
    baseline: Baseline | None
    organ: OrganOf
    criteria: Criteria
    treatments: Mapping[str, ProcedurePerformed] = {}
    """The first local treatment of each lesion that had one after its baseline."""


class Memory(msgspec.Struct, frozen=True):
    """What earlier visits leave to compare with: the smallest complete sum, and whether there was a CR."""

    nadir_mm: Decimal | None = None
    complete_response: bool = False
    evidence: tuple[Evidence, ...] = ()
    """The records behind the nadir and the complete response, where these are not of baseline."""


class _Findings(msgspec.Struct, frozen=True):
    """What was found at one visit."""

    targets: targets.Targets
    non_targets: non_targets.NonTargets
    new: tuple[Sighting, ...]

    @property
    def readings(self) -> tuple[Reading, ...]:
        return (*self.targets.readings, *self.non_targets.readings)


def judge(
    setting: Setting,
    memory: Memory,
    assessment: Assessment,
    sighted: Sequence[Sighting],
    parts: Mapping[str, tuple[str, ...]],
) -> tuple[Visit, Memory]:
    """The response at this visit, and the memory that the next one is judged with.

    `parts` are what lesions fell into by then.
    """
    baseline, followed = setting.baseline, setting.followed
    found = _Findings(
        targets.Targets(
            criteria=setting.criteria,
            readings=_read(followed.targets, setting, assessment, parts),
            baseline_sum_mm=baseline.sum_mm if baseline is not None else None,
            nadir_mm=memory.nadir_mm,
            after_complete_response=memory.complete_response,
            roles_recorded=followed.roles_recorded,
        ),
        non_targets.NonTargets(
            readings=_read(followed.non_targets, setting, assessment, parts),
            after_complete_response=memory.complete_response,
        ),
        tuple(sighted),
    )
    own = evidence_of(found.readings, setting.organ)
    visit = _visit(setting, memory, assessment, found, own)
    return visit, _remember(memory, visit, own)


def _read(
    lesions: Iterable[Lesion], setting: Setting, assessment: Assessment, parts: Mapping[str, tuple[str, ...]]
) -> tuple[Reading, ...]:
    targets, treatments = setting.followed.target_keys, setting.treatments
    found = (
        read(lesion, assessment, setting.criteria, targets=targets, parts=parts.get(lesion.key, ()))
        for lesion in lesions
    )
    return tuple(since_treatment(r, treatments[r.lesion.key]) if r.lesion.key in treatments else r for r in found)


def evidence_of(readings: Sequence[Reading], organ: OrganOf) -> tuple[Evidence, ...]:
    """The records that were read, as evidence."""
    treatments = [cite(t, named(t)) for reading in readings if (t := reading.treatment) is not None]
    return collect(_cited((r for reading in readings for r in reading.records), organ), treatments)


def unread(readings: Iterable[Reading]) -> tuple[Doubt, ...]:
    """Why lesions could not be read, in words."""
    return together(
        about(
            f"a {r.lesion.role} lesion {where(r.lesion.organ)}: {r.reason}",
            (*r.records, r.treatment) if r.treatment is not None else r.records,
        )
        for r in readings
        if r.reason
    )


def _visit(
    setting: Setting, memory: Memory, assessment: Assessment, found: _Findings, own: tuple[Evidence, ...]
) -> Visit:
    of_targets, of_others = targets.assess(found.targets), non_targets.assess(found.non_targets)
    new_lesion = any(s.counts for s in found.new)
    decided = overall.assess(
        overall.Parts(of_targets.answer, of_others.answer, new_lesion, setting.baseline is not None)
    )
    return Visit(
        on=assessment.first_on if decided.answer == "PD" else assessment.last_on,
        first_scan_on=assessment.first_on,
        last_scan_on=assessment.last_on,
        response=decided.answer,
        target=of_targets.answer,
        non_target=of_others.answer,
        new_lesion=new_lesion,
        sum_mm=found.targets.sum_mm,
        measured_mm=found.targets.measured_mm,
        baseline_sum_mm=found.targets.baseline_sum_mm,
        nadir_mm=found.targets.nadir_mm,
        rule=decided.name,
        says=decided.says,
        target_rule=of_targets.name,
        non_target_rule=of_others.name,
        number=assessment.number,
        readings=found.readings,
        new=tuple(s.seen for s in found.new if s.counts),
        doubts=(*_doubtful(found.readings), *together(s.doubt for s in found.new if s.doubt is not None)),
        evidence=_evidence(setting, memory, found, own),
    )


def _evidence(setting: Setting, memory: Memory, found: _Findings, own: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The records of this visit (`own` are those of the lesions followed), and those that it was compared with."""
    return collect(
        setting.baseline.evidence if setting.baseline is not None else (),
        memory.evidence,
        own,
        _cited((r for s in found.new for r in s.records), setting.organ),
    )


def _remember(memory: Memory, visit: Visit, own: tuple[Evidence, ...]) -> Memory:
    lower = visit.sum_mm is not None and (memory.nadir_mm is None or visit.sum_mm < memory.nadir_mm)
    first_complete = visit.response == "CR" and not memory.complete_response
    return Memory(
        nadir_mm=visit.sum_mm if lower else memory.nadir_mm,
        complete_response=memory.complete_response or visit.response == "CR",
        evidence=collect(memory.evidence, own) if lower or first_complete else memory.evidence,
    )


def _doubtful(readings: Sequence[Reading]) -> tuple[Doubt, ...]:
    by_word_only = together(
        about(
            f"a target lesion {where(r.lesion.organ)} is called unequivocal progression: only the sum decides",
            r.records,
        )
        for r in readings
        if r.unequivocal_progression and r.lesion.role == "target"
    )
    return (*unread(readings), *by_word_only)


def _cited(records: Iterable[LesionMeasurement], organ: OrganOf) -> tuple[Evidence, ...]:
    return collect([cite(r, describe(r, organ(r))) for r in records])
