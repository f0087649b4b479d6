"""Who survives of linked Patients: chains, circles, contradictions, and no order."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest

from services.ingest.merging import Linked, Standing, standings

A, B, C, D, E = (UUID(int=n) for n in range(1, 6))


def by(*pairs: tuple[UUID, UUID]) -> list[Linked]:
    """Each first patient says that it is replaced by the second."""
    return [Linked(one, other, "replaced-by") for one, other in pairs]


@pytest.mark.parametrize(
    ("links", "survivors", "issues"),
    [
        ([], {}, {}),
        (by((B, A)), {B: A}, {}),
        ([Linked(A, B, "replaces")], {B: A}, {}),
        ([Linked(A, B, "replaces"), *by((B, A))], {B: A}, {}),
        (by((A, B), (B, C)), {A: C, B: C}, {}),
        (by((B, A), (C, A), (D, C)), {B: A, C: A, D: A}, {}),
        (by((B, A), (B, C), (A, C)), {A: C, B: C}, {}),
        (by((B, A), (B, C)), {}, {B: "contradictory"}),
        (by((B, A), (B, C), (D, B)), {D: B}, {B: "contradictory"}),
        (by((A, B), (B, A)), {}, {A: "cycle", B: "cycle"}),
        (by((A, B), (B, C), (C, A), (D, B)), {D: B}, {A: "cycle", B: "cycle", C: "cycle"}),
        (by((A, B), (B, A), (B, C)), {}, {A: "cycle", B: "cycle"}),
        (by((D, A), (D, C), (A, B), (B, A)), {}, {A: "cycle", B: "cycle", D: "contradictory"}),
    ],
)
def test_who_survives(links: list[Linked], survivors: dict[UUID, UUID], issues: dict[UUID, str]) -> None:
    """Whoever is named by nobody as replaced survives; a circle or two survivors leave a patient on its own, named so."""
    found = standings((A, B, C, D, E), links)
    assert {p: s.survivor for p, s in found.items() if s.survivor != p} == survivors
    assert {p: s.issue for p, s in found.items() if s.issue} == issues
    assert found[E] == Standing(E)


def test_any_links_come_to_an_end_whatever_their_order() -> None:
    """Random links, of thousands of patients too: the same answer in any order, and nobody survives as one who does not."""
    chance = Random(7)
    for size in (3, 6, 12, 3000):
        patients = [UUID(int=n + 1) for n in range(size)]
        pairs = [chance.sample(patients, 2) for _ in range(size)]
        links = [Linked(one, other, chance.choice(["replaced-by", "replaces"])) for one, other in pairs]
        found = standings(patients, links)
        chance.shuffle(links)
        assert standings(reversed(patients), links) == found
        assert all(found[s.survivor].survivor == s.survivor for s in found.values())
