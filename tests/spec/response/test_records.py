"""Whose reading is followed, which lesions are followed in which role, and what makes a record unusable."""

from __future__ import annotations

from typing import Any

import pytest

from shared.facts import AnyFact
from tests.spec.response.courses import BASELINE, VISITS, course, responses, scans, target
from tests.support import build


def two_readers() -> list[AnyFact]:
    """The first reader sees progression, the second none; the second saw more at baseline."""
    return [
        *scans("50", "80", reader="reader-1"),
        *scans("50", "50", reader="reader-2"),
        *scans("20", "20", name="target-2", reader="reader-2"),
    ]


@pytest.mark.parametrize(("accepted", "expected"), [("reader-1", ["PD"]), ("reader-2", ["SD"])])
def test_the_accepted_reader_is_followed(accepted: str, expected: list[str]) -> None:
    """Where the protocol names a reader, only that reader's records count."""
    found = course(*two_readers(), accepted_reader=accepted)

    assert (responses(found), found.reader) == (expected, accepted)


def test_of_several_readers_the_one_with_most_baseline_lesions_is_followed() -> None:
    """Where none is named the choice rests on baseline alone, and is named as a problem."""
    found = course(*two_readers())

    assert (responses(found), found.reader) == (["SD"], "reader-2")
    assert any(problem.startswith("2 readers, and the protocol names none") for problem in found.problems)


def test_an_accepted_reader_without_records_leaves_nothing() -> None:
    """Another reader's records never stand in for the accepted reader's."""
    found = course(*two_readers(), accepted_reader="reader-3")

    assert found.visits == ()
    assert "the accepted reader has recorded no lesion" in found.problems


def test_records_without_reader_belong_to_the_only_one() -> None:
    """Where one reader is named at all, records without a reader are that reader's."""
    facts = [target("50", BASELINE), target("80", VISITS[0], reader=None)]

    assert responses(course(*facts)) == ["PD"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"viable": "41"}, "records of one day contradict each other"),
        ({"viable": None, "state": "not-evaluable"}, "records of one day contradict each other"),
        ({"viable": None, "state": "absent", "longest": None}, "records of one day contradict each other"),
    ],
)
def test_two_records_of_one_day_that_disagree(other: dict[str, Any], reason: str) -> None:
    """Two values for one lesion, reader and day: not evaluable, with the reason."""
    facts = [*scans("50", "40"), build.lesion("target-1", on=VISITS[0], role="target", **{"longest": "90"} | other)]
    found = course(*facts).visits[0]

    assert (found.target, found.problems) == ("NE", (f"a target lesion in the liver: {reason}",))


def test_two_records_of_one_day_that_agree() -> None:
    """A repeated value, or a record that lacks what the other states, does no harm."""
    facts = [
        *scans("50", "40"),
        target("40.0", VISITS[0], key="second-record"),
        build.lesion("target-1", on=VISITS[0], role="target", longest="90", state=None),
    ]

    assert course(*facts).visits[0].sum_mm == 40


@pytest.mark.parametrize("size", ["-5", "1001", "0.001", "NaN", "Infinity", "sNaN"])
def test_an_impossible_size_is_not_evaluable(size: str) -> None:
    """A negative, infinite or impossibly large or small number is no size."""
    found = course(*scans("50", size)).visits[0]

    assert (found.target, found.problems) == (
        "NE",
        ("a target lesion in the liver: viable diameter is not a possible size",),
    )


def test_a_missing_viable_diameter_is_not_replaced_by_the_longest() -> None:
    """Inside the liver only viable tumour counts by mRECIST; the full diameter is no substitute."""
    facts = [*scans("50"), build.lesion("target-1", on=VISITS[0], role="target", longest="30")]

    assert course(*facts).visits[0].problems == ("a target lesion in the liver: viable diameter not recorded",)


def test_a_lesion_in_the_liver_that_never_enhanced_is_followed_by_its_full_diameter() -> None:
    """A target that does not enhance at baseline is measured as by RECIST 1.1 throughout."""
    lesion: dict[str, Any] = {"role": "target", "hyperenhancement": False}
    facts = [
        build.lesion("target-1", on=BASELINE, longest="50", **lesion),
        build.lesion("target-1", on=VISITS[0], longest="35", viable="0", **lesion),
    ]

    assert responses(course(*facts)) == ["PR"]


