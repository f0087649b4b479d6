"""Mutants of real resources: each is accounted for, none makes the reader fail, each rejection names its field.

`GRAFTWATCH_FUZZ` gives their number; `make fuzz` asks for 100,000.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Final

import pytest

from services.ingest.reader import Crosswalk
from shared import facts
from shared.fhir.reading import Accepted, Reading, Reason, Rejected
from shared.fhir.resource_types import RESOURCE_TYPES
from tests.support.examples import examples
from tests.support.feed import Feed, reader
from tests.support.mutation import Mutator

MUTANTS: Final = int(os.environ.get("GRAFTWATCH_FUZZ", "6000"))
SEEDS: Final = range(4)
_ROOTS: Final = RESOURCE_TYPES | {"$", "resourceType", "Bundle"}
_FIELD: Final = re.compile(
    r"\$|[A-Z][A-Za-z]+|(?:[A-Za-z]+(?:\[(?:\d+|x|\.\.\.)\])?\.)*[A-Za-z_]+(?:\[(?:\d+|x|\.\.\.)\])?"
)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mutant_is_lost_or_makes_the_reader_fail(seed: int) -> None:
    """As many readings as resources delivered, no fault of ours, and each rejection says where and what was expected."""
    source, found = Feed(), Counter[str]()
    for value, delivers in Mutator(examples(), seed).messages(MUTANTS // len(SEEDS)):
        readings = [d.reading for d in reader().read(source.message(value), Crosswalk())]
        assert len(readings) == delivers, value
        for reading in readings:
            _check(reading, value)
            found[type(reading).__name__] += 1
    assert found.total() == MUTANTS // len(SEEDS)
    assert all(found[kind] > found.total() / 20 for kind in ("Accepted", "Rejected", "OutOfScope")), found


def _check(reading: Reading, value: bytes) -> None:
    if isinstance(reading, Rejected):
        assert reading.reason is not Reason.READER_FAULT, (reading.says, value)
        assert reading.says.startswith("expected "), (reading.says, value)
        assert _FIELD.fullmatch(reading.path), (reading.path, value)
        assert re.split(r"[.\[]", reading.path)[0] in _ROOTS, (reading.path, value)
    if isinstance(reading, Accepted):
        for fact in reading.facts:
            assert facts.decode(facts.encode(fact)) == fact
