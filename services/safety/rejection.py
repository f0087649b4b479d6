"""Graft rejection of a treated patient: decides the level (none, watch, suspected, proven) and says why.

Never makes a diagnosis: only biopsy with diagnosis, a confirmed diagnosis or an adjudication proves, and
counts as endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.safety import phrasing
from services.safety.biopsy import BANFF_BANDS
from services.safety.differential import against
from services.safety.episode import episode
from services.safety.immunosuppression import Sign, causes_near, course
from services.safety.rejection_findings import Finding
from services.safety.rejection_rules import PROOFS, RULES, Level, Rule
from services.safety.rejection_signs import Signs, cite_adjudication
from shared.dates import FhirDate
from shared.outcomes import Evidence, Outcome, collect

KIND: Final = "rejection"
_SEVERITIES: Final = tuple(band.severity for band in reversed(BANFF_BANDS))
_ADVICE: Final = {
    Level.NONE: (),
    Level.WATCH: ("repeat the liver tests", "check the immunosuppressant trough"),
    Level.SUSPECTED: ("hold the next dose", "ultrasound with Doppler of the graft", "biopsy of the graft"),
    Level.PROVEN: ("hold the next dose", "treatment of rejection by the transplant team"),
}


@dataclass(frozen=True)
class Rejection:
    """The level of a patient, the rule and findings that established it, and all that was considered."""

    level: Level
    rule: Rule | None
    deciding: tuple[Finding, ...]
    supporting: tuple[Finding, ...]
    """What every other rule found, and the state of immunosuppression."""
    opposing: tuple[Finding, ...]
    is_endpoint: bool | None
    signs: Signs

    @property
    def onset(self) -> FhirDate | None:
        """The first sign of this level; None for no rejection, or where no date is recorded."""
        dated = [f.onset for f in self.deciding if f.onset is not None]
        return min(dated, key=lambda d: d.first, default=None)

    @property
    def severity(self) -> str | None:
        """The most severe band of the biopsies; a diagnosis or an adjudication states none."""
        stated = {f.severity for f in (*self.deciding, *self.supporting)}
        return next((s for s in _SEVERITIES if s in stated), None)


def judge(signs: Signs) -> Rejection:
    """The level is that of the first rule, in order, that finds something (clinical rules, section 5).

    A negative adjudication answers the suspicions up to its day; it does not undo a proof, which its own
    record must withdraw.
    """
    found = [(rule, _standing(rule, signs)) for rule in RULES]
    level, rule = next(((r.level, r) for r, findings in found if findings), (Level.NONE, None))
    deciding = [f for r, findings in found if r.level is level for f in findings]
    rest = _unsaid([f for r, findings in found if r.level is not level for f in findings], deciding)
    supporting = [*rest, *_immunosuppression(signs, [*deciding, *rest])]
    return Rejection(
        level,
        rule,
        tuple(deciding),
        tuple(supporting),
        against(signs),
        _is_endpoint(signs, deciding) if level is Level.PROVEN else False,
        signs,
    )


def outcome(rejection: Rejection) -> Outcome:
    """The outcome `rejection` of a patient."""
    signs, onset = rejection.signs, rejection.onset
    speaks_for = _once(f.says for f in (*rejection.deciding, *rejection.supporting))
    speaks_against = _once(f.says for f in rejection.opposing)
    content = {
        "level": str(rejection.level),
        "onset_on": phrasing.iso(onset),
        "severity": rejection.severity,
        "is_endpoint": rejection.is_endpoint,
        "rule": rejection.rule.id if rejection.rule is not None else None,
        "rule_says": rejection.rule.sentence if rejection.rule is not None else None,
        "speaks_for": speaks_for,
        "speaks_against": speaks_against,
        "advises": list(_ADVICE[rejection.level]),
        "history": list(signs.history),
        "episode": episode(signs),
        "immunosuppression": course(signs.patient),
        "ungradable": list(signs.ungradable),
        "says": _says(rejection, speaks_for, speaks_against),
    }
    return Outcome(KIND, "", content, _evidence(rejection))


def _standing(rule: Rule, signs: Signs) -> list[Finding]:
    findings = list(signs.found(rule.find))
    return findings if rule in PROOFS else [f for f in findings if not signs.is_settled(f.onset)]


def _unsaid(findings: Sequence[Finding], said: Sequence[Finding]) -> list[Finding]:
    """The findings that rest on a fact that no stronger rule has used: one value needs saying once."""
    used = {e for f in said for e in f.evidence}
    unsaid = []
    for finding in findings:
        if not used.issuperset(finding.evidence[:1]):
            unsaid.append(finding)
        used.update(finding.evidence)
    return unsaid


def _is_endpoint(signs: Signs, proofs: Sequence[Finding]) -> bool | None:
    """Whether an onset lies from the first dose to `rejection_window_days` after the last."""
    days = signs.patient.protocol.safety.rejection.rejection_window_days.value
    answers = {signs.patient.within(proof.onset, days) for proof in proofs}
    if True in answers:
        return True
    return None if None in answers else False


def _immunosuppression(signs: Signs, findings: Sequence[Finding]) -> list[Finding]:
    """Low troughs and reductions near a finding: they speak for rejection, but are no sign of it."""
    near: list[Sign] = []
    for finding in findings:
        if finding.onset is not None and finding.onset.has_day:
            near += causes_near(signs.patient, finding.onset.day)
    return [Finding(sign.says, None, sign.evidence) for sign in near]


def _says(rejection: Rejection, speaks_for: Sequence[str], speaks_against: Sequence[str]) -> str:
    if rejection.level is not Level.NONE:
        level = "to be watched" if rejection.level is Level.WATCH else str(rejection.level)
        reasons = f"{phrasing.listed(speaks_for)}; against: {phrasing.listed(speaks_against)}"
        return f"graft rejection {level}: {reasons}"
    negative = rejection.signs.negative
    if negative is not None:
        return f"no graft rejection: adjudicated as none on {phrasing.day(negative.occurred)}"
    if rejection.signs.ungradable:
        open_questions = phrasing.listed(rejection.signs.ungradable)
        return f"no sign of graft rejection, but not everything can be judged: {open_questions}"
    return "no sign of graft rejection"


def _evidence(rejection: Rejection) -> tuple[Evidence, ...]:
    signs = rejection.signs
    findings = (*rejection.deciding, *rejection.supporting, *rejection.opposing)
    adjudications = [cite_adjudication(a) for a in signs.adjudications]
    return collect([signs.patient.first_dose], adjudications, signs.doubts, *(f.evidence for f in findings))


def _once(phrases: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(phrases))
