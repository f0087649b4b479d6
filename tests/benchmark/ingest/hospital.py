"""The feeds of the benchmark: a generated hospital (clinosim) with the simulated cohort, and one all of it in scope."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final
from zlib import crc32

from services.cli.demo import background, publish
from services.cli.simulate import simulate
from services.cli.simulate.model import FeedMessage

AS_OF: Final = date(2025, 6, 30)
POPULATION: Final = 750
"""People of the generated hospital; makes about 126,000 resources."""
# Identifiers too: one that several patients state names none of them, and would be followed up again and again.
_NAMES: Final = re.compile(rb'("(?:id|reference|value)": ?"[^"]+)"')


def generate(home: Path) -> list[FeedMessage]:
    """The hospital's resources, types mixed as on a feed (always alike); generated once and kept for later runs."""
    generation = background.Generation(home / "background", AS_OF, POPULATION)
    generation.begin()
    return sorted(background.messages(generation.finish()), key=lambda m: crc32(m.key or b""))


def cohort() -> list[FeedMessage]:
    """The cohort's messages that deliver one resource."""
    return [m for m in simulate(AS_OF).messages if m.delivers == 1]


def mixed(home: Path) -> list[FeedMessage]:
    """The hospital with the cohort spread among it."""
    return publish.mix(cohort(), generate(home))


def in_scope(count: int) -> list[FeedMessage]:
    """The cohort's accepted resources again and again as other patients'."""
    accepted = [m for m in cohort() if m.counts.accepted and m.value is not None]
    turns = range(-(-count // len(accepted)))
    return [m for turn in turns for m in as_others(accepted, turn)][:count]


def as_others(messages: Sequence[FeedMessage], turn: int) -> Iterator[FeedMessage]:
    """The same messages about other records and patients, so that nothing is a redelivery."""
    name = b'\\1-%d"' % turn
    for m in messages:
        value = None if m.value is None else _NAMES.sub(name, m.value)
        yield FeedMessage(m.topic, m.key, value, m.headers, m.phase, m.counts)
