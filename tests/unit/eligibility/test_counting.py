"""What is counted, drawn and listed of screening outcomes, and how a past decision is explained."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from services.cli.eligibility.picture import draw
from services.eligibility.attrition import Attrition, count
from services.eligibility.evaluate import evaluate
from services.eligibility.expiring import expiring
from services.eligibility.explain import Decision, explain, in_force
from services.eligibility.status import STATUSES
from shared.facts import AnyFact
from shared.outcomes import Outcome
from shared.protocol.load import load
from shared.timeline import Entry
from tests.support import build
from tests.support.build import attestation, diagnosis, dose, lab
from tests.support.patients import ELIGIBLE, TODAY, eligible

PROTOCOL = load()["camrelizumab-hcc-transplant"]
AT = build.at(TODAY)
LOW = lab("platelets", "42")


def _outcome(facts: tuple[AnyFact, ...], at: datetime = AT) -> Outcome:
    (outcome,) = evaluate(build.timeline(*facts), PROTOCOL, at).outcomes
    return outcome


@pytest.fixture(scope="module")
def counted() -> Attrition:
    """A cohort with a patient of every status but off study."""
    cohort = [
        eligible(),
        eligible(platelets=LOW),
        eligible(platelets=LOW, without=("survival",)),
        eligible(platelets=LOW, albumin=lab("albumin", "2.7")),
        eligible(without=("survival",)),
        eligible(dose(on="2024-05-04")),
        (diagnosis(),),
        (),
    ]
    return count(PROTOCOL, [_outcome(facts).content for facts in cohort])


def test_everybody_is_counted_once(counted: Attrition) -> None:
    """The statuses add up to all patients; candidates in treatment are not being screened."""
    assert counted.patients == sum(counted.statuses.values()) == 8
    assert list(counted.statuses) == list(STATUSES)
    assert counted.screened == 5
    assert counted.lacking == {"hepatocellular carcinoma and liver transplant": 1, "liver transplant": 1}


def test_failures_of_one_criterion_alone_are_told_apart(counted: Attrition) -> None:
    """Three fail platelets, for two it is the only failure, and for one of them all else is settled well."""
    found = {c.id: c for c in counted.criteria}
    platelets, survival = found["I11b"], found["I10"]
    assert (platelets.fails, platelets.fails_only_this, platelets.stands_alone) == (3, 2, 1)
    assert (survival.unknown, survival.fails_only_this, survival.stands_alone) == (2, 0, 1)
    assert [c.remaining for c in counted.criteria][-1] == 2


def test_an_empty_cohort_counts_nothing() -> None:
    """No outcome at all is a table of zeros."""
    empty = count(PROTOCOL, [])
    assert (empty.patients, empty.screened) == (0, 0)
    assert all(c.fails == c.unknown == c.remaining == 0 for c in empty.criteria)


def test_the_picture_is_well_formed_and_names_the_numbers(counted: Attrition) -> None:
    """An XML document with every box's number; long titles are shortened, and nothing is left unescaped."""
    drawn = ET.fromstring(draw(counted))
    texts = [element.text or "" for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"8 patients", "6 candidates", "5 being screened", "3 ineligible", "1 undecided", "1 eligible"} <= set(texts)
    assert any(text.startswith("I11b 3 (only this: 2)") for text in texts)


def test_what_ends_soon_is_listed_soonest_first() -> None:
    """Criteria whose answer ends in the given time; groups are told by their parts."""
    facts = eligible(survival=attestation("survival-over-3-months", expires="2024-05-10"))
    content = _outcome(facts).content
    assert [e.criterion for e in expiring(content, AT, timedelta(days=7))] == ["I10"]
    found = expiring(content, AT, timedelta(days=14))
    assert [e.criterion for e in found][:2] == ["I10", "I11a"]
    assert found == tuple(sorted(found))
    assert expiring(content, AT, timedelta(days=1)) == ()


def _decision(ordinal: int, facts: tuple[AnyFact, ...], version: int, **changed: Any) -> Decision:
    at = AT + timedelta(days=ordinal - 1)
    outcome = _outcome(facts, at)
    stated = {"content": outcome.content, "evidence": outcome.evidence, **changed}
    return Decision(ordinal, False, stated["content"], stated["evidence"], version, "1", "hash", "1", at, at)


ENTRIES = [
    *(Entry(f, AT, 1) for f in eligible(without=("platelets",))),
    Entry(lab("platelets", "300", on="2024-04-30"), AT, 0, 1),
    Entry(ELIGIBLE["platelets"], AT, 1, 2),
    Entry(LOW, AT, 2),
]
DECISIONS = [_decision(1, eligible(), 1), _decision(2, eligible(platelets=LOW), 2)]


def test_the_decision_in_force_is_the_last_one_by_then() -> None:
    """Before the first there is none; without a time it is the current one."""
    assert in_force(DECISIONS, AT - timedelta(days=1)) is None
    assert in_force(DECISIONS, AT) is DECISIONS[0]
    assert in_force(DECISIONS, None) is DECISIONS[1]


def test_a_past_decision_is_reproduced_from_its_version() -> None:
    """Replayed at its version the rules say the same; what ended since is known to have carried the decision."""
    explained = explain(build.PATIENT, DECISIONS[0], DECISIONS, ENTRIES, PROTOCOL)
    assert explained.differences == ()
    assert [(c.what, c.version, c.was_evidence) for c in explained.changed] == [
        ("ended", 2, True),
        ("learned", 2, False),
    ]
    assert len(explained.known) == len(eligible())
    assert explained.later == (DECISIONS[1],)


def test_rules_that_would_decide_otherwise_are_named() -> None:
    """A stored verdict that today's rules do not give is told criterion by criterion, and the stored one stands."""
    content = dict(DECISIONS[0].content)
    content["criteria"] = [{**e, "verdict": "unknown"} if e["id"] == "I7" else e for e in content["criteria"]]
    stored = _decision(1, eligible(), 1, content=content | {"status": "potentially_eligible"})
    explained = explain(build.PATIENT, stored, [stored], ENTRIES, PROTOCOL)
    assert explained.decision is stored
    assert explained.differences is not None
    assert explained.differences[0] == "status eligible instead of potentially_eligible"
    assert explained.differences[1].startswith("I7 met instead of unknown: ")


def test_a_protocol_that_is_not_kept_leaves_the_decision_as_it_is() -> None:
    """Without the protocol of that time nothing is tried, and nothing is claimed."""
    assert explain(UUID(int=1), DECISIONS[0], DECISIONS, ENTRIES, None).differences is None
