"""Specification of graft rejection: each rule on both sides of its bounds, and what ends a suspicion."""

from __future__ import annotations

from typing import Any

import pytest

from services.safety.biopsy import BANFF_BANDS, band
from services.safety.rejection_rules import RULES, Level
from shared.facts import AnyFact
from tests.spec.safety.trial import evaluated, first_dose, liver, normal_baseline, rejection
from tests.support import build

REJECTION = "liver-transplant-rejection"
BASELINE = normal_baseline()
SEVERE = liver("alt", "412", "2024-05-03")
MODERATE = liver("alt", "150", "2024-05-03")
RISEN = liver("alt", "46", "2024-05-03")
RAISED = normal_baseline(value="400")


def biopsy(*points: int, on: str = "2024-05-09") -> list[AnyFact]:
    """A biopsy with the points of portal, bile duct and venous; fewer points leave components out."""
    return [build.biopsy(c, p, on=on) for c, p in zip(("portal", "bile-duct", "venous"), points, strict=False)]  # type: ignore[arg-type]


def trough(value: str, on: str = "2024-05-02") -> AnyFact:
    """A tacrolimus trough."""
    return build.lab("tacrolimus-trough", value, "ng/mL", on=on)


def diagnosed(verification: str | None, on: str | None = "2024-05-10") -> AnyFact:
    """A Condition T86.41."""
    return build.diagnosis(REJECTION, on=on, verification=verification)


def reported(on: str = "2024-05-10") -> AnyFact:
    """A final pathology report that concludes rejection."""
    return build.pathology_report("report-r", on=on, concludes=[REJECTION])


def adjudicated(value: bool, on: str = "2024-05-20", **more: Any) -> AnyFact:
    """An adjudication by staff."""
    return build.attestation("rejection-adjudicated", value, on=on, **more)


@pytest.mark.parametrize(
    ("rule", "level", "facts"),
    [
        ("biopsy-with-diagnosis", "proven", [*biopsy(1, 1, 1), reported()]),
        ("biopsy-with-diagnosis", "proven", [*biopsy(2, 2, 1), diagnosed(None)]),
        ("confirmed-diagnosis", "proven", [diagnosed("confirmed")]),
        ("adjudicated", "proven", [adjudicated(True)]),
        ("biopsy-without-diagnosis", "suspected", biopsy(1, 1, 1)),
        ("indeterminate-biopsy", "suspected", biopsy(1, 1, 0)),
        ("indeterminate-biopsy", "suspected", [*biopsy(1, 0, 0), reported()]),
        ("unconfirmed-diagnosis", "suspected", [diagnosed("provisional")]),
        ("unconfirmed-diagnosis", "suspected", [diagnosed("differential")]),
        ("unconfirmed-diagnosis", "suspected", [diagnosed("unconfirmed")]),
        ("unconfirmed-diagnosis", "suspected", [diagnosed(None)]),
        ("reported-diagnosis", "suspected", [reported()]),
        ("diagnosis-of-unknown-time", "suspected", [diagnosed("confirmed", on=None)]),
        ("diagnosis-of-unknown-time", "suspected", [diagnosed("confirmed", on="2024-04")]),
        ("severe-liver-test", "suspected", [BASELINE, SEVERE]),
        ("severe-liver-test", "suspected", [BASELINE, liver("alt", "200.1", "2024-05-03")]),
        ("liver-test-with-cause", "suspected", [BASELINE, MODERATE, trough("2.9")]),
        ("liver-test-with-cause", "suspected", [BASELINE, MODERATE, trough("<3")]),
        ("rising-liver-test", "watch", [BASELINE, RISEN]),
        ("rising-liver-test", "watch", [BASELINE, MODERATE, trough("3")]),
        ("rising-liver-test", "watch", [BASELINE, liver("alt", "200", "2024-05-03")]),
        ("high-without-baseline", "watch", [SEVERE]),
        ("severe-if-final", "watch", [BASELINE, liver("alt", "201", "2024-05-03", final=False)]),
        (None, "none", [BASELINE, liver("alt", "200", "2024-05-03", final=False)]),
        (None, "none", [BASELINE, liver("alt", "201", "2024-05-03", final=False), liver("alt", "30", "2024-05-04")]),
        ("rising-from-lowest", "watch", [RAISED, liver("alt", "90", "2024-04-28"), liver("alt", "135", "2024-05-03")]),
        (None, "none", [RAISED, liver("alt", "90", "2024-04-28"), liver("alt", "134", "2024-05-03")]),
        (None, "none", [RAISED, liver("alt", "60", "2024-04-28"), liver("alt", "120", "2024-05-03")]),
        (None, "none", [RAISED, liver("alt", "410", "2024-04-28"), liver("alt", "450", "2024-05-03")]),
        (None, "none", [BASELINE, liver("alt", "44.9", "2024-05-03")]),
        (None, "none", [BASELINE, liver("alt", "45", "2024-05-03", high="45")]),
        (None, "none", biopsy(0, 0, 0)),
        (None, "none", [diagnosed("refuted")]),
        (None, "none", [adjudicated(False)]),
        (None, "none", []),
    ],
)
def test_the_first_rule_that_finds_something_gives_the_level(
    rule: str | None, level: str, facts: list[AnyFact]
) -> None:
    """Section 5 of the clinical rules, rule by rule."""
    content = rejection(*facts)
    assert (content["rule"], content["level"]) == (rule, level)


