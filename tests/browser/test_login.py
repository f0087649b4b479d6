"""Logging in and out, and what a browser may not do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import STUDY, Desk

PEOPLE = ("coordinator-north", "investigator-south", "safety-officer", "monitor")


def test_whoever_is_not_logged_in_is_asked_to_and_then_led_on(desk: Callable[..., Desk]) -> None:
    """A link from a mail leads to its page after the login."""
    window = desk()
    window.study("today")
    assert "/login" in window.page.url
    window.require_accessible()
    window.shoot("login")
    window.page.click("button[value='safety-officer']")
    window.page.wait_for_url("**/today")


@pytest.mark.parametrize("person", PEOPLE)
def test_each_role_begins_its_day_on_today(desk: Callable[..., Desk], person: str) -> None:
    """Four lists, accessible, without a fault of the content security policy."""
    window = desk(person)
    window.page.wait_for_url("**/today")
    assert window.page.locator("h2").all_inner_texts() == [
        "Reports due",
        "Not acknowledged",
        "Eligible, not enrolled",
        "One test away",
    ]
    window.require_accessible()
    window.shoot(f"today-{person}")


def test_logging_out_ends_the_session(desk: Callable[..., Desk]) -> None:
    """Going back shows nothing any more."""
    window = desk("monitor")
    window.page.click("text=Log out")
    window.page.wait_for_url("**/login**")
    window.study("today")
    assert "/login" in window.page.url


def test_a_forged_session_is_refused(desk: Callable[..., Desk]) -> None:
    """A cookie that this console never gave."""
    window = desk()
    window.page.context.add_cookies([{"name": "graftwatch", "value": "forged", "url": window.address}])
    window.study("today")
    assert "/login" in window.page.url


def test_another_study_is_refused_and_explained(desk: Callable[..., Desk]) -> None:
    """The page says that it is recorded."""
    window = desk("coordinator-north")
    assert window.open("/studies/another-study/today") == 403
    assert "recorded in the audit" in window.page.inner_text("main")
    window.require_accessible()
    window.shoot("refused")


def test_the_first_tab_leads_past_the_navigation(desk: Callable[..., Desk]) -> None:
    """Whoever works by keyboard reaches the content with two keys."""
    window = desk("monitor")
    window.study("today")
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"
    assert STUDY in window.page.url
