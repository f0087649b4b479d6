"""Specification of what is one case, and of corrections by people: which fields change, and what they set going."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.safety.adverse_events import case_id
from services.safety.evaluate import announce
from shared.events import AdverseEventFound
from shared.facts import Amendment, AnyFact
from tests.spec.safety.trial import PROTOCOL, case, evaluated, find, first_dose, liver, normal_baseline
from tests.support import build

STAY = build.stay(on="2024-05-03", until="2024-05-08", key="stay-1")
FACTS = [first_dose(), STAY]


def ident(subject: str) -> str:
    """The id of a case of the patient."""
    return str(case_id(build.PATIENT, PROTOCOL.id, subject))


def said(
    code: str,
    value: bool = True,
    *,
    on: str = "2024-05-10",
    of: str = "stay/stay-1",
    into: str | None = None,
    amends: Amendment | None = None,
) -> AnyFact:
    """A statement about a case."""
    fact = build.attestation(code, value, on=on, focus=ident(of))
    return build.record(msgspec.structs.replace(fact, into=into, amends=amends))


def cases(*facts: AnyFact, at: str = "2024-06-01") -> dict[str, dict[str, Any]]:
    """The cases of a treated patient by subject."""
    found = evaluated(first_dose(), *facts, at=at).outcomes
    return {o.subject: o.content for o in found if o.kind == "adverse-event"}


def clocks(*facts: AnyFact, at: str = "2024-06-01") -> dict[str, str]:
    """How the deadlines stand."""
    found = evaluated(first_dose(), *facts, at=at).outcomes
    return {o.subject: o.content["state"] for o in found if o.kind == "clock"}


def alt(value: str, on: str) -> AnyFact:
    """An ALT."""
    return liver("alt", value, on)


JOINED = [
    ("a stay on the day a grade 4 value was found", [alt("900", "2024-05-03"), STAY], "stay/stay-1", "grade-4/alt"),
    ("3 days after it", [alt("900", "2024-04-30"), STAY], "stay/stay-1", "grade-4/alt"),
    ("4 days after it", [alt("900", "2024-04-29"), STAY], "stay/stay-1", None),
    ("the value on the day after admission", [alt("900", "2024-05-04"), STAY], "grade-4/alt", "stay/stay-1"),
    ("the value later in the stay", [alt("900", "2024-05-05"), STAY], "grade-4/alt", None),
    (
        "immune-related colitis, admitted for it",
        [build.diagnosis("immune-colitis", on="2024-05-02"), STAY],
        "stay/stay-1",
        "immune/immune-colitis",
    ),
    (
        "grade 4 AST 14 days after grade 4 ALT",
        [alt("900", "2024-05-03"), liver("ast", "900", "2024-05-17")],
        "grade-4/ast",
        "grade-4/alt",
    ),
    ("15 days after it", [alt("900", "2024-05-03"), liver("ast", "900", "2024-05-18")], "grade-4/ast", None),
    (
        "rejection proven within days of grade 4",
        [alt("900", "2024-05-03"), build.diagnosis("liver-transplant-rejection", on="2024-05-09")],
        "rejection",
        "grade-4/alt",
    ),
    (
        "a grade 4 potassium beside grade 4 ALT",
        [alt("900", "2024-05-03"), build.lab("potassium", "7.1", "mmol/L", on="2024-05-03")],
        "grade-4/potassium-increased",
        None,
    ),
]


@pytest.mark.parametrize(("says", "facts", "part", "lead"), JOINED, ids=[c[0] for c in JOINED])
def test_what_is_one_event_is_one_case(says: str, facts: list[AnyFact], part: str, lead: str | None) -> None:
    """The first leads and has the criteria of all; what lies further apart stays a case of its own."""
    found = cases(normal_baseline(), normal_baseline("ast"), *facts)
    assert found[part]["merged_into"] == lead, says
    if lead is not None:
        assert part in found[lead]["parts"]
        assert set(found[part]["seriousness"]) <= set(found[lead]["seriousness"])


def test_a_case_is_known_since_any_part_of_it_was() -> None:
    """The clock of the case starts with the first record, not with that of the part which leads."""
    facts = [first_dose(), normal_baseline(), alt("900", "2024-05-02"), STAY]
    timeline = build.timeline(*facts)
    recorded = {f.fact_id: build.at("2024-05-03T09:00:00+00:00") for f in facts}
    recorded[facts[2].fact_id] = build.at("2024-05-07T09:00:00+00:00")
    known = type(timeline)(timeline.patient, timeline.version, timeline.facts, recorded)
    from services.safety.evaluate import evaluate  # noqa: PLC0415 - with other times of recording than `evaluated`

    outcome = find(evaluate(known, PROTOCOL, build.at("2024-06-01")), "adverse-event", "grade-4/alt")
    assert outcome is not None
    assert outcome.content["aware_at"] == "2024-05-03T09:00:00+00:00"


def test_a_person_parts_what_was_joined() -> None:
    """The stay was for something else."""
    facts = [normal_baseline(), alt("900", "2024-05-03"), STAY]
    assert cases(*facts)["stay/stay-1"]["merged_into"] == "grade-4/alt"
    assert cases(*facts, said("sae-merged", False))["stay/stay-1"]["merged_into"] is None


def test_a_death_that_a_person_merges_makes_the_other_case_fatal() -> None:
    """With its criterion and its clocks: merging must not lose the 7 days."""
    died = build.died("2024-05-20")
    notified = [said("sae-notified", on="2024-05-04"), said("sae-notified", on="2024-05-21")]
    merged = said("sae-merged", of="death", into=ident("stay/stay-1"), on="2024-05-22")
    found = cases(STAY, died, merged)["stay/stay-1"]
    assert (found["seriousness"], found["result"], found["parts"]) == (["death", "hospitalisation"], "fatal", ["death"])
    assert "expedited-fatal/stay/stay-1" in clocks(STAY, died, *notified, merged)


def test_cases_merged_in_a_circle_are_one_case_not_none() -> None:
    """Each attested to be part of the other: the first by name leads, and its clocks go on."""
    died = build.died("2024-05-20")
    circle = [
        said("sae-merged", of="death", into=ident("stay/stay-1")),
        said("sae-merged", of="stay/stay-1", into=ident("death")),
    ]
    found = cases(STAY, died, *circle)
    assert [s for s, c in found.items() if c["merged_into"] is None] == ["death"]
    assert clocks(STAY, died, *circle)


def test_a_refuted_case_hides_no_other() -> None:
    """A grade 4 value that was haemolysis is refuted; the stay that seemed part of it is a case again."""
    facts = [normal_baseline(), alt("900", "2024-05-03"), STAY, said("sae-refuted", of="grade-4/alt")]
    assert cases(*facts)["stay/stay-1"]["merged_into"] is None


@pytest.mark.parametrize(
    ("amends", "field", "expected"),
    [
        (Amendment(term="Cholangitis"), "title", "Cholangitis"),
        (Amendment(onset=build.on_date("2024-05-01")), "onset_on", "2024-05-01"),
        (Amendment(ended=build.on_date("2024-05-06")), "ended_on", "2024-05-06"),
        (Amendment(grade=3), "grade", 3),
        (Amendment(seriousness=("life-threatening",)), "seriousness", ["life-threatening"]),
        (Amendment(seriousness=()), "seriousness", []),
        (Amendment(result="ongoing"), "result", "ongoing"),
        (Amendment(onset=build.on_date("2024-07-01")), "in_window", False),
    ],
)
def test_an_amendment_changes_its_field_and_is_told(amends: Amendment, field: str, expected: object) -> None:
    """The step is kept with who and when; a field that is not named stays as the records show it."""
    before, step = case("stay/stay-1", STAY), said("sae-amended", amends=amends)
    after = case("stay/stay-1", STAY, step)
    assert before is not None
    assert after is not None
    assert before[field] != after[field] == expected
    changed = {key for key in before if before[key] != after[key]} - {"steps", "in_window", "due_investigator_at"}
    assert changed <= {field, "onset_on"}
    assert [(s["step"], s["by"], s["on"]) for s in after["steps"]] == [("amended", "practitioner-1", "2024-05-10")]
    assert after["steps"][0]["amends"]
    old, new = (find(evaluated(*facts), "adverse-event", "stay/stay-1") for facts in (FACTS, [*FACTS, step]))
    events = announce(build.PATIENT, PROTOCOL, old, new)
    assert len(events) == (0 if field == "ended_on" else 1)


def test_the_last_amendment_of_a_field_counts_and_contradictions_do_not() -> None:
    """Two of the same time that disagree leave what the records show."""
    first = said("sae-amended", amends=Amendment(grade=2, term="Cholangitis"))
    later = said("sae-amended", amends=Amendment(grade=3), on="2024-05-11")
    found = case("stay/stay-1", STAY, first, later)
    assert found is not None
    assert (found["grade"], found["title"]) == (3, "Cholangitis")
    other = said("sae-amended", amends=Amendment(grade=4), on="2024-05-11")
    contradicted = case("stay/stay-1", STAY, later, other)
    assert contradicted is not None
    assert contradicted["grade"] is None


def test_a_case_amended_to_life_threatening_is_due_in_7_days() -> None:
    """The amendment is no note: the clocks follow."""
    notified = said("sae-notified", on="2024-05-10")
    assert "expedited/stay/stay-1" in clocks(STAY, notified)
    amended = said("sae-amended", amends=Amendment(seriousness=("life-threatening",)))
    assert "expedited-fatal/stay/stay-1" in clocks(STAY, notified, amended)


def test_the_event_says_what_changed() -> None:
    """In words, beside how the case stands now."""
    step = said("sae-amended", amends=Amendment(grade=3))
    old, new = (find(evaluated(*facts), "adverse-event", "stay/stay-1") for facts in (FACTS, [*FACTS, step]))
    (event,) = announce(build.PATIENT, PROTOCOL, old, new)
    assert isinstance(event, AdverseEventFound)
    assert event.sentence.endswith("changed: grade")