def test_every_rule_has_a_case() -> None:
    """No rule is without a case above, and rules stand in the order of their levels."""
    cases = test_the_first_rule_that_finds_something_gives_the_level.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {rule for rule, _, _ in cases if rule} == {rule.id for rule in RULES}
    assert [r.level for r in RULES] == sorted(
        (r.level for r in RULES), key=[Level.PROVEN, Level.SUSPECTED, Level.WATCH].index
    )


def test_banff_bands_cover_every_index_once() -> None:
    """0 none, 1-2 indeterminate, 3-4 mild, 5-6 moderate, 7-9 severe."""
    assert [band(index) for index in range(10)] == [
        "none",
        *["indeterminate"] * 2,
        *["mild"] * 2,
        *["moderate"] * 2,
        *["severe"] * 3,
    ]
    assert sum(b.highest - b.lowest + 1 for b in BANFF_BANDS) == 10


@pytest.mark.parametrize(("points", "severity"), [((1, 1, 1), "mild"), ((2, 2, 1), "moderate"), ((3, 2, 2), "severe")])
def test_severity_is_the_band_of_the_biopsy(points: tuple[int, ...], severity: str) -> None:
    """A proven rejection has the severity of its biopsy, and its day as onset."""
    content = rejection(*biopsy(*points), reported())
    assert (content["severity"], content["onset_on"], content["is_endpoint"]) == (
        severity,
        "2024-05-09",
        True,
    )


def test_a_diagnosis_of_an_earlier_day_is_not_this_biopsy_s() -> None:
    """The report of the day before the biopsy speaks of another one."""
    assert rejection(*biopsy(2, 2, 2), reported("2024-05-08"))["level"] == "suspected"


def test_a_diagnosis_belongs_to_the_last_biopsy_before_it() -> None:
    """A first biopsy without diagnosis stays unproven when a second one, without activity, is reported on."""
    facts = [*biopsy(2, 2, 2), *biopsy(0, 0, 0, on="2024-05-20"), reported("2024-05-21")]
    assert rejection(*facts)["level"] == "suspected"


def test_a_missing_component_leaves_the_index_open() -> None:
    """Portal 3 alone is at least 3 and proves with the diagnosis; portal 0 alone is named, no more."""
    assert rejection(*biopsy(3), reported())["level"] == "proven"
    content = rejection(*biopsy(0))
    assert content["level"] == "none"
    assert "may be up to 6" in content["ungradable"][0]


def test_an_impossible_score_is_named_and_not_counted() -> None:
    """A score of 7 is no score."""
    content = rejection(*biopsy(7))
    assert (content["level"], len(content["ungradable"])) == ("none", 1)


