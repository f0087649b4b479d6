"""Renders the specification of safety from the tables and the cases that the tests run. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from services.cli import wording
from services.safety.biopsy import BANFF, BANFF_BANDS
from services.safety.figures import boundary
from services.safety.rejection_rules import RULES
from shared.protocol.load import load
from shared.reviews import ACTS
from shared.rules.ctcae import SOURCES, VERSIONS, Term
from shared.rules.incidence.stopping import operating, table
from tests.spec.safety import (
    test_adverse_events,
    test_clocks,
    test_episodes,
    test_joining,
    test_rejection,
    test_reviews,
)

Table = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
PATIENTS: Final = 40
TRIALS: Final = 2_000
SEED: Final = 20240414
RATES: Final = (0.2, 0.3, 0.36, 0.4, 0.5, 0.6)


def page(table_: Table) -> str:
    """The specification of safety."""
    return "\n".join(
        [
            "# Specification of safety\n",
            *_grades(table_),
            *_rejection(table_),
            *_cases(table_),
            *_clocks(table_),
        ]
    )


def stopping_page(table_: Table) -> str:
    """The stopping boundary of each protocol, and how it behaves."""
    parts = ["# Stopping boundary for graft rejection\n"]
    for protocol in load().values():
        rule = boundary(protocol)
        parts.append(f"## {protocol.title}\n")
        parts.append(
            f"Beta prior ({rule.prior_events}, {rule.prior_others}); stop if the rate of rejection lies above "
            f"{rule.unacceptable_rate} with a probability of at least {rule.certainty}, from patient {rule.first_look} on.\n"
        )
        parts.append(table_(("patients treated", "stop from so many with rejection"), table(rule, PATIENTS)))
        parts.append(
            f"Simulated with {TRIALS} trials of at most {PATIENTS} patients at each true rate, looking after every patient:\n"
        )
        found = operating(rule, RATES, PATIENTS, TRIALS, SEED)
        rows = [(o.true_rate, f"{100 * o.stops:.1f} %", f"{o.mean_patients:.1f}") for o in found]
        parts.append(table_(("true rate", "trials stopped", "patients treated on average"), rows))
    return "\n".join(parts)


def _grades(table_: Table) -> Iterable[str]:
    for version, terms in VERSIONS.items():
        yield f"## CTCAE {version}\n\n{SOURCES[version]}. Each bound is tested on both sides and at the bound.\n"
        rows = [_grade_row(term) for term in sorted(terms, key=lambda t: t.name)]
        yield table_(("term", "concept", "grade 1", "grade 2", "grade 3", "grade 4", "read here as"), rows)


def _grade_row(term: Term) -> tuple[str, ...]:
    circumstances = ", ".join(c for c in term.circumstances if c is not None)
    read = " ".join(filter(None, (term.note, f"Distinguishes: {circumstances}." if circumstances else "")))
    return (term.name, f"`{term.concept}`", *(term.words_of(g) or "-" for g in range(1, 5)), read)


def _rejection(table_: Table) -> Iterable[str]:
    yield "## Graft rejection\n\nThe level is that of the first rule that finds something.\n"
    yield table_(("rule", "level", "says", "source"), [(f"`{r.id}`", r.level, r.sentence, r.source) for r in RULES])
    yield f"{BANFF}:\n"
    yield table_(("index", "band"), [(f"{b.lowest}-{b.highest}", b.severity) for b in BANFF_BANDS])
    yield "By example, with a first dose on 14 April 2024 and an evaluation on 1 June 2024:\n"
    cases = _parameters(test_rejection.test_the_first_rule_that_finds_something_gives_the_level)
    yield table_(("records", "level", "rule"), [(_facts(facts), level, rule or "-") for rule, level, facts in cases])
    yield "The course, over a baseline of ALT and AST 30 on 10 April 2024; what comes after an end opens a new episode:\n"
    courses = [(f"{says}: {_facts(facts)}", _steps(steps), state) for says, facts, steps, state in test_episodes.CASES]
    yield table_(("records", "steps", "stands as"), courses)


def _cases(table_: Table) -> Iterable[str]:
    yield "## Serious adverse events\n"
    serious = _parameters(test_adverse_events.test_each_criterion_of_seriousness_makes_a_case)
    rows = [(_facts(facts), f"`{subject.partition('/')[0]}`", criterion) for subject, facts, criterion in serious]
    yield table_(("records", "case", "seriousness"), rows)
    stays = _parameters(test_adverse_events.test_other_stays_are_no_case)
    yield "No case:\n"
    yield table_(("records",), [(_facts([fact]),) for fact in stays])
    yield "One case or two; the first leads and takes over the criteria of its parts:\n"
    joined = [
        (says, _facts(facts), f"`{part}`", f"part of `{lead}`" if lead else "a case of its own")
        for says, facts, part, lead in test_joining.JOINED
    ]
    yield table_(("what", "records", "case", "is"), joined)
    yield from _reviews(table_)
    yield "Causality, both opinions kept:\n"
    opinions = _parameters(test_reviews.test_both_opinions_are_kept_and_neither_downgrades)
    said = [
        ("; ".join(f"{c} {v}" for c, v in stated) or "-", text, "yes" if r else "no") for stated, text, r in opinions
    ]
    yield table_(("attested", "relation", "counts as related"), said)


def _reviews(table_: Table) -> Iterable[str]:
    yield "### Review records\n"
    yield (
        "People act on a case by Observations of category `attestation` through the feed: the act as code, "
        "`valueBoolean`, a Practitioner as performer, the id of the case as `focus.identifier`, details as components. "
        "Every one is kept as a step with who and when; one entered in error is withdrawn.\n"
    )
    yield table_(("code", "says"), [(f"`{a.code}`", a.says + " Wants a `note`." * a.wants_reason) for a in ACTS])
    details = [(f"`{a.code}`", f"`{d.code}`", f"`{d.element}`", d.says) for a in ACTS for d in a.details]
    yield table_(("record", "component", "value", "what it says"), details)


def _clocks(table_: Table) -> Iterable[str]:
    yield "## Reporting clocks\n\nThe last instant in time; the site has known of the case since 3 May 2024, 12:00 UTC.\n"
    rows = [
        (clause, zone, "; ".join(f"{kind} {due}" for kind, due in expected.items()))
        for clause, _, zone, expected in test_clocks.CASES
    ]
    yield table_(("clause", "sponsor in", "due"), rows)


def _steps(steps: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{step} {on}" for on, step in steps) or "-"


def _parameters(test: Any) -> Any:
    return test.pytestmark[0].args[1]


def _facts(facts: Iterable[Any]) -> str:
    return "; ".join(f"{wording.fact(f)} ({_when(f)})" for f in facts) or "none"


def _when(fact: Any) -> str:
    on = fact.occurred.text if fact.occurred else "undated"
    return on if getattr(fact, "final", True) else f"{on}, preliminary"
