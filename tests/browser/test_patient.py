"""Patient: one timeline, its chart and tables, the past by version, and the records that it rests on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
from playwright.sync_api import expect

from services.cli.stack.model import Stack
from tests.support.browser import STUDY, Desk


@pytest.fixture(scope="module")
def suspected(installation: Stack) -> str:
    """A patient in whom graft rejection is suspected."""
    query = "SELECT patient FROM safety.current_outcome WHERE kind = 'rejection' AND content->>'level' = 'suspected' LIMIT 1"
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _value(installation.database_url, query)).result()


async def _value(url: str, query: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(query))
    finally:
        await connection.close()


def test_a_suspected_rejection_is_seen_with_its_reasons(desk: Callable[..., Desk], suspected: str) -> None:
    """The chart is drawn, what speaks for and against stands beside it, and every criterion has an answer."""
    window = desk("safety-officer")
    assert window.study(f"patients/{suspected}") == 200
    window.page.wait_for_selector("#patient-chart[data-drawn] canvas")
    assert "Speaks for" in window.page.inner_text("section[aria-labelledby='safety-h']")
    assert window.page.locator("section[aria-labelledby='criteria-h'] tbody tr").count() >= 15
    window.require_accessible()
    window.shoot("patient")


def test_the_past_is_shown_as_it_was_known(desk: Callable[..., Desk], suspected: str) -> None:
    """At the first version nothing was suspected yet; the page says so, and offers no acts."""
    window = desk("safety-officer")
    window.study(f"patients/{suspected}?version=1")
    assert "As known on" in window.page.inner_text(".past")
    assert "suspected" not in window.page.inner_text("h1")
    assert window.page.locator("#acts").count() == 0
    window.require_accessible()
    window.page.click("text=Back to today >> nth=0")
    expect(window.page.locator("h1")).to_contain_text("suspected")


def test_evidence_leads_to_its_record(desk: Callable[..., Desk], suspected: str) -> None:
    """The record's page says what it states and what rests on it, under its pseudonym."""
    window = desk("safety-officer")
    window.study(f"patients/{suspected}")
    window.page.click("section[aria-labelledby='criteria-h'] td.links a >> nth=0")
    window.page.wait_for_url(re.compile("/records/"))
    assert "stands" in window.page.inner_text("section[aria-labelledby='statements-h']")
    assert "screening" in window.page.inner_text("section[aria-labelledby='used-h']")
    window.require_accessible()
    window.shoot("record")


def test_the_api_gives_what_the_chart_draws(desk: Callable[..., Desk], suspected: str) -> None:
    """Series with units, each point with its record; another version on request."""
    window = desk("safety-officer")
    path = f"/api/studies/{STUDY}/patients/{suspected}"
    chart = window.page.evaluate(f"fetch('{path}').then((answer) => answer.json())")
    assert {s["unit"] for s in chart["liver"]} == {"× ULN"}
    assert all("/" in v["record"] for s in chart["liver"] for v in s["values"])
    earlier = window.page.evaluate(f"fetch('{path}?version=1').then((answer) => answer.json())")
    assert earlier["version"] == 1 < chart["version"]


def test_a_patient_of_another_site_is_refused(desk: Callable[..., Desk], installation: Stack) -> None:
    """A coordinator of north asks for a patient of south: refused, explained, recorded."""
    query = "SELECT patient FROM timeline.patient WHERE site = 'south' LIMIT 1"
    window = desk("coordinator-north")
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(asyncio.run, _value(installation.database_url, query)).result()
        refused = f"SELECT count(*) FROM console.audit WHERE outcome = 'refused' AND patient = '{other}'"
        before = int(thread.submit(asyncio.run, _value(installation.database_url, refused)).result())
        assert window.study(f"patients/{other}") == 403
        assert int(thread.submit(asyncio.run, _value(installation.database_url, refused)).result()) == before + 1
    assert "recorded in the audit" in window.page.inner_text("main")
