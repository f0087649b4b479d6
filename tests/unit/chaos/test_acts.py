"""The investigator of `make chaos` states what is intended once, whatever is lost; two runs compare by names that stay."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from aiohttp import web

from services.cli.demo.run import PROTOCOL
from tests.benchmark.chaos.acts import PERSON, Acts, Intended, Investigator
from tests.benchmark.chaos.comparison import differences

CODE = "not-resectable"
PATIENTS = [UUID(int=n) for n in range(1, 7)]


class _Console:
    """Answers as the console does: unknown at first, then asking for a login; loses the answer of each form once."""

    def __init__(self) -> None:
        self.stated: defaultdict[str, list[str]] = defaultdict(list)
        self.logged_in = False
        self._lost: set[tuple[str, str]] = set()
        self._unknown: set[str] = set()

    async def page(self, request: web.Request) -> web.Response:
        patient = request.match_info["patient"]
        if not self.logged_in:
            return web.Response(status=303, headers={"Location": "/login"})
        if patient not in self._unknown:
            self._unknown.add(patient)
            return web.Response(status=403)
        base, done = f"/studies/{PROTOCOL}/patients/{patient}", self.stated[patient]
        fields = {"form": str(uuid4()), "about": "criterion", "subject": CODE, "step": str(len(done))}
        page = _form(f"{base}/state", fields)
        if done == ["attest"]:
            page += _form(f"{base}/withdraw", {"form": str(uuid4()), "stated": "1"})
        return web.Response(text=page, content_type="text/html")

    async def take(self, request: web.Request) -> web.Response:
        patient, action, form = request.match_info["patient"], request.match_info["action"], await request.post()
        self.stated[patient].append("withdraw" if action == "withdraw" else str(form["act"]))
        if (patient, action) not in self._lost:
            self._lost.add((patient, action))
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=303)

    async def log_in(self, request: web.Request) -> web.Response:
        self.logged_in = (await request.post())["person"] == PERSON
        return web.Response(status=303)


def _form(action: str, fields: dict[str, str]) -> str:
    hidden = "".join(f'<input type="hidden" name="{n}" value="{v}">' for n, v in fields.items())
    return f'<form method="post" action="{action}">{hidden}</form>'


@asynccontextmanager
async def _served(console: _Console) -> AsyncIterator[int]:
    served = web.Application()
    served.router.add_post("/login/development", console.log_in)
    served.router.add_get("/studies/{study}/patients/{patient}/act", console.page)
    served.router.add_post("/studies/{study}/patients/{patient}/{action}", console.take)
    runner = web.AppRunner(served)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_each_statement_is_made_once_whatever_answer_is_lost() -> None:
    """What was sent without an answer is looked for before it is sent again; half of it is withdrawn."""
    console = _Console()
    intended = [Intended(p, str(p), CODE, 0.0, withdrawn=n % 2 == 1) for n, p in enumerate(PATIENTS)]
    async with _served(console) as port, asyncio.timeout(60):
        await Investigator(port, intended, lambda: 1.0).run()
    assert console.stated == {str(i.patient): ["attest", "withdraw"] if i.withdrawn else ["attest"] for i in intended}


def test_the_records_of_two_runs_have_the_same_names() -> None:
    """Their ids are random; nothing else is changed."""
    one, other = (
        Acts(named={str(act): "(act p c 1)", "0" * 31 + n: "(record)"}) for act, n in ((uuid4(), "1"), (uuid4(), "2"))
    )
    texts = [f"{next(iter(a.named))} {'0' * 31}{n} {PATIENTS[0]}" for a, n in ((one, "1"), (other, "2"))]
    assert one.rename(texts[0]) == other.rename(texts[1]) == f"(act p c 1) (record) {PATIENTS[0]}"
    assert one.rename(texts[1]) != other.rename(texts[1])


def test_a_statement_that_was_lost_or_made_twice_is_a_difference() -> None:
    """It is there in one of the runs only."""
    once, twice = {"act p c 1": "north | true"}, {"act p c 1": "north | true", "act p c 2": "north | true"}
    for calm, faults in ((once, {}), (once, twice)):
        assert len(differences({"act of somebody": calm}, {"act of somebody": faults})) == 1
