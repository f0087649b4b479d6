"""Limits of normal in a site's configuration: what is refused when the sites are loaded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from shared.quantities import Quantity
from shared.sites import ConfigurationError, load


def configured(folder: Path, limits: str) -> Path:
    """A folder with one site file with these limits."""
    (folder / "east.yaml").write_text(f"site: east\ntime_zone: UTC\nlimits:\n  - {limits}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("limits", "place", "says"),
    [
        ("{concept: altt, unit: U/L, high: 40}", "limits.0.concept", "unknown concept 'altt'"),
        ("{concept: alt, unit: furlong, high: 40}", "limits.0", "'furlong' is not a unit of UCUM: alt expects U/L"),
        ("{concept: alt, unit: mg/dL, high: 40}", "limits.0", "'mg/dL' does not measure alt: expected U/L"),
        ("{concept: alt, unit: U/L, low: 50, high: 40}", "limits.0", "limits of alt: expected low at most high"),
        ("{concept: alt, unit: U/L}", "limits.0", "limits of alt need low or high"),
        (
            "{concept: alt, unit: U/L, high: 40, age_from: 60, age_to: 18}",
            "limits.0",
            "expected age_from at most age_to",
        ),
        ("{concept: alt, unit: U/L, high: 40, sex: woman}", "limits.0.sex", "Input should be 'male' or 'female'"),
    ],
)
def test_wrong_limits_are_refused_at_load(tmp_path: Path, limits: str, place: str, says: str) -> None:
    """File, place and remedy of limits that nobody could read are named before anything starts."""
    with pytest.raises(ConfigurationError) as refused:
        load(configured(tmp_path, limits))
    assert f"east.yaml: {place}: " in str(refused.value)
    assert says in str(refused.value)


def test_limits_are_read_in_the_canonical_unit(tmp_path: Path) -> None:
    """Limits may be configured in any unit that converts."""
    (limits,) = load(configured(tmp_path, "{concept: albumin, unit: g/L, low: 35, high: 52}"))["east"].limits
    assert limits.bounds == (Quantity(Decimal("3.5"), "g/dL"), Quantity(Decimal("5.2"), "g/dL"))


@pytest.mark.parametrize(
    ("one", "other", "told_apart"),
    [
        ("", "", False),
        ("sex: male", "sex: female", True),
        ("sex: male", "sex: male, age_to: 17", True),
        ("sex: male", "", True),
        ("age_to: 17", "age_from: 18", True),
        ("age_to: 18", "age_from: 18", False),
        ("sex: male, age_to: 30", "sex: female, age_from: 18", True),
        ("sex: male, age_to: 30", "sex: male, age_from: 18", False),
        ("sex: male", "age_from: 18", False),
    ],
)
def test_two_rows_for_the_same_patients_are_refused(tmp_path: Path, one: str, other: str, told_apart: bool) -> None:
    """Rows are told apart by sex and age; a narrower one goes before a wider one, of two equal ones none does."""
    rows = "\n  - ".join(f"{{concept: alt, unit: U/L, high: {n}, {group}}}" for n, group in ((40, one), (50, other)))
    folder = configured(tmp_path, rows)
    if told_apart:
        assert len(load(folder)["east"].limits) == 2
    else:
        with pytest.raises(ConfigurationError, match="limits of alt: two rows hold for the same patients"):
            load(folder)
