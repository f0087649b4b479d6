"""Which lesions are measurable, where a lesion lies, and how sizes are put into words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from shared.facts import LesionMeasurement
from shared.rules.mrecist import BY_NAME, MRECIST, RECIST11, Criteria, measurable, organ_of
from shared.rules.mrecist.wording import describe, where
from tests.support import build


def measured(**components: Any) -> LesionMeasurement:
    """A lesion of which only these components are recorded."""
    return cast(LesionMeasurement, build.lesion(**{"state": None, "role": None, "organ": None} | components))


@pytest.mark.parametrize(
    ("organ", "components", "expected"),
    [
        ("liver", {"viable": "10"}, True),
        ("liver", {"viable": "9.99"}, False),
        ("liver", {"viable": "8", "longest": "40"}, False),
        ("liver", {"longest": "40"}, None),
        ("liver", {"longest": "9"}, False),
        ("liver", {"longest": "40", "hyperenhancement": False}, True),
        ("liver", {"longest": "40", "hyperenhancement": True}, None),
        ("liver", {"viable": "0", "longest": "40", "hyperenhancement": False}, True),
        ("liver", {}, None),
        ("node-porta-hepatis", {"short_axis": "20"}, True),
        ("node-porta-hepatis", {"short_axis": "19.9"}, False),
        ("node-porta-hepatis", {"longest": "40"}, None),
        ("node-porta-hepatis", {"longest": "19"}, False),
        ("node", {"short_axis": "15"}, True),
        ("node", {"short_axis": "14.9"}, False),
        ("lung", {"longest": "10"}, True),
        ("lung", {"longest": "9.9"}, False),
        ("lung", {"viable": "30"}, None),
        (None, {"viable": "30", "longest": "40"}, None),
        (None, {"longest": "9"}, False),
        (None, {"longest": "40"}, None),
        ("lung", {"longest": "-12"}, None),
        ("lung", {"longest": "12", "state": "not-evaluable"}, None),
        ("lung", {"longest": "12", "state": "absent"}, False),
        ("lung", {"state": "too-small-to-measure"}, False),
    ],
)
def test_measurable_by_mrecist(organ: str | None, components: dict[str, Any], expected: bool | None) -> None:
    """Viable 10 mm in the liver, node short axis 20 mm at the porta hepatis and 15 mm elsewhere, others 10 mm."""
    assert measurable(measured(**components), organ, MRECIST) is expected


@pytest.mark.parametrize(
    ("organ", "components", "expected"),
    [
        ("liver", {"longest": "10", "viable": "2"}, True),
        ("node-porta-hepatis", {"short_axis": "15"}, True),
        ("node", {"short_axis": "14.9"}, False),
    ],
)
def test_measurable_by_recist(organ: str, components: dict[str, Any], expected: bool) -> None:
    """RECIST 1.1 knows no viable tumour, and one bound for all nodes."""
    assert measurable(measured(**components), organ, RECIST11) is expected


def test_the_organ_is_joined_from_the_body_structure() -> None:
    """The measurement's own site comes first, then its BodyStructure, then the lesion's other records."""
    own = measured(name="a", organ="lung", body_structure="s1", on="2024-01-01")
    joined = measured(name="b", body_structure="s1", on="2024-01-01")
    other = measured(name="a", on="2024-03-01")
    unknown = measured(name="c", body_structure="s2")
    organ = organ_of(build.timeline(own, joined, other, unknown, build.body_site("s1", "liver")))

    assert [organ(m) for m in (own, joined, other, unknown)] == ["lung", "liver", "lung", None]


def test_an_organ_on_which_the_records_disagree_is_unknown() -> None:
    """Two BodyStructures of one key, or two organs of one lesion, name no organ."""
    liver, lung = measured(name="a", organ="liver"), measured(name="a", organ="lung")
    silent, twofold = measured(name="a"), measured(name="b", body_structure="s1")
    sites = [build.body_site("s1", "liver"), build.body_site("s1", "bone")]
    organ = organ_of(build.timeline(liver, lung, silent, twofold, *sites))

    assert (organ(silent), organ(twofold)) == (None, None)


@pytest.mark.parametrize("criteria", [MRECIST, RECIST11])
def test_criteria_are_cited_and_found_by_name(criteria: Criteria) -> None:
    """Each set of criteria names its publication, and the protocol finds it by name."""
    assert BY_NAME[criteria.name] is criteria
    assert criteria.citation


def test_mrecist_has_no_absolute_minimum_of_progression() -> None:
    """The 5 mm belong to RECIST 1.1."""
    assert (MRECIST.pd_min_increase_mm, RECIST11.pd_min_increase_mm) == (Decimal(0), Decimal(5))


def test_places_in_words() -> None:
    """In the words of a report."""
    assert [where(o) for o in ("liver", "node", "bone", None)] == [
        "in the liver",
        "in a lymph node",
        "in bone",
        "at an unknown site",
    ]


def test_a_record_in_words_names_no_lesion_and_no_reader() -> None:
    """Role, place, sizes and state; impossible numbers are called so."""
    lesion = measured(
        name="lesion-key", reader="reader-key", role="target", viable="21.0", longest="9E+99", state="present"
    )

    assert describe(lesion, "liver") == (
        "target lesion in the liver: viable diameter 21 mm, longest diameter impossible, present"
    )
