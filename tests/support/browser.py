"""Decides how tests drive a real browser through the console: who is logged in, what is kept, what counts as a fault.

A page that loads anything against its content security policy, or logs an error, fails the test that opened it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

SCREENSHOTS: Final = Path(".graftwatch") / "browser"
STUDY: Final = "camrelizumab-hcc-transplant"
_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS: Final = 60_000
SOON_MS: Final = 120_000
"""How long the feed, ingest and the deciding service may take on a busy machine."""
_GRAVE: Final = ("serious", "critical")
_AXE: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@dataclass
class Desk:
    """One person's browser window in the console."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> int:
        """Go to a path of the console; the status of the answer."""
        answer = self.page.goto(f"{self.address}{path}")
        return answer.status if answer is not None else 0

    def study(self, path: str) -> int:
        """Go to a page of the study."""
        return self.open(f"/studies/{STUDY}/{path}")

    def until_shown(self, found: Locator) -> None:
        """Load the page anew until it shows this: what was stated goes over the feed, and is decided, first."""
        deadline = time.monotonic() + SOON_MS / 1000
        while not found.count():
            assert time.monotonic() < deadline, f"{self.page.url}: not shown within {SOON_MS / 1000:.0f} s: {found}"
            self.page.wait_for_timeout(500)
            self.page.reload()

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def require_accessible(self) -> None:
        """No serious or critical fault by axe-core."""
        found = Axe().run(self.page, options=_AXE).response["violations"]
        grave = [f"{v['id']} ({v['impact']}): {_where(v)}" for v in found if v["impact"] in _GRAVE]
        assert grave == [], f"{self.page.url}: {grave}"

    def require_sound(self) -> None:
        """Nothing was refused by the content security policy, no script failed."""
        assert self.faults == []


def case_of(article: Locator) -> str:
    """What finds a case of the safety list again, wherever the list has moved it: patient and subject of its form.

    Read at one moment, as the list may be fetched anew between two.
    """
    action, subject = article.evaluate(
        "article => { const form = article.querySelector(\"form[action$='/state']\");"
        " return [form.getAttribute('action'), form.querySelector('input[name=subject]').value]; }"
    )
    return f"#cases article:has(form[action='{action}'] input[name=subject][value='{subject}'])"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    program = shutil.which("chromium")
    assert program is not None, (
        "chromium is not installed: apt-get install chromium, or `make test-browser`, which does"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def desk(browser: Browser, address: str, person: str | None = None, **context: Any) -> Iterator[Desk]:
    """A window of its own, logged in as somebody of the staff file."""
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, **context)
    page = opened.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    expect.set_options(timeout=_PATIENCE_MS)
    made = Desk(page, address)
    page.on("console", lambda message: made.faults.extend(_fault(message)))
    page.on("pageerror", lambda error: made.faults.append(str(error)))
    try:
        if person is not None:
            made.open("/login")
            page.click(f"button[value='{person}']")
            page.wait_for_url(lambda url: "/login" not in url)
        yield made
    finally:
        opened.close()


def _fault(message: ConsoleMessage) -> list[str]:
    refused = message.type == "error" and not message.text.startswith("Failed to load resource: the server responded")
    return [message.text] if refused else []


def _where(violation: dict[str, Any]) -> str:
    return "; ".join(" ".join(node["target"]) + " " + node["html"][:120] for node in violation["nodes"][:5])
