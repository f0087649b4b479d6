"""One whole installation with its hospitals' records for all browser tests, and a Chromium to look at it with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from services.cli.demo.run import Plan, Progress, console_address, demonstrate
from services.cli.stack import current
from services.cli.stack.model import Stack
from tests.support import browser as browsers
from tests.support.browser import Desk
from tests.support.stack import stack_home, without_users_own_servers

DEMO_DATE = date(2025, 6, 30)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A demonstration that was left running: broker, database, every service, the console."""
    said = Progress(say=lambda _: None, begin=lambda _title, _total: None, advance=lambda _: None)
    with stack_home(tmp_path_factory.mktemp("browser")) as folder, without_users_own_servers():
        plan = Plan(folder, Path("deploy/sites"), DEMO_DATE, 42, 800, "embedded", keep=True, background=False)
        summary = demonstrate(plan, said)
        assert summary.is_right
        yield folder


@pytest.fixture(scope="session")
def installation(home: Path) -> Stack:
    """Where its database and broker are."""
    stack = current(home)
    assert stack is not None
    return stack


@pytest.fixture(scope="session")
def address(request: pytest.FixtureRequest) -> str:
    """Where the console is; GRAFTWATCH_TEST_CONSOLE names one that a demonstration was left with (`make demo KEEP=1`)."""
    running = os.environ.get("GRAFTWATCH_TEST_CONSOLE")
    if running:
        return running.rstrip("/")
    found = console_address(request.getfixturevalue("home"))
    assert found is not None
    return found.rstrip("/")


@pytest.fixture(scope="session")
def browser(address: str) -> Iterator[Browser]:
    """Chromium; after the installation, for whose start its event loop would be in the way."""
    del address
    with browsers.chromium() as started:
        yield started


@pytest.fixture
def desk(browser: Browser, address: str) -> Iterator[Callable[[str | None], Desk]]:
    """Opens a window for somebody; at the end none of them may have seen a fault."""
    opened: list[Desk] = []
    with ExitStack() as windows:

        def sit(person: str | None = None) -> Desk:
            made = windows.enter_context(browsers.desk(browser, address, person))
            opened.append(made)
            return made

        yield sit
        for one in opened:
            one.require_sound()