@pytest.mark.parametrize(
    "facts",
    [
        [diagnosed("confirmed", on="2023-02-01")],
        [*biopsy(2, 2, 2, on="2023-02-01"), reported("2023-02-02")],
    ],
)
def test_rejection_before_the_first_dose_is_history(facts: list[AnyFact]) -> None:
    """It is shown, and is no event."""
    content = rejection(*facts)
    assert content["level"] == "none"
    assert len(content["history"]) == 1
    assert "before the first dose" in content["history"][0]


@pytest.mark.parametrize(
    ("onset", "is_endpoint"),
    [("2024-04-14", True), ("2024-07-13", True), ("2024-07-14", False), ("2024-07", None)],
)
def test_the_endpoint_counts_from_first_dose_to_the_window_s_last_day(onset: str, is_endpoint: bool | None) -> None:
    """Onset from the first dose (14 April) to 90 days after the last, both days included."""
    content = rejection(diagnosed("confirmed", on=onset), at="2024-08-01")
    assert (content["level"], content["is_endpoint"]) == ("proven", is_endpoint)


def test_the_window_runs_from_the_last_dose() -> None:
    """A second dose on 5 May moves its end to 3 August."""
    content = rejection(build.dose(on="2024-05-05"), diagnosed("confirmed", on="2024-08-03"), at="2024-09-01")
    assert content["is_endpoint"] is True


def test_adjudication_dates_the_onset_by_the_suspicion_it_judged() -> None:
    """Adjudicated on 20 May, suspected since 3 May: the onset is 3 May."""
    assert rejection(BASELINE, SEVERE, adjudicated(True))["onset_on"] == "2024-05-03"


@pytest.mark.parametrize(("on", "level"), [("2024-05-02", "suspected"), ("2024-05-03", "none"), ("2024-05-20", "none")])
def test_a_negative_adjudication_ends_the_suspicions_before_it(on: str, level: str) -> None:
    """On the day of the suspicion or later; one made before it says nothing about it."""
    content = rejection(BASELINE, SEVERE, adjudicated(False, on))
    assert content["level"] == level
    assert level != "none" or content["says"].startswith("no graft rejection: adjudicated as none on ")


def test_a_new_suspicion_after_a_negative_adjudication_stands() -> None:
    """The adjudication answers what was known, not what comes later."""
    facts = [BASELINE, SEVERE, adjudicated(False), liver("ast", "500", "2024-05-25"), normal_baseline("ast")]
    content = rejection(*facts)
    assert (content["level"], content["onset_on"]) == ("suspected", "2024-05-25")


def test_a_negative_adjudication_does_not_undo_a_proof() -> None:
    """A confirmed diagnosis must be refuted by its own record; the adjudication is shown against it."""
    content = rejection(diagnosed("confirmed"), adjudicated(False))
    assert content["level"] == "proven"
    assert content["speaks_against"] == ["adjudicated as no rejection on 20 May 2024"]


def test_the_last_adjudication_counts() -> None:
    """A later negative one replaces a positive one; two of one day that differ settle nothing."""
    assert rejection(BASELINE, SEVERE, adjudicated(True), adjudicated(False, "2024-05-25"))["level"] == "none"
    content = rejection(BASELINE, SEVERE, adjudicated(True), adjudicated(False))
    assert content["level"] == "suspected"
    assert "contradict" in content["ungradable"][0]


def test_an_expired_adjudication_no_longer_counts() -> None:
    """Its expiry is the attester's; the evaluation is valid until then."""
    facts = [BASELINE, SEVERE, adjudicated(False, expires="2024-05-31")]
    assert rejection(*facts, at="2024-05-31")["level"] == "none"
    assert rejection(*facts, at="2024-06-01")["level"] == "suspected"
    until = evaluated(first_dose(), *facts, at="2024-05-31").valid_until
    assert until == build.at("2024-06-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("on", "level"),
    [
        ("2024-04-26", "suspected"),
        ("2024-04-25", "watch"),
        ("2024-05-10", "suspected"),
        ("2024-05-11", "watch"),
    ],
)
def test_a_trough_counts_within_its_days(on: str, level: str) -> None:
    """7 days before or after the liver test (protocol: trough_days)."""
    assert rejection(BASELINE, MODERATE, trough("2", on))["level"] == level


