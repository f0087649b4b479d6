"""The service grades every laboratory term of CTCAE as the command does: at every published bound, in every unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.cli.safety.graded_rows import graded
from services.cli.safety.laboratory_rows import LaboratoryRow
from services.safety.evaluate import evaluate
from shared.protocol.load import load
from shared.protocol.model import Protocol
from shared.protocol.scope import scope
from shared.protocol.sourced import Sourced
from shared.rules.ctcae import VERSIONS, Term
from shared.terminology import concept
from tests.spec.safety import ctcae_in_words as published
from tests.spec.safety.ctcae_in_words import STEP, Clause
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose
from tests.support import build

TERMS = {version: {term.name: term for term in terms} for version, terms in VERSIONS.items()}
CLAUSES = [(f"{v}.0", c) for v in (5, 6) if published.FOLDER.exists() for c in published.clauses(v)]
has_words = pytest.mark.skipif(
    not published.FOLDER.exists(), reason="the published words are not there (../shared/data/ctcae)"
)


def under(version: str) -> Protocol:
    """The protocol under that version of CTCAE."""
    stated = Sourced(value=version, source="site")
    return PROTOCOL.model_copy(update={"safety": PROTOCOL.safety.model_copy(update={"ctcae_version": stated})})


def by_service(version: str, term: Term, clause: Clause, value: Decimal) -> dict[str, Any]:
    """What the service says of a patient with that baseline and that value."""

    def lab(number: Decimal, on: str) -> Any:
        low, high = (None if n is None else f"{n:f}" for n in (clause.lln, clause.uln))
        return build.lab(term.concept, f"{number:f}", clause.unit or None, on=on, low=low, high=high)

    before = [lab(clause.baseline, "2024-04-10")] if clause.baseline is not None else []
    facts = build.timeline(first_dose(), *before, lab(value, "2024-05-03"))
    outcomes = evaluate(facts, under(version), build.at("2024-06-01")).outcomes
    return next(o.content for o in outcomes if (o.kind, o.subject) == ("toxicity", term.id))


def by_command(version: str, clause: Clause, value: Decimal) -> str:
    """What the command says of the same row."""
    lln, uln, baseline = ("" if n is None else f"{n:f}" for n in (clause.lln, clause.uln, clause.baseline))
    row = LaboratoryRow(clause.term, f"{value:f}", clause.unit, lln, uln, baseline, lln, uln)
    return graded(row, version).grade


@has_words
@pytest.mark.parametrize("version", ["5.0", "6.0"])
def test_the_service_and_the_command_give_the_same_grade_at_every_bound(version: str) -> None:
    """Below, at and above where each clause of the words begins and ends."""
    compared = 0
    for of, clause in CLAUSES:
        if of != version:
            continue
        term = TERMS[version][clause.term]
        for bound in (clause.begins, clause.ends):
            for value in (bound - STEP, bound, bound + STEP) if bound is not None else ():
                said = by_service(version, term, clause, value)
                assert str(said["latest_grade"]) == by_command(version, clause, value), (clause, value, said)
                compared += 1
    assert compared > 500


@pytest.mark.parametrize(
    ("concept_id", "value", "unit", "grade"),
    [
        ("glucose", "2.2", "mmol/L", 2),
        ("glucose", "39.63", "mg/dL", 3),
        ("calcium", "2.9", "mmol/L", 1),
        ("calcium", "11.62", "mg/dL", 2),
        ("haemoglobin", "6.2", "mmol/L", 1),
        ("haemoglobin", "9.99", "g/dL", 2),
    ],
)
def test_a_value_is_held_against_the_bounds_of_its_own_kind_of_unit(
    concept_id: str, value: str, unit: str, grade: int
) -> None:
    """CTCAE rounds its bounds by mass and by mol apart: each row and the next are the same amount, and not the grade."""
    canonical = concept(concept_id).unit
    low, high = {"glucose": ("4", "6"), "calcium": ("2.1", "2.6"), "haemoglobin": ("8", "11")}[concept_id]
    if unit == canonical:
        low, high = {"glucose": ("70", "110"), "calcium": ("8.5", "10.5"), "haemoglobin": ("13", "17")}[concept_id]
    found = evaluated(first_dose(), build.lab(concept_id, value, unit, on="2024-05-03", low=low, high=high))
    grades = [o.content["worst_grade"] for o in found.outcomes if o.kind == "toxicity"]
    assert max(grades) == grade


@pytest.mark.parametrize("version", ["5.0", "6.0"])
def test_what_is_asked_of_the_feed_follows_from_the_table(version: str) -> None:
    """Every concept of the version's table is in scope, and no two terms share the name of their outcome."""
    asked = scope([under(version)]).concepts
    assert {c for term in VERSIONS[version] for c in term.concepts} <= asked
    assert len({term.id for term in VERSIONS[version]}) == len(VERSIONS[version])


def test_names_of_terms_are_the_same_in_both_versions() -> None:
    """A protocol that changes its version goes on with the same outcomes: potassium stays `potassium-increased`."""
    for one in VERSIONS["5.0"]:
        for other in VERSIONS["6.0"]:
            assert (one.id == other.id) == ((one.concept, one.direction) == (other.concept, other.direction))


def test_a_low_fasting_glucose_is_graded_as_a_glucose() -> None:
    """Hypoglycemia knows no fasting; a fasting value that is too low must not be passed over."""
    found = evaluated(first_dose(), build.lab("glucose-fasting", "29", "mg/dL", on="2024-05-03", low="70"))
    outcome = find(found, "toxicity", "glucose-decreased")
    assert outcome is not None
    assert outcome.content["worst_grade"] == 4


def test_a_baseline_that_falls_is_taken_from_the_side_away_from_toxicity() -> None:
    """Of two fibrinogen values that cannot be ordered the higher is the baseline: the fall from it is the greater."""
    before = [build.lab("fibrinogen", v, "mg/dL", on="2024-04-10", low="200") for v in ("120", "180")]
    found = evaluated(first_dose(), *before, build.lab("fibrinogen", "100", "mg/dL", on="2024-05-03", low="200"))
    outcome = find(found, "toxicity", "fibrinogen")
    assert outcome is not None
    assert outcome.content["worst_grade"] == 2


def test_a_grade_4_of_any_term_is_a_candidate() -> None:
    """Not of the liver tests alone."""
    found = evaluated(first_dose(), build.lab("potassium", "7.1", "mmol/L", on="2024-05-03", high="5.1"))
    case = find(found, "adverse-event", "grade-4/potassium-increased")
    assert case is not None
    assert case.content["seriousness"] == ["life-threatening"]


def test_the_shipped_protocol_grades_every_term() -> None:
    """Nothing but the version decides what is graded."""
    for protocol in load().values():
        asked = scope([protocol]).concepts
        assert {t.concept for t in VERSIONS[protocol.safety.ctcae_version.value]} <= asked
