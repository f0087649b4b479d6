"""Renders the specification cases of screening into the manual: clause, facts in words, time, expected. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from services.cli import wording
from shared.facts import AnyFact, Laboratory
from shared.protocol.criteria import Criterion, with_nested
from tests.spec.eligibility import (
    cases_bounds,
    cases_disease,
    cases_judgement,
    cases_kinds,
    cases_measured,
    cases_revised,
    cases_status,
    coverage,
)
from tests.spec.eligibility.specification import Case, Revision, protocol
from tests.support.patients import ELIGIBLE

_NAMES: Final = {fact.fact_id: name for name, fact in ELIGIBLE.items()}
_FEW: Final = 8
"""A case with more facts than this is a whole patient: only what is special about it is listed."""


def page() -> str:
    """The whole specification of screening."""
    cases = (*cases_disease.CASES, *cases_judgement.CASES, *cases_measured.CASES, *cases_bounds.CASES)
    criteria = {c.id: c for c in with_nested(protocol().screening.inclusion)}
    parts = [
        "# Specification of screening\n",
        "Every row is run as a test: with these facts, at noon (UTC) of that day, the criterion has this answer. Absent is "
        "unknown, never false.\n",
        f"## {protocol().title}\n",
        "How many cases show what of each criterion. A number is shown *from below* by the cases whose answer changes when "
        "the protocol states it a step lower, *from above* by those that change when it states it a step higher.\n",
        _coverage(cases),
        *(_of_criterion(criteria[id_], [c for c in cases if c.criterion == id_]) for id_ in criteria),
        "## Status\n",
        _table(
            ("clause", "facts", "at", "status", "stands until"),
            [
                (c.clause, _facts(c.facts), c.at, c.status.replace("_", " "), _until(c.until))
                for c in cases_status.CASES
            ],
        ),
        "## Kinds that other trials state\n",
        *(_of_kind(name) for name in cases_kinds.CRITERIA),
    ]
    return "\n".join(parts)


def _of_criterion(criterion: Criterion, cases: Sequence[Case]) -> str:
    revised = _revised([c for c in cases_revised.CASES if c.criterion == criterion.id])
    return f"### {criterion.id}: {criterion.title}\n\n{_answers(cases)}\n{revised}"


def _coverage(cases: Sequence[Case]) -> str:
    found: dict[str, list[str]] = {}
    for s in coverage.shown(cases, cases_revised.CASES):
        found.setdefault(s.criterion, []).append(f"{s.kind}: {s.cases}")
    return _table(("criterion", "cases"), [(id_, "; ".join(kinds)) for id_, kinds in found.items()])


def _revised(cases: Sequence[Revision]) -> str:
    """What the next version of a record changes."""
    rows = [
        (c.clause, _facts(c.kept), _fact(c.first), "entered in error" if c.then is None else _fact(c.then), c.at,
         f"{c.before}, then {c.after}", c.missing)
        for c in cases
    ]  # fmt: skip
    return _table(("clause", "other facts", "first version", "next version", "at", "answer", "asks for"), rows)


def _of_kind(name: str) -> str:
    stated = cases_kinds.CRITERIA[name]
    cases = [case for case in cases_kinds.CASES if case.criterion == name]
    return f"### {stated['title']} (`{stated['kind']}`)\n\n{_answers(cases)}"


def _answers(cases: Sequence[Case] | Sequence[cases_kinds.KindCase]) -> str:
    rows = [(c.clause, _facts(c.facts), c.at, c.verdict, c.says or c.missing, _until(c.until)) for c in cases]
    return _table(("clause", "facts", "at", "answer", "says or asks for", "stands until"), rows)


def _facts(facts: Sequence[AnyFact]) -> str:
    if len(facts) <= _FEW:
        return "; ".join(_fact(f) for f in facts) or "nothing"
    stated = {f.fact_id for f in facts}
    without = [name for fact_id, name in _NAMES.items() if fact_id not in stated]
    more = [_fact(f) for f in facts if f.fact_id not in _NAMES]
    lacks = [f"without {', '.join(without)}"] if without else []
    return "; ".join(["an eligible patient", *lacks, *more])


def _fact(fact: AnyFact) -> str:
    on = fact.occurred.text if fact.occurred is not None else "undated"
    preliminary = ", preliminary" if isinstance(fact, Laboratory) and not fact.final else ""
    return f"{wording.fact(fact)} ({on}{preliminary})"


def _until(until: str | None) -> str:
    return (until or "").removesuffix("T00:00:00+00:00")


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
