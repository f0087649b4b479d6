"""A screening list of 10,000 candidates: a page of it, not all of it."""

from __future__ import annotations

import re

from tests.support import console as consoles
from tests.support.console import STUDY, window
from tests.support.database import Database

CANDIDATES = 10_000
PAGE = 50
_MADE = """
    INSERT INTO console.screening (
        protocol, patient, site, status, says, verdicts, missing, undecided, open_dead_letters, outcome_id, ordinal,
        decided_at, status_since
    )
    SELECT $1, md5(n::text)::uuid, 'north', 'potentially_eligible', 'I10 unknown', '{"I10": "unknown"}',
        ARRAY['expected survival'], 1, 0, md5('outcome' || n)::uuid, 1, now(), now() - n / 100 * interval '1 minute'
    FROM generate_series(1, $2::integer) AS n
"""


async def test_ten_thousand_candidates_are_shown_page_by_page(database: Database) -> None:
    """Fifty rows, how many there are, where to go on; a hundred have the same time, and none is shown twice."""
    await database.rows(_MADE, STUDY, CANDIDATES)
    seen: list[str] = []
    async with consoles.running(database) as console, window(console, "coordinator-north") as opened:
        address = f"/studies/{STUDY}/screening"
        for _ in range(5):
            page = await opened.get(address)
            assert page.status_code == 200
            shown = re.findall(rf'href="/studies/{STUDY}/patients/([0-9a-f-]{{36}})"', page.text)
            assert len(dict.fromkeys(shown)) == PAGE
            assert "10\u2009000" in page.text
            seen += dict.fromkeys(shown)
            found = re.search(r'href="(\?[^"]*after=[^"]+)"', page.text)
            assert found is not None
            address = f"/studies/{STUDY}/screening{found[1].replace('&amp;', '&')}"
        listed = (await opened.get(f"/api/studies/{STUDY}/screening?count=1000")).json()
    assert len(seen) == len(set(seen)) == 5 * PAGE
    assert len(listed["candidates"]) <= 1000
    assert listed["after"] is not None