@pytest.mark.parametrize(
    ("doses", "changed_on", "level"),
    [
        (("1", "0.75"), "2024-04-20", "suspected"),
        (("1", "0.76"), "2024-04-20", "watch"),
        (("1", "0.5"), "2024-04-05", "suspected"),
        (("1", "0.5"), "2024-04-04", "watch"),
        (("1", "0.5"), "2024-05-04", "watch"),
        (("0.5", "1"), "2024-04-20", "watch"),
    ],
)
def test_a_reduction_counts_by_its_size_and_its_days(doses: tuple[str, str], changed_on: str, level: str) -> None:
    """A quarter or more of the daily dose, at most 28 days before the liver test (protocol)."""
    facts = [
        build.drug("tacrolimus", on=on, dose=dose, doses_per_day="2")
        for on, dose in zip(("2024-01-01", changed_on), doses, strict=True)
    ]
    assert rejection(BASELINE, MODERATE, *facts)["level"] == level


def test_a_stop_is_a_reduction() -> None:
    """The only tacrolimus record ended two weeks before the liver test."""
    content = rejection(BASELINE, MODERATE, build.drug("tacrolimus", on="2024-01-01", until="2024-04-20"))
    assert content["level"] == "suspected"
    assert "tacrolimus stopped on 20 April 2024" in content["speaks_for"]


@pytest.mark.parametrize(
    "other",
    [
        build.drug("tacrolimus", on="2024-04-20", by="request", taken=None),
        build.drug("tacrolimus", on="2024-04-25", by="administration"),
        build.drug("tacrolimus", on=None),
    ],
)
def test_what_another_record_continues_has_not_stopped(other: AnyFact) -> None:
    """A prescription without an end, a dose given since, or an undated record: the drug may still be taken."""
    ended = build.drug("tacrolimus", on="2024-01-01", until="2024-04-20")
    assert rejection(BASELINE, MODERATE, ended, other)["level"] == "watch"


def test_doses_that_begin_on_one_day_are_no_reduction() -> None:
    """Two milligrams in the morning and one in the evening are one dosage, not a fall."""
    facts = [
        build.drug("tacrolimus", on="2024-04-20", dose=dose, doses_per_day="1", key=f"{dose} mg") for dose in ("2", "1")
    ]
    assert rejection(BASELINE, MODERATE, *facts)["level"] == "watch"


def test_doses_of_different_kinds_of_record_are_not_compared() -> None:
    """A prescription of less than a statement says is no reduction: the two differ in trust."""
    facts = [
        build.drug("tacrolimus", on="2024-01-01", dose="2", doses_per_day="2"),
        build.drug("tacrolimus", on="2024-04-20", dose="1", doses_per_day="2", by="request"),
    ]
    assert rejection(BASELINE, MODERATE, *facts)["level"] == "watch"


def test_a_liver_test_after_the_risk_window_raises_no_suspicion() -> None:
    """13 July is the last day of the window after a single dose on 14 April."""
    assert rejection(BASELINE, liver("alt", "412", "2024-07-13"), at="2024-08-01")["level"] == "suspected"
    assert rejection(BASELINE, liver("alt", "412", "2024-07-14"), at="2024-08-01")["level"] == "none"


def test_a_watch_follows_the_last_value() -> None:
    """A rise that has gone is no longer watched; a suspicion stays until a person settles it."""
    recovered = liver("alt", "35", "2024-05-20")
    assert rejection(BASELINE, RISEN, recovered)["level"] == "none"
    assert rejection(BASELINE, SEVERE, recovered)["level"] == "suspected"


def test_a_watch_ends_with_the_risk_window() -> None:
    """At the end of 13 July; until then the evaluation is valid."""
    assert rejection(BASELINE, RISEN, at="2024-07-13")["level"] == "watch"
    assert rejection(BASELINE, RISEN, at="2024-07-16")["level"] == "none"
    until = evaluated(first_dose("2024-04-14"), BASELINE, RISEN, at="2024-06-01").valid_until
    assert until == build.at("2024-07-14T00:00:00+00:00")


