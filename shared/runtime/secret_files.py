"""Secrets that lie in files, as container platforms mount them: NAME_FILE names the file that holds what NAME would.

Read at start, for secrets only, and never both ways at once. Decides nothing about what a secret must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from shared.sites import ConfigurationError

SUFFIX: Final = "_FILE"


def value(environ: Mapping[str, str], name: str) -> str | None:
    """A secret from its variable or from its file, without white space around it; None where neither is set."""
    stated, path = environ.get(name), environ.get(f"{name}{SUFFIX}")
    if not path:
        return stated
    if stated:
        raise ConfigurationError(f"{name} and {name}{SUFFIX} are both set; set one of them")
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):  # neither the content nor a part of it belongs into the message
        raise ConfigurationError(f"{name}{SUFFIX} names no readable text file: {path}") from None
    if not content:
        raise ConfigurationError(f"{name}{SUFFIX} names an empty file: {path}")
    return content


def secrets_of(kind: type[BaseSettings]) -> dict[str, str]:
    """The variable of each secret among these settings, and under which name it is handed to them."""
    handed = {n: str(f.validation_alias or n) for n, f in kind.model_fields.items() if _is_secret(f.annotation)}
    return {name.upper(): name for name in handed.values()}


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def spell_out(environ: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Put these secrets, where they lie in files, into the variables themselves: for commands, whose options name variables."""
    for name in names:
        if (found := value(environ, name)) is not None:
            environ[name] = found
            environ.pop(f"{name}{SUFFIX}", None)


class WithFiles(Mapping[str, str]):
    """An environment in which every variable may lie in a file; for names that only a file of the installation knows."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        found = value(self._environ, name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
