"""What people have attested about a case: decides its status, the opinions that stand, and keeps every step.

Does not judge a case itself. A statement counts only if its focus is the case's id; of several of one kind the last
counts, and two of one time that contradict each other leave the question open. Nobody may downgrade an opinion of
the investigator: both opinions are kept, and either makes a case related (ICH E2A, II.A.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from services.safety import phrasing
from services.safety.treated import Treated
from shared.dates import FhirDate
from shared.facts import Amendment, Attestation
from shared.outcomes import Evidence, cite
from shared.timeline import latest

PREFIX: Final = "sae-"
UNASSESSED_RELATION: Final = "unassessed (counts as related)"
UNASSESSED_EXPECTEDNESS: Final = "unassessed (counts as unexpected)"


class Status(StrEnum):
    """What an investigator has said of a case."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Review:
    """Every attested statement about one case, in clinical order."""

    statements: tuple[Attestation, ...]

    @property
    def status(self) -> Status:
        """What the last of confirmation and refutation says; contradiction leaves the case a candidate."""
        match {a.code for a in latest([a for a in self.statements if a.value and a.code in _JUDGEMENTS])}:
            case codes if codes == {"sae-confirmed"}:
                return Status.CONFIRMED
            case codes if codes == {"sae-refuted"}:
                return Status.REFUTED
            case _:
                return Status.CANDIDATE

    @property
    def is_closed(self) -> bool:
        """Whether the case was closed and nothing but a follow-up was stated since."""
        return self._opinion("sae-closed") is True

    @property
    def merged_into(self) -> str | None:
        """The id of the case into which this one was merged."""
        merged = latest([a for a in self.statements if a.code == "sae-merged"])
        targets = {a.into for a in merged if a.value and a.into is not None}
        return targets.pop() if len(targets) == 1 else None

    @property
    def stands_alone(self) -> bool:
        """Whether it was attested not to be part of another case."""
        return self._opinion("sae-merged") is False

    @property
    def amended(self) -> Amendment:
        """Of each field the last correction; of two of one time that contradict each other neither counts."""
        stated = [a for a in self.statements if a.value and a.amends is not None]
        return Amendment(**{field: self._last(stated, field) for field in Amendment.__struct_fields__})

    @property
    def related_by_investigator(self) -> bool | None:
        """The investigator's opinion; None while there is none."""
        return self._opinion("sae-related-investigator")

    @property
    def related_by_sponsor(self) -> bool | None:
        """The sponsor's opinion; None while there is none."""
        return self._opinion("sae-related-sponsor")

    @property
    def degree_by_investigator(self) -> str | None:
        """How strongly the investigator holds it to be related, where he says it."""
        return self._degree("sae-related-investigator")

    @property
    def degree_by_sponsor(self) -> str | None:
        """The same of the sponsor."""
        return self._degree("sae-related-sponsor")

    @property
    def is_expected(self) -> bool | None:
        """Whether it was attested to be expected."""
        return self._opinion("sae-expected")

    @property
    def is_by_progression(self) -> bool:
        """Whether progression of the disease was attested as the cause."""
        return self._opinion("sae-by-progression") is True

    @property
    def is_related(self) -> bool:
        """Related unless the investigator, and the sponsor if he spoke, both deny it: absent is not denied."""
        return self.related_by_investigator is not False or self.related_by_sponsor is True

    @property
    def relation(self) -> str:
        """In words; an opinion that was not given counts as related."""
        investigator, sponsor = self.related_by_investigator, self.related_by_sponsor
        if investigator is None and sponsor is None:
            return UNASSESSED_RELATION
        stated = [
            (investigator, self.degree_by_investigator, "investigator"),
            (sponsor, self.degree_by_sponsor, "sponsor"),
        ]
        spoken = [
            f"{'related' if said else 'not related'}{f', {degree}' if degree else ''} ({who})"
            for said, degree, who in stated
            if said is not None
        ]
        return "; ".join(spoken) + (
            "" if investigator is not None else "; investigator: unassessed (counts as related)"
        )

    def done(self, code: str) -> tuple[FhirDate, ...]:
        """When something was attested to be done, in order."""
        return tuple(a.occurred for a in self.statements if a.code == code and a.value and a.occurred is not None)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Every step with who and when, and the reason where one was given."""
        return [
            {
                "step": a.code.removeprefix(PREFIX),
                "value": a.value,
                "on": phrasing.iso(a.occurred),
                "by": a.practitioner,
                "reason": a.note,
                "into": a.into,
                "amends": _shown(a.amends),
                "degree": a.degree,
            }
            for a in self.statements
        ]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every statement as evidence."""
        return tuple(cite(a, a.code if a.value else f"not {a.code}") for a in self.statements)

    def _last(self, stated: Sequence[Attestation], field: str) -> Any:
        said = [a for a in stated if getattr(a.amends, field) is not None]
        values = {getattr(a.amends, field) for a in latest(said)}
        return values.pop() if len(values) == 1 else None

    def _degree(self, code: str) -> str | None:
        """Of the opinion that stands; None where those of one time state several degrees."""
        said = {a.degree for a in latest([a for a in self.statements if a.code == code])}
        return said.pop() if len(said) == 1 else None

    def _opinion(self, code: str) -> bool | None:
        said = {a.value for a in latest([a for a in self.statements if a.code == code])}
        return said.pop() if len(said) == 1 else None


def _shown(amends: Amendment | None) -> dict[str, Any] | None:
    """The corrected fields, dates as recorded."""
    if amends is None:
        return None
    fields = {name: getattr(amends, name) for name in Amendment.__struct_fields__}
    plain = {name: v.text if isinstance(v, FhirDate) else v for name, v in fields.items() if v is not None}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}


_JUDGEMENTS: Final = ("sae-confirmed", "sae-refuted")


def reviews(patient: Treated, former: Mapping[str, str] = MappingProxyType({})) -> dict[str, Review]:
    """The reviews of a patient's cases by the id of the case; `former` ids are those of patients merged into this one."""
    stated: dict[str, list[Attestation]] = {}
    for attestation in patient.timeline.of(Attestation):
        if attestation.code.startswith(PREFIX) and attestation.focus is not None and _in_force(patient, attestation):
            stated.setdefault(former.get(attestation.focus, attestation.focus), []).append(attestation)
    return {focus: Review(tuple(found)) for focus, found in stated.items()}


def review_of(found: dict[str, Review], case: UUID) -> Review:
    """The review of one case; an empty one where nobody has spoken."""
    return found.get(str(case), Review(()))


def unreasoned(review: Review) -> Iterable[str]:
    """Refutations without a reason: they count, and are said to lack it."""
    for attestation in review.statements:
        if attestation.code == "sae-refuted" and attestation.value and not attestation.note:
            yield f"refuted on {phrasing.day(attestation.occurred)} without a reason"


def _in_force(patient: Treated, attestation: Attestation) -> bool:
    return attestation.expires is None or attestation.expires.last >= patient.at