def test_too_small_to_measure_counts_5_mm() -> None:
    """A target that is seen, but too small to measure, contributes 5 mm; a number that was given counts instead."""
    facts = [*scans("50"), target(None, VISITS[0], state="too-small-to-measure", longest=None)]
    measured = [*scans("50"), target("3", VISITS[0], state="too-small-to-measure")]

    assert [course(*f).visits[0].sum_mm for f in (facts, measured)] == [5, 3]


def test_an_organ_that_is_not_recorded_leaves_the_diameter_open() -> None:
    """Without organ and viable diameter it cannot be told which diameter counts."""
    lesion: dict[str, Any] = {"role": "target", "organ": None, "longest": "50"}
    facts = [build.lesion("target-1", on=on, **lesion) for on in (BASELINE, VISITS[0])]

    assert "organ not recorded" in course(*facts).visits[0].problems[0]


def test_the_organ_comes_from_the_body_structure_whenever_it_arrives() -> None:
    """Where the measurement names no organ, its BodyStructure does."""
    lesion: dict[str, Any] = {"role": "target", "organ": None, "longest": "50", "body_structure": "structure-1"}
    facts = [build.lesion("target-1", on=on, **lesion) for on in (BASELINE, VISITS[0])]

    assert responses(course(*facts, build.body_site("structure-1", "lung"))) == ["SD"]


def test_a_target_that_changes_its_organ_is_named() -> None:
    """The record may speak of another lesion, so the visit is not evaluable; the organ at baseline stays."""
    found = course(*scans("50"), target("50", VISITS[0], organ="lung"))

    assert responses(found) == ["NE"]
    assert found.visits[0].problems == ("a target lesion in the liver: recorded in another organ than at baseline",)
    assert "a target lesion in the liver is elsewhere recorded in another organ: the first one counts" in found.problems


def test_a_target_that_changes_its_role_is_named() -> None:
    """The role at baseline counts."""
    found = course(*scans("50"), build.lesion("target-1", on=VISITS[0], role="non-target", viable="80", longest="80"))

    assert responses(found) == ["PD"]
    assert "a target lesion in the liver is elsewhere given another role: the first one counts" in found.problems


def test_no_target_is_chosen_on_a_reader_s_behalf() -> None:
    """Where no role is recorded no sum is formed: not evaluable, with the reason."""
    facts = [build.lesion("lesion-1", on=on, role=None, viable=s) for on, s in ((BASELINE, "50"), (VISITS[0], "20"))]
    found = course(*facts)

    assert (responses(found), found.visits[0].target_rule) == (["NE"], "roles-not-recorded")
    assert (
        "a lesion in the liver has no role at baseline: and no target is named, so no response can be told"
        in found.problems
    )


def test_a_role_recorded_later_serves_where_baseline_states_none() -> None:
    """The first role that the records state is the lesion's role."""
    facts = [build.lesion("target-1", on=BASELINE, role=None, viable="50"), target("35", VISITS[0])]

    assert responses(course(*facts)) == ["PR"]


def test_beside_named_targets_a_lesion_without_role_is_non_target() -> None:
    """All lesions that are not targets are non-targets; that the record left it open is named."""
    facts = [build.lesion("lesion-2", on=on, role=None, viable="20") for on in (BASELINE, VISITS[0])]
    found = course(*scans("50", "0"), *facts)

    assert (found.visits[0].target, found.visits[0].non_target) == ("CR", "NON-CR/NON-PD")
    assert "a lesion in the liver has no role at baseline: counts as non-target" in found.problems


def test_too_many_targets_are_named_and_summed() -> None:
    """More than 2 targets per organ or 5 in all are the reader's choice: summed, and named."""
    many = [target("20", BASELINE, f"target-{i}") for i in range(6)]
    found = course(*many)

    assert found.baseline is not None
    assert found.baseline.sum_mm == 120
    assert "6 target lesions; the criteria allow 5: all are summed" in found.problems
    assert "6 target lesions in the liver; the criteria allow 2 per organ: all are summed" in found.problems


def test_a_target_that_is_not_measurable_is_named() -> None:
    """A target below 10 mm at baseline is summed all the same."""
    found = course(*scans("8", "5"))

    assert responses(found) == ["PR"]
    assert "a target lesion in the liver is not measurable at baseline: it is summed all the same" in found.problems


def test_a_target_called_unequivocal_progression_progresses_by_its_sum_only() -> None:
    """Unequivocal progression is a judgement on non-target lesions; on a target it is named."""
    found = course(*scans("50"), target("50", VISITS[0], state="unequivocal-progression")).visits[0]

    assert found.response == "SD"
    assert found.problems == ("a target lesion in the liver is called unequivocal progression: only the sum decides",)
