"""Renders the specification of response as a page: every rule with its sentence and source, every case. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, Final, get_args

from services.cli import wording
from shared.facts import AnyFact, LesionMeasurement
from shared.rules.endpoints import disease, response, survival
from shared.rules.mrecist import BY_NAME, immune, non_targets, overall, targets
from shared.rules.mrecist.model import NonTargetResponse, TargetResponse
from shared.rules.mrecist.rule import Rule
from shared.rules.mrecist.wording import describe
from tests.spec.response import endpoint_cases, immune_cases, lesion_cases, table_cases
from tests.spec.response.test_best_response import SEQUENCES

Table = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
_LISTS: Final[tuple[tuple[str, Sequence[Rule[Any, Any]]], ...]] = (
    ("Target lesions", targets.RULES),
    ("Non-target lesions", non_targets.RULES),
    ("Overall response", overall.RULES),
    ("iRECIST", immune.RULES),
    ("Progression-free survival and time to progression", disease.RULES),
    ("Overall survival", survival.RULES),
    ("Objective response", response.RESPONSE),
    ("Disease control", response.CONTROL),
)

_SPOKEN: Final = {"None": "-", "True": "counts", "False": "does not count"}


def page(table: Table) -> str:
    """The whole page; `table` renders heads and rows."""
    parts = ["# Specification of tumour response\n\nIn every list the first rule that applies decides.\n"]
    parts += [f"\n## {title}\n\n{_rules(rules, table)}" for title, rules in _LISTS]
    parts += [f"\n## Every cell of the overall response\n\n{_cells(table)}"]
    parts += [f"\n## Target lesions by example\n\n{_parts(table_cases.TARGET_CASES, table)}"]
    parts += [f"\n## Non-target lesions by example\n\n{_parts(table_cases.NON_TARGET_CASES, table)}"]
    parts += [f"\n## Best response by example\n\n{_sequences(table)}"]
    parts += [f"\n## {title}\n\n{_lesions(cases, table)}" for title, cases in lesion_cases.GROUPS.items()]
    parts += [f"\n## Published numbers\n\n{_numbers(table)}"]
    parts += [
        f"\n## Endpoints by example\n\n{(endpoint_cases.__doc__ or '').partition(chr(10) * 2)[2]}\n{_endpoints(table)}"
    ]
    parts += [f"\n## Who counts, by example\n\n{_status(table)}"]
    parts += [f"\n## iRECIST by example\n\n{_immune(table)}"]
    return "".join(parts)


def _rules(rules: Sequence[Rule[Any, Any]], table: Table) -> str:
    rows = [(f"`{r.name}`", _answer(r.answer), r.says, r.source) for r in rules]
    return table(("rule", "answer", "says", "source"), rows)


def _answer(answer: object) -> str:
    return _SPOKEN.get(str(answer), str(answer))


def _cells(table: Table) -> str:
    of_targets: tuple[Any, ...] = (*get_args(TargetResponse), None)
    of_others: tuple[Any, ...] = (*get_args(NonTargetResponse), None)
    rows = []
    for target, other, new in product(of_targets, of_others, (False, True)):
        rule = overall.assess(overall.Parts(target, other, new))
        rows.append((target or "none", other or "none", "yes" if new else "no", rule.answer, f"`{rule.name}`"))
    return table(("targets", "non-targets", "new lesion", "overall", "rule"), rows)


def _parts(cases: Sequence[table_cases.PartCase], table: Table) -> str:
    rows = [(c.clause, c.criteria.name, _facts(c.facts), c.expected or "-", f"`{c.rule}`") for c in cases]
    return table(("clause", "criteria", "recorded", "response at the last visit", "rule"), rows)


def _sequences(table: Table) -> str:
    rows = [
        (", ".join(f"{answer} on day {day}" for answer, day in visits) or "no visit", unconfirmed, confirmed)
        for visits, unconfirmed, confirmed in SEQUENCES
    ]
    return table(("visits", "best response", "confirmed"), rows)


def _lesions(cases: Sequence[lesion_cases.LesionCase], table: Table) -> str:
    rows = [
        (c.clause, _facts(c.facts), ", ".join(c.responses), ", ".join(s or "unknown" for s in c.sums), c.problem or "-")
        for c in cases
    ]
    return table(("clause", "recorded", "responses", "sums, mm", "problem named"), rows)


def _numbers(table: Table) -> str:
    names = [n for n in next(iter(BY_NAME.values())).__struct_fields__ if n not in ("name", "citation")]
    rows = [(f"`{name}`", *(getattr(c, name) for c in BY_NAME.values())) for name in names]
    sources = [("source", *(c.citation for c in BY_NAME.values()))]
    return table(("number", *BY_NAME), [*rows, *sources])


def _endpoints(table: Table) -> str:
    rows = [
        (c.endpoint, c.clause, _facts(c.facts), "event" if c.event else "censored", c.on, f"`{c.rule}`", c.at)
        for c in endpoint_cases.CASES
    ]
    return table(("endpoint", "clause", "recorded", "end", "on", "rule", "as known at"), rows)


def _status(table: Table) -> str:
    rows = [
        (c.endpoint, c.clause, _facts(c.facts), c.unconfirmed, c.confirmed, f"`{c.rule}`")
        for c in endpoint_cases.STATUS_CASES
    ]
    return table(("endpoint", "clause", "recorded", "counts unconfirmed", "counts confirmed", "rule"), rows)


def _immune(table: Table) -> str:
    rows = [
        (c.clause, _facts(c.facts), ", ".join(c.responses), f"`{c.rule}`", c.confirmed_on or "-", c.best)
        for c in immune_cases.CASES
    ]
    return table(("clause", "recorded", "responses", "rule of the last", "confirmed progression on", "best"), rows)


def _facts(facts: Iterable[AnyFact]) -> str:
    return "<br>".join(
        _fact(f) for f in sorted(facts, key=lambda f: (f.occurred.text if f.occurred else "", str(f.fact_id)))
    )


def _fact(fact: AnyFact) -> str:
    said = _lesion(fact) if isinstance(fact, LesionMeasurement) else wording.fact(fact)
    return f"{fact.occurred.text if fact.occurred else 'undated'}: {said}"


def _lesion(fact: LesionMeasurement) -> str:
    """With what links it to other lesions and to its reader, where an example speaks of that."""
    more = [f"measured together with {', '.join(fact.merged_with)}"] if fact.merged_with else []
    more += [f"part of {fact.split_from}"] if fact.split_from else []
    more += [f"visit {fact.visit}"] if fact.visit is not None else []
    more += ["flagged as accepted"] if fact.accepted else []
    more += [f"by {fact.reader}"] if fact.reader != "reader-1" else []
    return "; ".join((describe(fact, fact.organ), *more))
