"""The administrator's commands on a real database: dead letters, paused sites, unmapped codes, data quality."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from services.cli.stack import Stack
from services.ingest.app import Ingest
from services.ingest.pausing import Limits
from services.ingest.reader import Reader
from shared import sites
from shared.protocol import load as protocol_files
from shared.runtime.postgres import Pool
from tests.support import feed, process
from tests.support.database import Database, difference
from tests.support.feed import KEYS, SITES, Feed, patient, platelets
from tests.support.records import lab

Graftwatch = Callable[..., Coroutine[Any, Any, tuple[int, str]]]
UNDATED = {"effectiveDateTime": "2024-02-30"}


@pytest.fixture
def graftwatch(stack: Stack, database: Database, tmp_path: Path) -> Graftwatch:
    """Runs the command line as a user would; exit code and output."""

    async def run(*arguments: str, **told: str) -> tuple[int, str]:
        env = process.environment(stack, database, GRAFTWATCH_HOME=str(tmp_path), **told)
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from services.cli.main import main; main()", *arguments),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(started.communicate(), 60)
        return started.returncode or 0, output.decode()

    return run


async def test_dead_letters_are_listed_shown_replayed_and_dropped(
    database: Database, ingest_pool: Pool, graftwatch: Graftwatch
) -> None:
    """Content is shown only when asked for; a replay with today's files reads what can be read; a drop needs a reason."""
    before = {name: site for name, site in sites.load(SITES).items() if name != feed.SITE}
    scope = protocol_files.scope(protocol_files.load().values())
    unsited = Ingest(Reader(before, scope, KEYS), ingest_pool, feed.VAULT)
    await unsited.store(Feed().messages(platelets("140"), platelets("1", 1, "undated", **UNDATED)))
    _, listed = await graftwatch("dead-letters", "list", "--json")
    letters = json.loads(listed)
    assert [d["reason"] for d in letters] == ["unknown-site"] * 2
    assert "Patient/p1" not in listed
    _, hidden = await graftwatch("dead-letters", "show", letters[0]["dead_letter"])
    _, shown = await graftwatch("dead-letters", "show", letters[0]["dead_letter"], "--content")
    assert ("Patient/p1" in hidden, "Patient/p1" in shown) == (False, True)
    code, replayed = await graftwatch("dead-letters", "replay", "--json")
    assert (code, json.loads(replayed)) == (1, {"replayed": 1, "still_unreadable": 1})
    assert await feed.platelet_counts(database, patient()) == ["140"]
    left = json.loads((await graftwatch("dead-letters", "list", "--patient", "north/p1", "--json"))[1])
    assert [(d["reason"], d["path"], d["attempts"]) for d in left] == [
        ("impossible-date", "Observation.effectiveDateTime", 2)
    ]
    code, refused = await graftwatch("dead-letters", "drop", left[0]["dead_letter"])
    assert (code, "--because" in refused) == (2, True)
    drop = ("dead-letters", "drop", left[0]["dead_letter"], "--because", "a test message")
    assert (await graftwatch(*drop))[0] == 0
    assert await graftwatch(*drop) == (1, "0 dropped; 1 were not open\n")
    dropped = json.loads((await graftwatch("dead-letters", "list", "--status", "dropped", "--json"))[1])
    assert [d["closed_because"] for d in dropped] == ["a test message"]
    assert await database.value("SELECT sum(open_dead_letters) FROM timeline.patient") == 0


async def test_a_replay_with_another_key_is_refused(database: Database, ingest: Ingest, graftwatch: Graftwatch) -> None:
    """It would give the patients other pseudonyms: nothing is changed, and the variable is named."""
    await ingest.store(Feed().messages(platelets("140"), platelets("1", 1, "undated", **UNDATED)))
    before = await database.dump("identity", "timeline")
    code, said = await graftwatch(
        "dead-letters", "replay", GRAFTWATCH_PSEUDONYM_KEY="another key of 32 characters or more"
    )
    assert (code, "GRAFTWATCH_PSEUDONYM_KEY" in said, "Traceback" in said) == (1, True, False)
    assert difference(before, await database.dump("identity", "timeline")) == {}


async def test_a_paused_site_is_shown_and_resumed(
    database: Database, ingest_pool: Pool, graftwatch: Graftwatch
) -> None:
    """Status says why and exits with 1; resume reads what is held; another site cannot be resumed."""
    strict = Ingest(feed.reader(), ingest_pool, feed.VAULT, Limits(10, 0, 2))
    bad = (platelets("1", 1, f"b{i}", **UNDATED) for i in range(2))
    await strict.store(Feed().messages(*bad, platelets("140")))
    code, shown = await graftwatch("sites", "status")
    assert (code, "2 messages in a row could not be read" in shown) == (1, True)
    assert (await graftwatch("sites", "resume", "south"))[0] == 1
    code, resumed = await graftwatch("sites", "resume", "north")
    assert (code, resumed.startswith("north is resumed: 1 messages read, 0 of them unreadable")) == (0, True)
    assert (await graftwatch("sites", "status"))[0] == 0
    assert await feed.platelet_counts(database, patient()) == ["140"]


async def test_unmapped_codes_and_quality_are_listed(ingest: Ingest, graftwatch: Graftwatch) -> None:
    """The most frequent first, with what is known to be wrong about a code."""
    await ingest.store(Feed().messages(lab("35548-5", id_="a"), lab("35548-5", id_="b"), lab("00000-0", id_="c")))
    _, listed = await graftwatch("unmapped", "--json")
    found = [(u["code"], u["resources"], u["known_wrong"] is not None) for u in json.loads(listed)]
    assert found == [("35548-5", 2, True), ("00000-0", 1, False)]
    assert json.loads((await graftwatch("unmapped", "--site", "north", "--min", "3", "--json"))[1]) == []
    code, table = await graftwatch("unmapped")
    assert (code, "check digit is wrong" in table) == (0, True)
    code, quality = await graftwatch("data-quality", "--json")
    assert (code, json.loads(quality)["feed"][0]["resources"]) == (0, 3)
    assert (await graftwatch("data-quality", "--site", "north"))[0] == 0
    code, stated = await graftwatch("data-quality", "--operation-outcome")
    assert (code, json.loads(stated)["resourceType"]) == (0, "OperationOutcome")


async def test_a_wrong_option_is_answered_in_words(graftwatch: Graftwatch) -> None:
    """No traceback: what is wrong and what is expected."""
    for arguments, said in (
        (("dead-letters", "list", "--since", "yesterday"), "--since: expected a date"),
        (("dead-letters", "list", "--patient", "p1"), "expected SITE/PATIENT-ID"),
        (("dead-letters", "show", str(patient())), "There is no dead letter"),
    ):
        code, output = await graftwatch(*arguments)
        assert (code, said in output, "Traceback" in output) == (1, True, False), output
