"""Feed: an administrator sees what arrives and what could not be read, and has it read again; no patient is shown to them."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.browser import SOON_MS, Desk


def test_an_administrator_has_dead_letters_read_again(desk: Callable[..., Desk]) -> None:
    """Chosen by site, asked for once; ingest answers, and the page says what came of it."""
    window = desk("administrator")
    assert window.study("feed?site=north") == 200
    window.page.wait_for_selector("#throughput[data-drawn] canvas")
    assert window.page.locator("#replay tbody tr").count() > 0
    window.require_accessible()
    window.shoot("feed")
    window.page.click("text=Read all open ones of north again")
    window.page.wait_for_selector("#replay .log >> text=still unreadable", timeout=SOON_MS)
    window.shoot("feed-replayed")


def test_a_monitor_sees_the_feed_and_no_button(desk: Callable[..., Desk]) -> None:
    """Whoever only reads is offered nothing to do."""
    window = desk("monitor")
    window.study("feed")
    assert window.page.locator("#replay form[method='post']").count() == 0
    window.require_accessible()
