"""Decides which of several Patients' statements about a person count. Does not decide what follows from sex or age."""

from __future__ import annotations

from collections.abc import Iterable

from shared.facts import AnyFact, Demographics, PatientLink


def in_use(stated: Iterable[Demographics], facts: Iterable[AnyFact]) -> tuple[Demographics, ...]:
    """What Patients state that no other replaces; of one that is replaced only where no other states it.

    FHIR Patient.link, `replaced-by`: the Patient that contains the link must no longer be used.
    """
    known = tuple(stated)
    links = [f for f in facts if isinstance(f, PatientLink)]
    replaced = {link.source.key if link.link == "replaced-by" else link.other_record for link in links}
    return tuple(d for d in known if d.source.key not in replaced) or known
