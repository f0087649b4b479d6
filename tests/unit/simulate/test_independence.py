"""That the simulation computes no answer itself, and that sites and protocol say the same as it does."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

import services.cli.simulate as package
from services.cli.simulate import delivery, entries, writers
from services.cli.simulate.candidate import PANEL
from services.cli.simulate.hospitals import HOSPITALS, Hospital
from shared import sites
from shared.protocol.load import load
from shared.protocol.scope import scope
from shared.quantities import Quantity, to_canonical
from shared.terminology import concept

PROJECT = Path(__file__).parents[3]
SOURCES = sorted(Path(package.__file__).parent.rglob("*.py"))
ALLOWED = ("services.cli.simulate", "shared.codes", "shared.terminology", "shared.topics", "shared.sites")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_rule_is_imported(source: Path) -> None:
    """Of the product the simulation imports codes, terminology, topics and sites, and nothing that decides."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.split(".")[0] in ("shared", "services"):
                assert name.startswith(ALLOWED)


def test_every_entry_can_be_written() -> None:
    """Each kind of entry has a writer."""
    assert set(get_args(entries.AnyEntry)) == set(writers._WRITERS)


def test_the_scope_is_the_protocols() -> None:
    """What the simulation counts as out of scope is what no protocol of the project asks for."""
    asked = scope(load(PROJECT / "shared" / "protocol").values())
    unasked = {name for name in (*PANEL, "ecog") if name not in asked.concepts}
    assert unasked == delivery._NOT_ASKED_FOR


@pytest.mark.parametrize("hospital", HOSPITALS.values(), ids=lambda hospital: hospital.site)
def test_the_site_file_maps_the_hospitals_codes(hospital: Hospital) -> None:
    """Every code of its own that a hospital writes is mapped, and no other; its clock is the same."""
    site = sites.load(PROJECT / "deploy" / "sites")[hospital.site]
    assert site.code_map == {code: concept_id for concept_id, code in hospital.own_codes.items()}
    assert site.time_zone == hospital.zone.key


@pytest.mark.parametrize("hospital", HOSPITALS.values(), ids=lambda hospital: hospital.site)
def test_the_site_file_states_the_hospitals_limits(hospital: Hospital) -> None:
    """The limits of normal in the site's file are those that the hospital's expectations are written for."""
    site = sites.load(PROJECT / "deploy" / "sites")[hospital.site]
    for limits in site.limits:
        written = hospital.limits[limits.concept]
        for configured, expected in ((limits.low, written.low), (limits.high, written.high)):
            assert (configured is None) == (expected is None)
            if configured is not None and expected is not None:
                canonical = to_canonical(Quantity(configured, limits.unit), concept(limits.concept)).value
                assert abs(canonical - Decimal(expected)) < Decimal("0.005")


def test_the_site_without_ranges_has_no_limit_for_ggt() -> None:
    """GGT of that site is gradable only where the result carries its range."""
    site = sites.load(PROJECT / "deploy" / "sites")["south"]
    assert "ggt" not in {limits.concept for limits in site.limits}
