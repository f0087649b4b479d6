"""A slow, literal transcription of mRECIST and RECIST 1.1 on plain numbers, written apart from the product's rules.

It computes every visit anew from the whole past, with fractions, and tries every pair of visits for a confirmation.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

Size = int | None


class Target(NamedTuple):
    """A target: its size at baseline and at each visit (None: not recorded)."""

    organ: str
    sizes: tuple[Size, ...]


class NewLesion(NamedTuple):
    """A new lesion: at each visit its size and whether it is typical, None where it is not recorded."""

    organ: str
    seen: tuple[tuple[int, bool] | None, ...]


class Patient(NamedTuple):
    """A course of scans: days of the visits after the start, and what each showed."""

    criteria: str
    days: tuple[int, ...]
    targets: tuple[Target, ...]
    non_targets: tuple[tuple[str | None, ...], ...]
    new: tuple[NewLesion, ...]


class Expected(NamedTuple):
    """What the rules say of one visit."""

    target: str | None
    non_target: str | None
    new_lesion: bool
    overall: str


def transcribed(patient: Patient) -> list[Expected]:
    """Visit by visit, everything computed anew from the whole past."""
    found: list[Expected] = []
    for visit in range(1, len(patient.days) + 1):
        had_cr = any(e.overall == "CR" for e in found)
        target = _target(patient, visit, had_cr)
        non_target = _non_target(patient, visit, had_cr)
        new_lesion = any(_new(patient.criteria, lesion, visit) for lesion in patient.new)
        nothing_at_baseline = not patient.non_targets and all(t.sizes[0] is None for t in patient.targets)
        overall = "NE" if nothing_at_baseline else _overall(target, non_target, new_lesion)
        found.append(Expected(target, non_target, new_lesion, overall))
    return found


def _disease(organ: str, size: int) -> bool:
    return size >= 10 if organ == "node" else size > 0


def followed(patient: Patient) -> list[Target]:
    return [t for t in patient.targets if any(s is not None for s in t.sizes)]


def _sum(targets: list[Target], visit: int) -> int | None:
    sizes = [t.sizes[visit] for t in targets]
    return sum(s for s in sizes if s is not None) if None not in sizes else None


def _target(patient: Patient, visit: int, had_cr: bool) -> str | None:
    targets = followed(patient)
    if not targets:
        return None
    now = [(t.organ, t.sizes[visit]) for t in targets]
    if had_cr and any(size is not None and _disease(organ, size) for organ, size in now):
        return "PD"
    baseline = _sum(targets, 0)
    if baseline != 0 and all(size is not None and not _disease(organ, size) for organ, size in now):
        return "CR"
    measured = [size for _, size in now if size is not None]
    earlier = [s for s in (_sum(targets, v) for v in range(visit)) if s is not None]
    if measured and earlier:
        rise, minimum = sum(measured) - min(earlier), 5 if patient.criteria == "recist11" else 0
        if rise > 0 and rise >= minimum and (min(earlier) == 0 or Fraction(rise, min(earlier)) >= Fraction(20, 100)):
            return "PD"
    if len(measured) < len(now) or not baseline:
        return "NE"
    return "PR" if Fraction(baseline - sum(measured), baseline) >= Fraction(30, 100) else "SD"


def _non_target(patient: Patient, visit: int, had_cr: bool) -> str | None:
    now = [lesion[visit] for lesion in patient.non_targets]
    if not now:
        return None
    if "unequivocal-progression" in now or (had_cr and "present" in now):
        return "PD"
    if None in now or "not-evaluable" in now:
        return "NE"
    return "CR" if set(now) == {"absent"} else "NON-CR/NON-PD"


def _new(criteria: str, lesion: NewLesion, visit: int) -> bool:
    """Whether a new lesion is progression at a visit, as known at the end of the whole course."""
    now = lesion.seen[visit - 1]
    if now is None:
        return False
    if lesion.organ == "node":
        return now[0] >= 10
    if lesion.organ != "liver" or criteria == "recist11":
        return True
    seen = [s for s in lesion.seen if s is not None]
    typical = any(size >= 10 and pattern for size, pattern in seen)
    return typical or any(b[0] - a[0] >= 10 for i, a in enumerate(seen) for b in seen[i + 1 :])


def _overall(target: str | None, non_target: str | None, new_lesion: bool) -> str:
    if "PD" in (target, non_target) or new_lesion:
        return "PD"
    if target is None:
        return non_target or "NE"
    if target == "CR":
        return "CR" if non_target in (None, "CR") else "PR"
    return target


def transcribed_best(overall: list[str], days: tuple[int, ...], with_targets: bool) -> tuple[str, str]:
    """Best overall response, unconfirmed and confirmed, by trying every pair of visits."""
    end = overall.index("PD") + 1 if "PD" in overall else len(overall)
    seen = list(zip(overall[:end], days, strict=False))
    for best in ("CR", "PR"):
        if _confirmed(seen, best):
            return _best_of(seen), best
    weaker = "SD" if with_targets else "NON-CR/NON-PD"
    return _best_of(seen), _best_of([(weaker if answer in ("CR", "PR") else answer, day) for answer, day in seen])


def _best_of(seen: list[tuple[str, int]]) -> str:
    answers = {"NE" if answer == "SD" and day < 42 else answer for answer, day in seen}
    return next((b for b in ("CR", "PR", "SD", "NON-CR/NON-PD", "PD") if b in answers), "NE")


def _confirmed(seen: list[tuple[str, int]], best: str) -> bool:
    for i, (first, on) in enumerate(seen):
        for j in range(i + 1, len(seen)):
            between = [answer for answer, _ in seen[i : j + 1]]
            allowed = {"CR", "NE"} if best == "CR" else {"CR", "PR", "NE"}
            pr_after_cr = "CR" in between and "PR" in between[between.index("CR") :]
            if (
                first == best
                and between[-1] in ({"CR"} if best == "CR" else {"CR", "PR"})
                and seen[j][1] - on >= 28
                and set(between) <= allowed
                and between.count("NE") <= 1
                and not pr_after_cr
            ):
                return True
    return False
