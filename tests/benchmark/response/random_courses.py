"""Random courses of scans, the same for the same seed: many more than the property tests can afford."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.property.response_in_words import NewLesion, Patient, Target

_SIZES = (0, 3, 5, 7, 9, 10, 12, 14, 15, 18, 20, 24, 25, 28, 30, 35, 36, 42, 50, 60)
_STATES = ("present", "absent", "unequivocal-progression", "not-evaluable", None, "absent", "absent")
_ORGANS = ("liver", "lung", "node")


def courses(count: int, seed: int = 1) -> Iterator[Patient]:
    """So many patients with up to 5 visits, 3 targets, 2 non-target and 2 new lesions; some lesions come and go."""
    random = Random(seed)
    for _ in range(count):
        yield _course(random)


def _course(random: Random) -> Patient:
    days: list[int] = []
    for _ in range(random.randint(1, 5)):
        days.append((days[-1] if days else 0) + random.choice((14, 20, 27, 28, 30, 56)))
    visits = len(days)
    return Patient(
        random.choice(("mrecist", "recist11")),
        tuple(days),
        tuple(Target(random.choice(_ORGANS), _sizes(random, visits)) for _ in range(random.randint(0, 3))),
        tuple(("present", *random.choices(_STATES, k=visits)) for _ in range(random.randint(0, 2))),
        tuple(NewLesion(random.choice(_ORGANS), _seen(random, visits)) for _ in range(random.randint(0, 2))),
    )


def _sizes(random: Random, visits: int) -> tuple[int | None, ...]:
    if random.random() < 0.3:  # vanishes, and perhaps comes back
        return (random.choice(_SIZES[5:]), *random.choices((0, 0, 0, 5, 12, None), k=visits))
    first = random.choice((*_SIZES, None))
    # Most real lesions stay near their size: changes of any size would make every course end at its first visit.
    return (first, *(random.choice((*_near(first), *_SIZES, None)) for _ in range(visits)))


def _near(size: int | None) -> tuple[int, ...]:
    return tuple(s for s in _SIZES if abs(s - (size or 0)) <= 5) * 6


def _seen(random: Random, visits: int) -> tuple[tuple[int, bool] | None, ...]:
    return tuple(
        (random.choice((4, 8, 10, 14, 18)), random.random() < 0.5) if random.random() < 0.3 else None
        for _ in range(visits)
    )
