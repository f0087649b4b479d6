"""CodeableConcepts as they stand in messages, each decoded and looked up once: a feed says the same few again and again.

Decides nothing: what a code means is `meaning`'s, what is asked for the scope's.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from msgspec import Raw

from shared.fhir.decoding import decode
from shared.fhir.elements import CONCEPT, CodeableConcept
from shared.fhir.meaning import Meaning
from shared.fhir.scope import Scope
from shared.terminology import Concept

_MOST: Final = 4096
"""A sender whose every text differs must not fill the memory."""


class Coded:
    """A CodeableConcept with what it stands for at one site, looked up when first asked for."""

    def __init__(self, stated: CodeableConcept, book: CodeBook) -> None:
        self.stated = stated
        self._book = book

    @cached_property
    def asked(self) -> tuple[Concept, ...]:
        """The concepts in scope that its codings stand for."""
        return self._book.asked(self.stated)

    @cached_property
    def drugs(self) -> tuple[Concept, ...]:
        """The drugs that it names, in scope or not."""
        return self._book.meaning.drugs(self.stated)


class CodeBook:
    """The CodeableConcepts of one site that were met lately, by their bytes."""

    def __init__(self, meaning: Meaning, scope: Scope) -> None:
        self.meaning = meaning
        self._scope = scope
        self._met: dict[bytes, Coded] = {}

    def read(self, raw: Raw, path: str) -> Coded:
        """What it says; raises `Unreadable` with its path."""
        text = bytes(raw)
        known = self._met.get(text)
        if known is None:
            if len(self._met) >= _MOST:
                self._met.clear()
            known = self._met[text] = Coded(decode(CONCEPT, raw, path), self)
        return known

    def asked(self, *stated: CodeableConcept | None) -> tuple[Concept, ...]:
        """The concepts in scope that the codings stand for."""
        wanted = self._scope.concepts
        return tuple(concept for concept in self.meaning.concepts(*stated) if concept.id in wanted)
