"""The day of those who look over the whole trial: safety officer, monitor, administrator."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import SOON_MS, STUDY, Desk, case_of

PEOPLE = ("coordinator-north", "safety-officer", "administrator")
"""Whose pages together are all pages; the monitor's Audit has a test of its own."""


def test_the_safety_officers_day(desk: Callable[..., Desk]) -> None:
    """Acknowledges what is new, reads what speaks for and against, assesses for the sponsor; a colleague's page follows."""
    window, colleague = desk("safety-officer"), desk("safety-officer")
    page = window.page
    for one in (window, colleague):
        one.study("today")
    # `Live` until the first news, which may be there already: what other tests did is still on its way.
    colleague.page.locator("#live-note", has_text=re.compile("^(Live|Up to date)")).wait_for()
    mine = _same_event(page.locator("#open tbody tr").first)
    page.locator(mine).get_by_role("button").click()
    expect(page.locator("p.done")).to_contain_text("Acknowledged")
    expect(page.locator(mine)).to_have_count(0)
    # The colleague's page fetches itself anew, without being touched.
    expect(colleague.page.locator(mine)).to_have_count(0, timeout=SOON_MS)

    window.study("safety?level=suspected")
    window.require_accessible()
    window.shoot("safety")
    episode = page.locator("#episodes article").first
    expect(episode).to_contain_text("Speaks for")
    expect(episode).to_contain_text("Speaks against")
    window.study("safety?status=candidate")
    mine = case_of(page.locator("#cases article").last)
    case = page.locator(mine)
    case.locator("summary", has_text="Review").click()
    expect(case.get_by_role("button", name="Confirm the case")).to_have_count(0)
    case.get_by_role("button", name="Related (sponsor)", exact=True).click()
    expect(page.locator("p.done")).to_contain_text("assessed as related")
    window.study("safety")
    window.until_shown(page.locator(mine).filter(has_text="related (sponsor)"))
    window.study("study")
    window.require_accessible()
    window.shoot("study")


def _same_event(row: Locator) -> str:
    """What finds the row's event again: patient, type and time together, as one transaction tells several at one time.

    Read at one moment, as the page may be fetched anew between two.
    """
    action, told, until = row.evaluate(
        "row => [row.querySelector('form').getAttribute('action'),"
        " ...['told', 'until'].map(name => row.querySelector(`input[name=${name}]`).value)]"
    )
    return (
        f"#open form[action='{action}']:has(input[name=told][value='{told}']):has(input[name=until][value='{until}'])"
    )


def test_the_monitor_reads_everything_and_can_do_nothing(desk: Callable[..., Desk]) -> None:
    """No form but the one to log out and those that filter; the audit is whole."""
    window = desk("monitor")
    page = window.page
    for path in ("today", "screening", "safety", "study"):
        assert window.study(path) == 200
        posts = page.locator("form[method=post]").evaluate_all("forms => forms.map(f => f.getAttribute('action'))")
        assert posts == ["/logout"], path
    window.study("audit")
    page.get_by_role("link", name="Verify").click()
    expect(page.get_by_role("status").last).to_contain_text("whole")
    window.require_accessible()
    window.shoot("audit")


def test_the_administrator_runs_the_system_and_sees_no_patient(desk: Callable[..., Desk]) -> None:
    """The pages about patients are not offered, and refused by address."""
    window = desk("administrator")
    offered = window.page.locator("nav.side a").all_inner_texts()
    assert not {"Today", "Screening", "Safety"} & set(offered)
    assert window.study("screening") == 403
    assert window.study("mailbox") == 200
    window.require_accessible()
    window.shoot("mailbox")


@pytest.mark.parametrize("person", PEOPLE)
def test_every_offered_page_is_accessible_and_sound(desk: Callable[..., Desk], person: str) -> None:
    """No serious fault by axe-core, no error of a script, nothing refused by the content security policy."""
    window = desk(person)
    paths = window.page.locator("nav.side a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert paths
    for path in paths:
        assert window.open(path) == 200, path
        window.page.wait_for_load_state("load")
        window.require_accessible()
        window.shoot(f"{person}-{path.rpartition('/')[2]}")


def test_everything_is_reached_by_keyboard(desk: Callable[..., Desk]) -> None:
    """From the top of Safety to a review's reason and its buttons, by Tab and Enter alone, with the focus to be seen."""
    window = desk("investigator-north")
    page = window.page
    window.study("safety?status=candidate")
    most = page.locator("a, button, input, select, textarea, summary, [tabindex='0']").count()
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Review":
            break
    assert page.evaluate("document.activeElement.textContent") == "Review"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "reason"
    page.keyboard.type("planned admission, known before")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Confirm the case"


def test_a_page_prints_without_what_only_a_screen_needs(desk: Callable[..., Desk]) -> None:
    """Navigation, buttons and forms are left out; the figures stay, states in words and shape."""
    window = desk("safety-officer")
    page = window.page
    window.study("safety")
    page.emulate_media(media="print")
    for selector in ("nav.side", "form", ".skip"):
        assert page.locator(selector).first.is_hidden(), selector
    expect(page.locator("#episodes")).to_be_visible()
    expect(page.locator("#episodes .state").first).to_contain_text("proven")
    window.shoot("safety-in-print")


def test_a_form_that_is_sent_again_by_the_back_button_does_nothing_twice(desk: Callable[..., Desk]) -> None:
    """The browser sends the same form a second time: refused, explained."""
    window = desk("safety-officer")
    page = window.page
    window.study("safety")
    patient = page.locator("#episodes a.patient").last.get_attribute("title")
    window.study(f"patients/{patient}/act")
    form = page.locator("form[action$='/comment']")
    token = form.locator("input[name=form]").get_attribute("value")
    says = f"once only {uuid4()}"
    form.get_by_label("Add a comment").fill(says)
    form.get_by_role("button").click()
    expect(page.locator("p.done")).to_contain_text("Noted")
    answer = page.request.post(
        f"{window.address}/studies/{STUDY}/patients/{patient}/comment",
        form={"form": str(token), "says": says},
        max_redirects=0,
    )
    assert answer.status == 409
    assert "sent before" in answer.text()
    window.study(f"patients/{patient}/act")
    assert page.locator("#acts").inner_text().count(says) == 1
