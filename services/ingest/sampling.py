"""Decides which accepted resources are judged for conformance; the rest are counted as unjudged. Judges nothing itself.

`sample`: what the reader found odd, at most 50 a second of one site and type; the first of each site, type and shape; and
one record in 20, always the same ones.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from services.ingest.batch import Delivered
from shared.fhir.reading import Accepted

Mode = Literal["all", "sample", "off"]
ODD_PER_SECOND: Final = 50
ONE_IN: Final = 20
_MOST_SHAPES: Final = 20_000
"""A sender that invents elements must not fill the memory."""


class Sampler:
    """Remembers the shapes seen, and how many odd resources this second has had."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._shapes: set[int] = set()
        self._second = 0
        self._odd: dict[tuple[str, str], int] = {}

    def chooses(self, d: Delivered, at: float) -> bool:
        """Whether to judge it; `at`: seconds of any clock that does not go back."""
        if not isinstance(d.reading, Accepted) or self.mode == "off":
            return False
        return (
            self.mode == "all" or self._is_new_shape(d.reading) or _is_drawn(d.reading) or self._is_odd(d.reading, at)
        )

    def _is_new_shape(self, reading: Accepted) -> bool:
        shape = hash((reading.record.site, reading.record.type, frozenset(reading.elements)))
        if shape in self._shapes or len(self._shapes) >= _MOST_SHAPES:
            return False
        self._shapes.add(shape)
        return True

    def _is_odd(self, reading: Accepted, at: float) -> bool:
        if not reading.issues:
            return False
        if int(at) != self._second:
            self._second, self._odd = int(at), {}
        of = reading.record.site, reading.record.type
        self._odd[of] = self._odd.get(of, 0) + 1
        return self._odd[of] <= ODD_PER_SECOND


def _is_drawn(reading: Accepted) -> bool:
    record = reading.record
    digest = hashlib.blake2b(f"{record.site}|{record.type}|{record.id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % ONE_IN == 0
