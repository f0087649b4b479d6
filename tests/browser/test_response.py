"""Response: the figures of everyone treated, drawn and in words."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.browser import STUDY, Desk

PLOTS = ("waterfall", "spider", "swimmer", "curve-OS", "curve-PFS", "curve-TTP", "curve-DOR")


def test_the_plots_are_drawn_and_their_figures_stand_beside_them(desk: Callable[..., Desk]) -> None:
    """Every plot has a canvas with something on it; every treated patient is a row of the table."""
    window = desk("safety-officer")
    window.study("response")
    window.page.wait_for_selector("#response-plots[data-drawn]")
    for plot in PLOTS:
        assert window.page.locator(f"#{plot} canvas").count() == 1, plot
    figures = window.page.evaluate(f"fetch('/api/studies/{STUDY}/response').then((answer) => answer.json())")
    assert window.page.locator("section[aria-labelledby='each-h'] tbody tr").count() == figures["treated"] > 40
    window.require_accessible()
    window.shoot("response")


def test_a_coordinator_sees_the_patients_of_their_site_only(desk: Callable[..., Desk]) -> None:
    """The figures are of that site, and say so."""
    window = desk("coordinator-north")
    window.study("response")
    figures = window.page.evaluate(f"fetch('/api/studies/{STUDY}/response').then((answer) => answer.json())")
    assert {p["site"] for p in figures["patients"]} == {"north"} == set(figures["sites"])
    assert "patients of north" in window.page.inner_text("main .lead >> nth=0")


def test_a_bar_leads_to_its_patient(desk: Callable[..., Desk]) -> None:
    """Choosing what is drawn opens whom it is of."""
    window = desk("safety-officer")
    window.study("response")
    window.page.wait_for_selector("#response-plots[data-drawn]")
    box = window.page.locator("#waterfall").bounding_box()
    assert box is not None
    window.page.mouse.click(box["x"] + box["width"] - 40, box["y"] + box["height"] * 0.55)
    window.page.wait_for_url("**/patients/**")
