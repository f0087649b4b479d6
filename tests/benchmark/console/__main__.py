"""`python -m tests.benchmark.console`: seconds from asking for a page to having it, with 10,000 patients."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import aiohttp
import msgspec

from services.cli import installation
from services.cli.stack import down, start_services, up
from tests.benchmark.console.population import STUDY, populate
from tests.support import browser as browsers
from tests.support.stack import without_users_own_servers

PATIENTS: Final = 10_000
ASKED: Final = 30
AIM_MS: Final = 300
OUT: Final = Path(".graftwatch/bench/console.json")
PAGES: Final = {
    "today": "today",
    "screening": "screening",
    "screening, one criterion unknown": "screening?criterion=I11b&verdict=unknown",
    "attrition": "screening/attrition",
    "safety": "safety",
}


def main() -> int:
    """Start a stack of its own, fill it, ask for each page again and again, print and write the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--patients", type=int, default=PATIENTS)
    given = arguments.parse_args()
    home = OUT.parent.resolve() / "console-stack"
    with without_users_own_servers():
        try:
            stack = up(home, topics=installation.topic_specs(), prepare=installation.prepare)
            asyncio.run(_emptied(stack.database_url))
            asyncio.run(populate(stack.database_url, given.patients))
            told = installation.service_environment(home, Path("deploy/sites"), None)
            told["GRAFTWATCH_CONSOLE_REQUESTS_PER_MINUTE"] = "100000"
            address = start_services(home, [installation.CONSOLE], told)[installation.CONSOLE]
            figures: dict[str, Any] = {"patients": given.patients, "aim_ms": AIM_MS}
            figures["pages"] = asyncio.run(_measure(address))
            figures["first_page_in_the_browser_ms"] = _in_the_browser(address)
        finally:
            down(home)
    _show(figures)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    return 0


async def _emptied(url: str) -> None:
    """What an earlier run of this benchmark left in its own stack."""
    import asyncpg  # noqa: PLC0415

    connection = await asyncpg.connect(url)
    await connection.execute(
        "TRUNCATE timeline.patient, timeline.fact, eligibility.outcome, eligibility.outbox, safety.outcome, safety.outbox,"
        " response.outcome, response.outbox, console.screening CASCADE"
    )
    await connection.close()


async def _measure(address: str) -> dict[str, dict[str, float]]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(
            f"{address}/login/development", data={"person": "safety-officer"}, headers={"Origin": address}
        ) as answer:
            assert answer.status == 200, answer.status
        found = {name: await _page(session, f"{address}/studies/{STUDY}/{path}") for name, path in PAGES.items()}
        found["screening, page 60 of it"] = await _page(session, await _deep(session, address))
        return found


async def _deep(session: aiohttp.ClientSession, address: str) -> str:
    """The address of a page far down the list, found as a person would: by going on."""
    after = ""
    for _ in range(3):
        url = f"{address}/api/studies/{STUDY}/screening?count=1000&after={after.replace('+', '%2B')}"
        async with session.get(url) as answer:
            after = (await answer.json())["after"]
    return f"{address}/studies/{STUDY}/screening?after={after.replace('+', '%2B')}"


async def _page(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    taken = []
    for _ in range(ASKED):
        started = time.perf_counter()
        async with session.get(url) as answer:
            body = await answer.read()
            assert answer.status == 200, (url, answer.status)
        taken.append((time.perf_counter() - started) * 1000)
    return {"p50_ms": round(median(taken)), "p95_ms": round(quantiles(taken, n=20)[18]), "kB": round(len(body) / 1024)}


def _in_the_browser(address: str) -> dict[str, float]:
    """From the click on one's name to the page loaded and drawn, median of several logins."""
    taken: dict[str, list[float]] = {"answered": [], "loaded": []}
    with browsers.chromium() as chromium:
        for _ in range(5):
            with browsers.desk(chromium, address, "safety-officer") as window:
                window.study("today")
                timing = window.page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
                taken["answered"].append(timing["responseEnd"])
                taken["loaded"].append(timing["loadEventEnd"])
    return {name: round(median(values)) for name, values in taken.items()}


def _show(figures: dict[str, Any]) -> None:
    print(f"{figures['patients']} patients; aim: the first page within {AIM_MS} ms")
    for name, f in figures["pages"].items():
        ratio = f["p95_ms"] / AIM_MS
        print(f"{name:<36}p50 {f['p50_ms']:>5} ms  p95 {f['p95_ms']:>5} ms  {ratio:.2f} of the aim  {f['kB']} kB")
    seen = figures["first_page_in_the_browser_ms"]
    print(f"{'today in Chromium':<36}answered {seen['answered']} ms, loaded {seen['loaded']} ms")


if __name__ == "__main__":
    raise SystemExit(main())
