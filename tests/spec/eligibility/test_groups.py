"""Groups of criteria and exclusions, as a site may add them to the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.eligibility.answers import Answer
from services.eligibility.criteria import combine
from services.eligibility.evaluate import announce, evaluate
from shared.facts import AnyFact
from shared.outcomes import Outcome, Verdict
from shared.protocol.criteria import AllOf, AnyOf, AtLeast, Not
from shared.protocol.load import load_file
from shared.protocol.model import Protocol
from tests.spec.eligibility.specification import protocol
from tests.support import build
from tests.support.build import attestation
from tests.support.patients import TODAY, eligible

M, N, U, C = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN, Verdict.CONFLICT
_PARTS = [{"id": f"E1{p}", "kind": "attestation", "title": p, "sources": ["site"], "code": "enrolled"} for p in "abc"]
_BASE = {"id": "E1", "title": "group", "sources": ["site"]}


def _group(kind: str, parts: int) -> AllOf | AnyOf | AtLeast | Not:
    stated = {**_BASE, "kind": kind, "of": _PARTS[:parts]}
    match kind:
        case "all":
            return AllOf.model_validate(stated)
        case "any":
            return AnyOf.model_validate(stated)
        case "not":
            return Not.model_validate(stated)
        case _:
            return AtLeast.model_validate({**stated, "n": 2})


@pytest.mark.parametrize(
    ("kind", "parts", "verdict"),
    [
        ("all", (M, M), M),
        ("all", (M, U), U),
        ("all", (U, C), C),
        ("all", (N, C), N),
        ("any", (N, N), N),
        ("any", (N, U), U),
        ("any", (C, U), C),
        ("any", (M, C), M),
        ("at-least", (M, M, N), M),
        ("at-least", (M, U, N), U),
        ("at-least", (M, C, N), C),
        ("at-least", (N, N, U), N),
        ("not", (M,), N),
        ("not", (N,), M),
        ("not", (U,), U),
        ("not", (C,), C),
    ],
)
def test_groups_follow_kleene(kind: str, parts: tuple[Verdict, ...], verdict: Verdict) -> None:
    """Unknown parts decide nothing that the known ones do not decide alone."""
    assert combine(_group(kind, len(parts)), tuple(Answer(p, f"it is {p}") for p in parts)).verdict is verdict


def test_a_group_tells_its_deciding_parts_and_the_earliest_change() -> None:
    """The sentence is that of the parts that decided; validity is that of the part that changes first."""
    soon, late = build.at("2024-05-06"), build.at("2024-06-01")
    parts = (
        Answer(M, "one is met", valid_until=late),
        Answer(N, "two is not met", valid_until=soon),
        Answer(U, "three is unknown", missing=("three",)),
    )
    answer = combine(_group("all", 3), parts)
    assert (answer.says, answer.missing, answer.valid_until) == ("two is not met", (), soon)
    assert combine(_group("not", 1), parts[:1]).says == "one is met"


@pytest.fixture(scope="module")
def with_exclusion(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    """The first trial with an exclusion of a site's own: enrolled already."""
    file = Path(str(tmp_path_factory.mktemp("protocols"))) / "trial.yaml"
    text = (Path(__file__).parents[3] / "shared/protocol/camrelizumab-hcc-transplant.yaml").read_text(encoding="utf-8")
    exclusion = "{id: E1, kind: attestation, title: enrolled before, sources: [site], code: enrolled}"
    file.write_text(text.replace("exclusion: []", f"exclusion: [{exclusion}]"), encoding="utf-8")
    return load_file(file)


@pytest.mark.parametrize(
    ("attested", "status"), [(True, "ineligible"), (False, "eligible"), (None, "potentially_eligible")]
)
def test_an_exclusion_that_is_met_excludes(with_exclusion: Protocol, attested: bool | None, status: str) -> None:
    """Exclusions must not be met; one that is unknown keeps the patient from being eligible."""
    more = () if attested is None else (attestation("enrolled", attested),)
    content = _outcome(with_exclusion, eligible(*more)).content
    assert content["status"] == status
    assert content["criteria"][-1]["role"] == "exclusion"


def test_a_met_exclusion_is_told_as_one(with_exclusion: Protocol) -> None:
    """The sentence names the exclusion that is met."""
    before = _outcome(with_exclusion, eligible(attestation("enrolled", False)))
    after = _outcome(with_exclusion, eligible(attestation("enrolled", on="2024-05-02")))
    (event,) = announce(build.PATIENT, with_exclusion, before, after)
    assert event.sentence == "no longer eligible: attested on 2 May 2024: enrolled before (exclusion E1 met)"


def test_a_new_criterion_of_the_protocol_is_no_change_of_an_answer(with_exclusion: Protocol) -> None:
    """When the protocol gains a criterion, the status may change, but no answer to that criterion did."""
    (event,) = announce(
        build.PATIENT, with_exclusion, _outcome(protocol(), eligible()), _outcome(with_exclusion, eligible())
    )
    assert event.sentence.startswith("potentially eligible: E1 unknown")


def _outcome(by: Protocol, facts: tuple[AnyFact, ...]) -> Outcome:
    (outcome,) = evaluate(build.timeline(*facts), by, build.at(TODAY)).outcomes
    return outcome
