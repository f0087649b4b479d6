"""THE table of review records: by which attested Observations people act on a case, and what each must say.

Decides the form of the records only: what they do to a case is `services.safety.reviews`, how they are read
`shared.fhir.attestation`, and how one is written `shared.fhir.out.attestation`.

Every record is an Observation of category `attestation` with the act as its code, `valueBoolean`, a Practitioner as
performer, its time, and the id of the case as `focus.identifier`. `false` denies what the act says; what was written by
mistake is withdrawn as entered-in-error. Further details are components, coded locally. A reason is the text of `note`: it
is shown to staff wherever the case is, so it must name nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MERGED_INTO: Final = "merged-into"
SERIOUSNESS: Final = (
    "death",
    "life-threatening",
    "hospitalisation",
    "disability",
    "congenital-anomaly",
    "medically-important",
)
"""Criteria of seriousness (ICH E2A, II.B), most urgent first."""
NOT_SERIOUS: Final = "none"
RESULTS: Final = ("resolved", "resolving", "ongoing", "resolved-with-sequelae", "fatal")
"""What may become of an event; as HL7's adverse-event-outcome and E2B(R3) E.i.7 have it."""

CAUSALITY: Final = {"definite": True, "probable": True, "possible": True, "unlikely": False, "unrelated": False}
"""Degrees of causality (NCI's attributions, as CTCAE's users state them), and whether each counts as related: possible
or stronger does (clinical rules, section 1)."""
DEGREE: Final = "causality-degree"


@dataclass(frozen=True)
class Detail:
    """One component: its local code, the element that holds its value, what it says."""

    code: str
    element: str
    says: str


@dataclass(frozen=True)
class Act:
    """One act of review: its code, what it says of the case, and what its record should have besides."""

    code: str
    says: str
    details: tuple[Detail, ...] = ()
    wants_reason: bool = False
    """Whether `note` should give the reason; without one it counts, and is said to lack it."""


AMENDED: Final = (
    Detail("amended-term", "valueString", "what happened, in the words of the reporter"),
    Detail("amended-onset", "valueDateTime", "when it began"),
    Detail("amended-end", "valueDateTime", "when it ended"),
    Detail("amended-grade", "valueInteger", "its CTCAE grade, 1 to 5"),
    Detail(
        "amended-seriousness",
        "valueCodeableConcept",
        f"each criterion that is met, one component each ({', '.join(SERIOUSNESS)}), or `{NOT_SERIOUS}`",
    ),
    Detail("amended-outcome", "valueCodeableConcept", f"what became of it: {', '.join(RESULTS)}"),
)
_DEGREE: Final = Detail(
    DEGREE,
    "valueCodeableConcept",
    f"how strongly, kept as stated: {', '.join(CAUSALITY)}; it must agree with `valueBoolean` "
    f"(`true` for {', '.join(d for d, related in CAUSALITY.items() if related)})",
)
ACTS: Final = (
    Act("sae-confirmed", "The case is a serious adverse event."),
    Act("sae-refuted", "The case is none, with the reason.", wants_reason=True),
    Act("sae-amended", "What the records show of the case is corrected; a field not named stays.", AMENDED),
    Act(
        "sae-merged",
        "The case is part of another; its criteria, its earliest awareness and a death go over to that one.",
        (Detail(MERGED_INTO, "valueString", "the id of the other case"),),
    ),
    Act("sae-closed", "Nothing more is expected of the case."),
    Act("sae-related-investigator", "The investigator's opinion: the trial's drug may have caused it.", (_DEGREE,)),
    Act("sae-related-sponsor", "The sponsor's opinion of the same; it never undoes the investigator's.", (_DEGREE,)),
    Act("sae-expected", "Expected by the reference safety information; goes before the protocol's list."),
    Act("sae-by-progression", "Caused by progression of the disease."),
    Act("sae-notified", "The site's report reached the sponsor: his awareness. Each further report is another record."),
    Act("sae-submitted", "The sponsor's expedited report went to the authority."),
    Act("sae-follow-up-submitted", "The follow-up of a fatal or life-threatening report went to the authority."),
    Act("rejection-adjudicated", "Graft rejection, or with `false` none; of the patient, so a focus is not needed."),
)
BY_CODE: Final = {act.code: act for act in ACTS}
