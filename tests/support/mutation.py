"""Mutates FHIR resources knowing their shape, the same way for the same seed: what feeds get wrong, and what nobody should.

Decides nothing about what must become of a mutant.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

Json = Any
Place = tuple[str | int, ...]

_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "\u202e",
    "Ünïcödé \N{SNOWMAN}",
    "x" * 300,
    "null",
    "-",
    "Patient/",
    "Patient/p/extra/_history/",
    "Group/1",
    "#",
    "#nothing",
    "urn:uuid:",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "http://other.example/fhir/Patient/p1",
    "Observation/Patient/p1",
)
_DATES: Final = (
    "0000",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999999-14:00",
    "0001-01-01T00:00:00+14:00",
    "2024",
    "2024-02",
    "2024-02-30",
    "2024-13-01",
    "2024-02-29T24:00:00Z",
    "2024-06-30T23:59:60Z",
    "2024-05-03T10:00",
    "2024-05-03T10:00:00",
    "2024-05-03T10:00:00.1234567890Z",
    "2024-05-03T10:00:00+99:00",
    "03.05.2024",
    "20240503",
)
_CODES: Final = (
    "final",
    "preliminary",
    "amended",
    "entered-in-error",
    "cancelled",
    "unknown",
    "completed",
    "not-done",
    "active",
    "banana",
    "IMP",
    "confirmed",
    "refuted",
    "male",
)
_UNITS: Final = (
    "U/L",
    "mg/dL",
    "umol/l",
    "mmol/L",
    "%",
    "{score}",
    "1",
    "mm",
    "10*9/L",
    "blobs",
    "[",
    "m" * 80,
    "10*999",
)
_NUMBERS: Final = (
    "0",
    "-1",
    "-0",
    "1.00",
    "1e3",
    "1E-400",
    "1e400",
    "99999999999999999999999999",
    "0." + "3" * 80,
    "3.5",
)
_MARK: Final = "number "
_MARKED: Final = re.compile(rb'"number ([^"]*)"')
_WRONG: Final[tuple[Json, ...]] = (None, True, False, [], {}, [None], [[]], {"": None}, {"value": {}}, 7, "7")


class Mutator:
    """A stream of mutants of some resources."""

    def __init__(self, resources: Sequence[Mapping[str, Json]], seed: int) -> None:
        self._random = random.Random(seed)
        self._by_type: dict[str, list[Mapping[str, Json]]] = {}
        for each in resources:
            self._by_type.setdefault(each["resourceType"], []).append(each)
        self._types = sorted(self._by_type)

    def messages(self, count: int) -> Iterator[tuple[bytes, int]]:
        """Messages that deliver `count` mutants in all, each with the number of resources that it delivers."""
        left = count
        while left > 0:
            together = self._random.choice((1,) * 9 + (2, 3, 7))
            mutants = [self.mutant() for _ in range(min(together, left))]
            left -= len(mutants)
            yield (self._written(mutants[0]) if len(mutants) == 1 else self._bundle(mutants)), len(mutants)

    def mutant(self) -> dict[str, Json]:
        """A resource with one to three things changed; its type stays, so that it is known what is delivered."""
        type_ = self._random.choice(self._types)
        mutated: dict[str, Json] = _copy(self._random.choice(self._by_type[type_]))
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            mutated = self._changed(mutated)
        return mutated | {"resourceType": type_}

    def _changed(self, of: Json) -> Json:
        at = self._somewhere(of)
        return self._random.choice(self._ways)(self, of, at) if at not in ((), ("resourceType",)) else of

    def _somewhere(self, of: Json) -> Place:
        """A place in a resource, nearer to its top the more often."""
        at: Place = ()
        while isinstance(of, dict | list) and of and (not at or self._random.random() < 0.6):
            step = self._random.choice(list(of)) if isinstance(of, dict) else self._random.randrange(len(of))
            at, of = (*at, step), of[step]
        return at

    def _remove(self, of: Json, at: Place) -> Json:
        parent = _at(of, at[:-1])
        del parent[at[-1]]
        return of

    def _replace(self, of: Json, at: Place) -> Json:
        _at(of, at[:-1])[at[-1]] = _copy(self._random.choice(_WRONG))
        return of

    def _reword(self, of: Json, at: Place) -> Json:
        """Another value of the same kind: a date for a date, a code for a code, a number for a number."""
        held, name = _at(of, at), str(at[-1])
        if isinstance(held, bool) or held is None:
            new: Json = not held
        elif isinstance(held, int | float):
            new = f"{_MARK}{self._random.choice(_NUMBERS)}"
        elif isinstance(held, str):
            new = self._random.choice(_alike(name, held))
        else:
            return self._replace(of, at)
        _at(of, at[:-1])[at[-1]] = new
        return of

    def _rename(self, of: Json, at: Place) -> Json:
        """An element under another name: an unknown one, one of its kind, or that of another choice of type."""
        parent = _at(of, at[:-1])
        if isinstance(parent, dict):
            name = str(at[-1])
            names = (name + "x", "_" + name, name.replace("DateTime", "Period"), name.replace("Quantity", "String"), "")
            parent[self._random.choice(names)] = parent.pop(at[-1])
        return of

    def _wrap(self, of: Json, at: Place) -> Json:
        """One for a list, or a list for one, or the first of a list twice."""
        held, parent = _at(of, at), _at(of, at[:-1])
        if isinstance(held, list) and held:
            parent[at[-1]] = self._random.choice((held[0], [*held, _copy(held[0])], [held], []))
        else:
            parent[at[-1]] = [held]
        return of

    def _graft(self, of: Json, at: Place) -> Json:
        """A part of another resource, here."""
        other = self._random.choice(self._by_type[self._random.choice(self._types)])
        _at(of, at[:-1])[at[-1]] = _copy(_at(other, self._somewhere(other)))
        return of

    def _deepen(self, of: Json, at: Place) -> Json:
        deep: Json = _at(of, at)
        for _ in range(self._random.choice((2, 60))):
            deep = {"extension": [deep]}
        _at(of, at[:-1])[at[-1]] = deep
        return of

    _ways: Final[tuple[Callable[[Mutator, Json, Place], Json], ...]] = (
        *(_remove, _replace, _reword, _reword, _reword),
        *(_rename, _wrap, _graft, _deepen),
    )

    def _written(self, mutant: Mapping[str, Json]) -> bytes:
        """The message of one mutant; now and then its bytes are spoilt too."""
        raw = _json(mutant)
        if self._random.random() < 0.95:
            return raw
        cut = self._random.randrange(1, len(raw))
        spoilt = (
            raw[:cut],
            raw[:cut] + b"\xff" + raw[cut:],
            raw[:cut] + b"\x00" + raw[cut:],
            raw[:cut] + raw[cut + 1 :],
            b"\xef\xbb\xbf" + raw,
            b"\r\n " + raw + b" \n",
            raw + raw,
            raw.replace(b': "', b': "\\ud800', 1),
            raw[:-1] + b',"status":"final","id":7}',
            raw[:-1] + b',"note":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        )
        return self._random.choice(spoilt)

    def _bundle(self, mutants: Sequence[Mapping[str, Json]]) -> bytes:
        kind = self._random.choice(("collection", "batch", "transaction", "history", "searchset", "message", "banana"))
        entries = [self._entry(mutant) for mutant in mutants]
        return _json({"resourceType": "Bundle", "type": kind, "entry": entries})

    def _entry(self, mutant: Mapping[str, Json]) -> dict[str, Json]:
        entry: dict[str, Json] = {"resource": mutant}
        if self._random.random() < 0.5:
            entry["fullUrl"] = self._random.choice((f"urn:uuid:{mutant.get('id')}", "urn:uuid:x", "", "http://h/a/b"))
        if self._random.random() < 0.3:
            entry["request"] = {"method": self._random.choice(("PUT", "POST")), "url": mutant["resourceType"]}
        return entry


def _json(of: Json) -> bytes:
    # Marked numbers are written digit by digit.
    return _MARKED.sub(rb"\1", json.dumps(of).encode())


def _alike(name: str, held: str) -> Sequence[str]:
    if name in ("unit", "code") and len(held) < 12:
        return _UNITS + _CODES
    if held[:4].isdigit():
        return _DATES
    return _TEXTS + _CODES if " " not in held else _TEXTS


def _copy(of: Json) -> Json:
    return msgspec.json.decode(msgspec.json.encode(of))


def _at(of: Json, at: Place) -> Json:
    for step in at:
        of = of[step]
    return of
