"""Feed: what could not be read is seen without its contents, and read again when an administrator asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.console.console import Console
from services.ingest.requests import ReplayRequests
from services.ingest.store import Ingest
from shared.runtime import postgres
from shared.runtime.hints import Hint
from shared.runtime.postgres import Pool
from tests.support import console as consoles
from tests.support import feed
from tests.support.console import STUDY, forms, window
from tests.support.database import Database
from tests.support.feed import Feed, platelets

PAGE = f"/studies/{STUDY}/feed"
UNREADABLE = platelets(
    "140", 1, "hidden-record", subject={"identifier": {"system": "urn:hidden", "value": "hidden-word"}}
)


@pytest.fixture
async def ingest_of(own: Database) -> AsyncIterator[tuple[Ingest, Pool]]:
    """Ingest on the console's database."""
    async with await postgres.connect(own.url, "ingest", size=2) as pool:
        yield feed.ingest(pool), pool


async def test_a_dead_letter_is_shown_without_its_content_and_read_again_once_asked(
    own: Database, console: Console, ingest_of: tuple[Ingest, Pool]
) -> None:
    """The Patient came since; one form is one request, and its sender and its result are on record."""
    ingest, pool = ingest_of
    source = Feed()
    await ingest.store(source.messages(UNREADABLE))
    told: list[Hint] = []

    async def tell(hints: object, letters: object) -> None:
        assert isinstance(hints, list)
        assert isinstance(letters, list)
        told.extend(hints)

    async with window(console, "administrator") as opened:
        page = (await opened.get(PAGE)).text
        assert "subject by identifier" in page
        assert "hidden-word" not in page
        assert "hidden-record" not in page
        (form,) = forms((await opened.get(f"{PAGE}?reason=subject-by-identifier")).text, f"{PAGE}/replay")
        assert (await opened.send(f"{PAGE}/replay", form, Origin=consoles.ORIGIN)).status_code == 303
        assert (await opened.send(f"{PAGE}/replay", form, Origin=consoles.ORIGIN)).status_code == 409
        requests = ReplayRequests(ingest, pool, tell)
        assert await requests.once()
        assert not await requests.once()
        assert "0 read, 1 still unreadable" in (await opened.get(PAGE)).text
    row = (await own.rows("SELECT by_person, replayed, unread, done_at FROM console.replay_request"))[-1]
    assert (row["by_person"], row["replayed"], row["unread"]) == ("administrator", 0, 1)
    assert await own.value("SELECT count(*) FROM console.audit WHERE action = 'replay' AND outcome = 'done'") == 1


async def test_who_may_not_replay_is_refused_and_recorded(own: Database, console: Console) -> None:
    """A monitor sees the feed, no button, and is refused when the form is forged."""
    async with window(console, "monitor") as opened:
        page = await opened.get(PAGE)
        assert page.status_code == 200
        assert forms(page.text, f"{PAGE}/replay") == []
        answer = await opened.send(f"{PAGE}/replay", {"form": "forged", "site": "north"}, Origin=consoles.ORIGIN)
        assert answer.status_code == 403
    said = "SELECT count(*) FROM console.audit WHERE action = 'replay dead letters' AND outcome = 'refused'"
    assert await own.value(said) >= 1


async def test_the_dead_letters_are_paged_by_where_the_page_before_ended(own: Database, console: Console) -> None:
    """A thousand are twenty pages, each letter on one of them; an address that nobody made shows the first."""
    await own.rows(
        "INSERT INTO identity.dead_letter (dead_letter, site, epoch, topic, partition, feed_offset, entry, headers, reason,"
        " path, says, published_at, last_failed_at)"
        " SELECT gen_random_uuid(), 'north', '', 'paged', 0, n, 0, '', 'paged', 'p', 's', now(),"
        " now() - n * interval '1 second' FROM generate_series(1, 1000) n"
    )
    seen: set[str] = set()
    path, pages = f"{PAGE}?reason=paged", 0
    async with window(console, "monitor") as opened:
        while path:
            text = (await opened.get(path)).text
            seen |= {part.partition("<")[0] for part in text.split("paged/0/")[1:]}
            pages += 1
            _, _, after = text.partition(
                '<nav class="pages" aria-label="Pages of dead letters"><a class="button" href="'
            )
            path = f"{PAGE}{after.partition(chr(34))[0]}".replace("&amp;", "&") if after else ""
        assert (pages, len(seen)) == (20, 1000)
        assert (await opened.get(f"{PAGE}?after=nonsense")).status_code == 200