def test_the_sentence_says_what_speaks_for_and_against() -> None:
    """One sentence: value, grade, day, days since the first dose, trough, and what is against."""
    says = rejection(BASELINE, SEVERE, trough("2.1"))["says"]
    assert says == (
        "graft rejection suspected: ALT 412 U/L (grade 3) on 3 May 2024, 19 days after the first dose; "
        "tacrolimus trough 2.1 ng/mL below 3 on 2 May 2024; against: none"
    )


@pytest.mark.parametrize(
    ("facts", "against"),
    [
        (
            [build.lab("hbv-dna", "5200", "[IU]/mL", on="2024-05-03")],
            "viral reactivation: HBV DNA 5200 IU/mL",
        ),
        (
            [build.lab("hbv-dna", None, on="2024-05-03", text="detected")],
            "viral reactivation: HBV DNA detected",
        ),
        ([build.response_statement("PD", on="2024-05-06")], "progression: reader's PD on 6 May 2024"),
        ([build.recurrence(on="2024-05-06")], "progression: recurrence on imaging of 6 May 2024"),
        ([liver("alp", "100", "2024-05-03")], "immune-mediated hepatitis: hepatocellular pattern (R 12.4)"),
        ([liver("alp", "700", "2024-05-03")], "biliary or vascular cause: cholestatic pattern (R 1.8)"),
        ([trough("4")], "tacrolimus trough 4 ng/mL not below 3"),
        (biopsy(0, 0, 0), "biopsy with RAI 0 (none)"),
        ([diagnosed("refuted")], "rejection diagnosis of 10 May 2024 refuted"),
    ],
)
def test_other_explanations_are_shown(facts: list[AnyFact], against: str) -> None:
    """Hepatitis, progression, virus, bile ducts or vessels, and what denies rejection."""
    content = rejection(BASELINE, SEVERE, *facts)
    assert content["level"] == "suspected"
    assert any(says.startswith(against) for says in content["speaks_against"]), content["speaks_against"]


@pytest.mark.parametrize(
    "facts",
    [
        [build.lab("hbv-dna", "<10", "[IU]/mL", on="2024-05-03")],
        [build.lab("hbv-dna", "5200", "[IU]/mL", on="2024-04-03")],
        [build.response_statement("SD", on="2024-05-06")],
        [build.recurrence(on="2024-04-01")],
        [liver("alp", "400", "2024-05-03")],
        [liver("alp", "100", "2024-05-18")],
    ],
)
def test_what_explains_nothing_is_not_shown(facts: list[AnyFact]) -> None:
    """Virus undetected or before the dose; no progression; mixed pattern; ALP too far away."""
    assert rejection(BASELINE, SEVERE, *facts)["speaks_against"] == []


def test_what_cannot_be_judged_is_never_silently_none() -> None:
    """A high ALT without any limit of normal leaves the level at none, and the sentence says so."""
    content = rejection(liver("alt", "412", "2024-05-03", high=None))
    assert content["level"] == "none"
    assert "not everything can be judged: ALT 412 U/L" in content["says"]


def test_advice_belongs_to_the_level() -> None:
    """A suspicion advises to hold the dose, ultrasound and biopsy; no level, no advice."""
    assert rejection(BASELINE, SEVERE)["advises"] == [
        "hold the next dose",
        "ultrasound with Doppler of the graft",
        "biopsy of the graft",
    ]
    assert rejection()["advises"] == []


def test_contradictory_troughs_of_one_day_are_both_shown_and_marked() -> None:
    """One below the band, one within it: the low one speaks for rejection, the other against, and the course says so."""
    content = rejection(BASELINE, MODERATE, trough("1"), trough("4"))
    assert content["level"] == "suspected"
    assert any("trough 1 ng/mL below 3" in says for says in content["speaks_for"])
    assert any("trough 4 ng/mL not below 3" in says for says in content["speaks_against"])
    (drug,) = content["immunosuppression"]
    assert [t["contradicted"] for t in drug["troughs"]] == [True, True]
