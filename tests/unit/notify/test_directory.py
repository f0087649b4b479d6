"""The recipients file: what is refused, with every fault, and what is warned of."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, get_args

import pytest

from services.notify import coverage, directory
from services.notify.urgency import HIGHEST, KINDS, Urgency, urgency
from shared import events
from shared.events import AnyEvent
from shared.sites import ConfigurationError
from tests.support.notices import AT, COORDINATOR, ENVIRON, OFFICER, STUDY, read, rule, suspected, system

SHIPPED = Path("deploy/recipients.yaml")


def test_the_shipped_file_is_sound_and_leaves_nothing_urgent_untold() -> None:
    """No fault, and for the shipped sites and study no warning."""
    found = directory.load(SHIPPED, {})
    assert coverage.warnings(found, [STUDY], ["north", "south", "general"], AT) == []


def test_no_file_tells_nobody_and_says_so() -> None:
    """It is no fault; it is warned of."""
    assert coverage.warnings(directory.load(None, {}), [STUDY], ["north"], AT) == [
        "no rule: nobody is told of anything; see GRAFTWATCH_RECIPIENTS"
    ]


def test_times_of_day_are_read_as_yaml_gives_them(tmp_path: Path) -> None:
    """YAML 1.1 reads an unquoted 22:00 as 1320 and leaves 07:00 a text."""
    path = tmp_path / "r.yaml"
    path.write_text(
        "recipients: [{id: a, name: A, email: a@x.example, quiet_hours: {from: 22:00, to: 07:00}}]\nrules: []\n"
    )
    quiet = directory.load(path, {}).recipients["a"].quiet_hours
    assert quiet is not None
    assert (quiet.begin, quiet.end) == (time(22), time(7))


FAULTS = {
    "recipients.0.email: expected one address": "recipients: [{id: a, name: A, email: 'A <a@x.example>'}]",
    "recipients.0.time_zone: unknown time zone": "recipients: [{id: a, name: A, time_zone: Mars/Base}]",
    "recipients.0.nmae: Extra inputs": "recipients: [{id: a, name: A, nmae: B}]",
    "recipient 'a' is there 2 times": "recipients: [{id: a, name: A}, {id: a, name: B}]",
    "recipients.0.webhook.url: expected https://": (
        "recipients: [{id: a, name: A, webhook: {url: 'ftp://x.example', secret_env: S}}]"
    ),
    "recipients.0.webhook.url: expected https://host/path, without user": (
        "recipients: [{id: a, name: A, webhook: {url: 'https://u:p@x.example', secret_env: S}}]"
    ),
    "the variable UNSET_SECRET is not set": (
        "recipients: [{id: a, name: A, webhook: {url: 'https://x.example', secret_env: UNSET_SECRET}}]"
    ),
    "SHORT_SECRET: expected whsec_": (
        "recipients: [{id: a, name: A, webhook: {url: 'https://x.example', secret_env: SHORT_SECRET}}]"
    ),
    "recipients.0.quiet_hours.from: expected a time of day": (
        "recipients: [{id: a, name: A, quiet_hours: {from: 25:00, to: 07:00}}]"
    ),
    "rule r: no recipient 'b'": "rules: [{name: r, to: [b]}]",
    "rule r: recipient a has no email": "recipients: [{id: a, name: A}]\nrules: [{name: r, to: [a]}]",
    "rule r: escalate: no recipient 'b'": (
        "recipients: [{id: a, name: A, email: a@x.example}]\n"
        "rules: [{name: r, to: [a], escalate: [{after_minutes: 5, to: [b]}]}]"
    ),
    "escalate: expected after_minutes to rise": (
        "recipients: [{id: a, name: A, email: a@x.example}]\n"
        "rules: [{name: r, to: [a], escalate: [{after_minutes: 5, to: [a]}, {after_minutes: 5, to: [a]}]}]"
    ),
    "rules.0.kinds.0: unknown kind 'rejection'": "rules: [{name: r, to: [], kinds: [rejection]}]",
    "rules.0.urgency: Input should be 'routine'": "rules: [{name: r, to: [], urgency: emergency}]",
    "when: no such field of these kinds: grade": (
        "rules: [{name: r, to: [], kinds: [rejection-proven], when: {grade: ['3']}}]"
    ),
    "a digest goes by email alone": ("rules: [{name: r, to: [], by: [email, webhook], send: {digest: [08:00]}}]"),
    "is a word of our own": "rules: [{name: escalation, to: []}]",
    "rule 'r' is there 2 times": "rules: [{name: r, to: []}, {name: r, to: []}]",
    "not YAML": "recipients: [",
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_named_with_its_place(tmp_path: Path, fault: str) -> None:
    """The line begins with the file."""
    path = tmp_path / "recipients.yaml"
    path.write_text(FAULTS[fault])
    with pytest.raises(ConfigurationError) as refused:
        directory.load(path, {"SHORT_SECRET": "whsec_c2hvcnQ="})
    assert fault in str(refused.value)
    assert all(line.startswith(f"{path}: ") for line in str(refused.value).splitlines())


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    """Three faults, three lines."""
    path = tmp_path / "recipients.yaml"
    path.write_text("recipients: [{id: A, name: A}]\nrules: [{name: r, to: [a], by: [pigeon], urgency: now}]")
    with pytest.raises(ConfigurationError) as refused:
        directory.load(path, {})
    assert len(str(refused.value).splitlines()) == 3


def test_two_subscribers_may_not_share_a_token(tmp_path: Path) -> None:
    """It would name nobody."""
    fhir = {"token_sha256": "a" * 64, "endpoints": ["https://x.example"]}
    with pytest.raises(ConfigurationError, match="a, b share a token"):
        read(tmp_path, *({"id": i, "name": i, "fhir": fhir} for i in ("a", "b")))


def test_a_secret_may_be_changed_and_is_never_shown(tmp_path: Path) -> None:
    """Two words in the variable are two keys, the newest first; neither shows when it is printed."""
    path = tmp_path / "r.yaml"
    path.write_text("recipients: [{id: a, name: A, webhook: {url: 'https://x.example', secret_env: S}}]")
    word = ENVIRON["WEBHOOK_SECRET"]
    found = directory.load(path, {"S": f"{word} {word}"})
    assert len(found.secrets["a"]) == 2
    assert "secret of the tests" not in repr(found)


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        (rule("r"), "rule r matches nobody: `to` is empty"),
        (rule("r", "gone"), "rule r matches nobody: all of its recipients have ended"),
        (rule("r", "officer", sites=["east"]), "rule r matches nothing: no site east is configured"),
        (rule("r", "officer", sites=["east", "north"]), "rule r: no site east is configured"),
        (rule("r", "officer", studies=["other"]), "rule r matches nothing: no study other is configured"),
        (
            rule("r", "officer", kinds=["criterion-changed"], urgency="stat"),
            "rule r matches nothing: no event of its kinds is as urgent as stat",
        ),
        (
            rule("r", "officer", escalate=[{"after_minutes": 5, "to": ["officer"]}]),
            "rule r: step 1 of escalate tells nobody new",
        ),
    ],
    ids=["empty", "ended", "site", "one-site", "study", "urgency", "escalation"],
)
def test_a_rule_that_reaches_nobody_is_warned_of(tmp_path: Path, given: dict[str, object], warning: str) -> None:
    """One sentence, which names the rule."""
    gone = {**COORDINATOR, "id": "gone", "until": "2024-01-01"}
    found = read(tmp_path, OFFICER, gone, rules=[given, rule("all", "officer")])
    assert coverage.warnings(found, [STUDY], ["north"], AT) == [warning]


def test_urgent_events_that_nobody_is_told_of_are_warned_of(tmp_path: Path) -> None:
    """By kind, study and site; a rule whose recipients have ended covers nothing."""
    found = read(tmp_path, OFFICER, rules=[rule("r", "officer", sites=["north"], urgency="asap")])
    said = coverage.warnings(found, [STUDY], ["north", "south"], AT)
    assert f"nobody is told of rejection-proven (stat): {STUDY} at south" in said
    assert not any("north" in w for w in said)
    assert len(said) == sum(u.reaches(Urgency.ASAP) for u in HIGHEST.values())
    untold = coverage.untold(found, [STUDY], ["north", "south"], AT)
    assert set(untold) == {kind for kind, u in HIGHEST.items() if u.reaches(Urgency.ASAP)}
    assert all(places == [(STUDY, "south")] for places in untold.values())
    later = datetime(2030, 1, 1, tzinfo=UTC)
    ended = read(tmp_path, {**OFFICER, "until": "2024-05-04"}, rules=[rule("r", "officer")])
    assert len(coverage.warnings(ended, [STUDY], ["north"], later)) > 1


def test_every_kind_of_event_has_a_highest_urgency() -> None:
    """The table and the rule speak of the same kinds."""
    assert set(HIGHEST) == set(KINDS) == {str(k.__struct_config__.tag) for k in get_args(AnyEvent)}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_event_is_more_urgent_than_the_highest_of_its_kind(kind: str) -> None:
    """And the highest is reached: by the worst event of that kind."""
    worst: dict[str, dict[str, Any]] = {
        "adverse-event-found": {"criteria": ("death",), "status": "suspected", "before": None},
        "toxicity-graded": {"term": "ALT", "before": 4, "grade": 1},
        "screening-status-changed": {"before": "eligible", "status": "ineligible"},
    }
    fields = dict.fromkeys(KINDS[kind].__struct_fields__, "x") | {"patient": suspected().patient, "evidence": ()}
    given: Any = fields | worst.get(kind, {})
    event: Any = KINDS[kind](**given)
    assert urgency(event) == HIGHEST[kind]


def test_a_death_is_more_urgent_than_a_stay_in_hospital() -> None:
    """Of the same kind of event."""
    about = dict.fromkeys(events.AdverseEventFound.__struct_fields__, "x") | {"patient": suspected().patient}
    made: Any = events.AdverseEventFound
    found = {c: urgency(made(**(about | {"criteria": (c,)}))) for c in ("death", "hospitalisation")}
    assert found == {"death": Urgency.STAT, "hospitalisation": Urgency.ASAP}


def test_a_webhook_needs_its_secret(tmp_path: Path) -> None:
    """With it, the file is sound."""
    assert read(tmp_path, system("https://x.example")).secrets.keys() == {"system"}
