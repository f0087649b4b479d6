"""The safety list page by page: every case and every episode once, in order, however one goes on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from services.console.console import Console
from services.console.pages import safety
from tests.support.console import STUDY, Window, case, store_outcome, store_patient, window
from tests.support.database import Database

LIST = f"/studies/{STUDY}/safety"


def _episode(level: str, onset_on: str | None) -> dict[str, Any]:
    """An episode of rejection, as far as the list shows it."""
    lists: dict[str, list[str]] = {key: [] for key in ("speaks_for", "speaks_against", "immunosuppression", "advises")}
    said = {"level": level, "onset_on": onset_on, "says": "graft rejection", "severity": None, "rule_says": ""}
    return said | lists | {"is_endpoint": False}


async def _walked(opened: Window, name: str, section: str) -> list[str]:
    """The patients of one of the two lists, page after page by its own links."""
    address, found = LIST, list[str]()
    while address:
        page = (await opened.get(address)).text
        part = page.partition(f'<section id="{section}"')[2].partition("</section>")[0]
        found += re.findall(r"<article.*?/patients/([0-9a-f-]{36})", part, re.S)
        link = re.search(rf'href="([^"]*[?&;]{name}=[^"#]+)[^"]*">Next page', part)
        address = link[1].replace("&amp;", "&") if link else ""
    return found


async def test_every_case_and_episode_is_on_one_page(
    own: Database, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases of one due time, of none, closed ones; episodes of one day, of none: none is left out, none comes twice."""
    monkeypatch.setattr(safety, "SHOWN", 2)
    dues = [None, "2025-07-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-01T00:00:00Z", None]
    patients = [await store_patient(own) for _ in dues]
    for place, (patient, due) in enumerate(zip(patients, dues, strict=True)):
        content = case() | {"due_investigator_at": due, "closed": place == 3}
        await store_outcome(own, "safety", patient, "adverse-event", "death", content)
        onset = None if place == 2 else f"2025-05-0{1 + place % 2}"
        level = "suspected" if place else "watch"
        await store_outcome(own, "safety", patient, "rejection", "episode-1", _episode(level, onset))
    async with window(console, "safety-officer") as opened:
        ours = {str(patient) for patient in patients}
        cases = [p for p in await _walked(opened, "after_case", "cases") if p in ours]
        episodes = [p for p in await _walked(opened, "after_episode", "episodes") if p in ours]
        nowhere = await opened.get(f"{LIST}?after_case=nowhere")
    assert len(cases) == len(set(cases)) == 5
    assert set(cases[:2]) == {str(patients[1]), str(patients[2])}
    assert cases[-1] == str(patients[3])
    assert len(episodes) == len(set(episodes)) == 5
    assert episodes[-1] == str(patients[0])
    assert episodes[-2] == str(patients[2])
    assert nowhere.status_code == 400
