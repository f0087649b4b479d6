"""Which of several Patients' statements about one person count."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from shared.demographics import in_use
from shared.facts import AnyFact, Demographics, PatientLink, Source
from shared.reference_limits import person_of
from tests.support import build

OLD = build.demographics(born="1970-01-01", sex="female", key="old")
NEW = build.demographics(born="1971-01-01", sex="male", key="new")


def link(of: str, kind: Literal["replaced-by", "replaces"], other: str) -> PatientLink:
    """One Patient's word about another."""
    return PatientLink(source=Source("Patient", of), link=kind, other=UUID(int=1), other_record=other)


def stated(*facts: AnyFact) -> tuple[str, ...]:
    """The records whose demographics count."""
    return tuple(d.source.key for d in in_use([f for f in facts if isinstance(f, Demographics)], facts))


def test_a_patient_that_is_replaced_does_not_count_where_another_does() -> None:
    """By its own word or by the other's; without a link both count."""
    assert stated(OLD, NEW, link("old", "replaced-by", "new")) == ("new",)
    assert stated(OLD, NEW, link("new", "replaces", "old")) == ("new",)
    assert stated(OLD, NEW) == ("old", "new")


def test_what_only_the_replaced_patient_states_counts() -> None:
    """The survivor has no birth date, so the other's is used; of the sex the survivor's."""
    unborn = build.demographics(born=None, sex="male", key="new")
    person = person_of((OLD, unborn, link("old", "replaced-by", "new")))
    assert (person.sex, person.born) == ("male", build.on_date("1970-01-01"))
    assert person_of((OLD, NEW)).sex is None
