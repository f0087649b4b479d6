"""A value of a trial together with where it comes from: no number stands in a protocol without its source.

Decides what counts as sourced; knows no trial and no criterion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

T = TypeVar("T")
Origin = Literal["seed", "registry", "published", "assumed", "site"]
"""`seed`: the trial's own text; `registry`: its public listing; `published`: criteria in the literature;
`site`: set by the site; `assumed`: nobody said it, a site must confirm it.
"""


class Section(BaseModel):
    """Base of every part of a protocol: frozen, and no key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sourced(Section, Generic[T]):
    """A value of the trial with where it comes from; an assumed one must say why."""

    value: T
    source: Origin
    note: str = ""
    assumed: bool = False

    @model_validator(mode="after")
    def _assumption_has_reason(self) -> Sourced[T]:
        if self.assumed != (self.source == "assumed"):
            raise ValueError("`assumed: true` and `source: assumed` belong together")
        if self.assumed and not self.note:
            raise ValueError("an assumed value needs a note with its reason")
        return self


def sourced(part: object, path: str = "") -> Iterator[tuple[str, Sourced[object]]]:
    """Every sourced value within a part of a protocol, with its place; items are named by their id or drug."""
    if isinstance(part, Sourced):
        yield path, part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from sourced(getattr(part, name), f"{path}.{name}".removeprefix("."))
    elif isinstance(part, tuple):
        for place, item in enumerate(part):
            yield from sourced(item, f"{path}[{getattr(item, 'id', None) or getattr(item, 'drug', None) or place}]")
