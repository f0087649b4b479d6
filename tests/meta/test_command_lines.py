"""Every command line and variable that compose file, chart, image and documents name is one that the product has."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from services.cli.main import app
from shared.runtime import secret_files
from shared.runtime.kafka_access import KafkaSettings
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.settings import ConsoleSettings, IngestSettings, IntakeSettings, Settings
from shared.runtime.tracing import TraceSettings

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "graftwatch"
DOCUMENTS: Final = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((CHART / "templates").iterdir()),
    CHART / "values.yaml",
)
READ_BY: Final[dict[str, type[KafkaSettings]]] = {
    "intake": IntakeSettings,
    "ingest": IngestSettings,
    "eligibility": Settings,
    "response": Settings,
    "safety": Settings,
    "notify": NotifySettings,
    "console": ConsoleSettings,
}
_Command = TyperCommand | TyperGroup
_COMMAND: Final[_Command] = typer.main.get_command(app)  # type: ignore[assignment] # typer's own classes, always
_DEFAULT: Final = re.compile(r"\$\{\w+:?[-?]([^}]*)\}")
_LISTED: Final = re.compile(r'\(list ((?:"[^"]+"|\(toString [^)]+\))(?: (?:"[^"]+"|\(toString [^)]+\)))*)\)')
_SHOWN: Final = re.compile(r"^\s*(graftwatch [a-z].*)$|`(graftwatch [a-z][^`]*)`", re.MULTILINE)
_SAID: Final = re.compile(r"^graftwatch (\w+) cannot start")
"""What a service prints begins like a command and is none."""


def _compose() -> dict[str, Any]:
    written = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    services: dict[str, Any] = yaml.safe_load(_DEFAULT.sub(lambda m: m[1], written))["services"]
    return services


def _run() -> Iterator[tuple[str, list[str]]]:
    """What is run as it stands: by the compose file, by the chart, by the image."""
    for name, service in _compose().items():
        command = service.get("command", [])
        if command and command[0] in ("graftwatch", "python"):
            yield f"compose {name}", command
    for path in (CHART / "templates").iterdir():
        for listed in _LISTED.findall(path.read_text(encoding="utf-8")):
            words = [quoted or "3" for quoted, _ in re.findall(r'"([^"]+)"|\((toString [^)]+)\)', listed)]
            if words[0] == "graftwatch":
                yield f"chart {path.name}", words
    for line in re.findall(r"^\s*CMD (\[.*\])$", (ROOT / "deploy/image/Dockerfile").read_text(), re.MULTILINE):
        yield "image", yaml.safe_load(line)


RUN: Final = list(_run())


@pytest.mark.parametrize(("place", "words"), RUN, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_what_is_run_can_be_run(place: str, words: list[str]) -> None:
    """The command's own parser takes it, as a whole, with the variables that it is given; a module is there."""
    assert place
    if words[0] == "python":
        assert words[1] == "-m"
        assert importlib.util.find_spec(words[2]) is not None
        assert words[2].startswith("shared.") or importlib.util.find_spec(f"{words[2]}.__main__") is not None
        return
    command, rest = _resolved(words)
    if rest == ["--help"]:
        return
    given = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    asked = [p.envvar for p in command.params if p.required and p.envvar]
    with pytest.MonkeyPatch.context() as patch:
        for name in asked:
            patch.setenv(str(name), given[str(name)])
        command.make_context(words[1], rest)


def test_every_kind_of_line_is_found() -> None:
    """Jobs and services of the compose file, jobs of the chart, the image's own check."""
    assert sum(place.startswith("compose") for place, _ in RUN) == len(READ_BY) + 3
    assert {" ".join(w) for place, w in RUN if place.startswith("chart")} == {
        "graftwatch migrate",
        "graftwatch migrate --phase pre",
        "graftwatch migrate --phase post",
        "graftwatch topics --partitions 3 --replication 3",
    }
    assert {w[0] for place, w in RUN if place == "image"} == {"graftwatch", "python"}


def _shown() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for match in _SHOWN.finditer(path.read_text(encoding="utf-8")):
            line = " ".join((match[1] or match[2]).split())
            if not _SAID.match(line):
                yield path.name, line


@pytest.mark.parametrize(("document", "line"), sorted(set(_shown())), ids=str)
def test_what_is_shown_exists(document: str, line: str) -> None:
    """The command of a document, its options, and no more arguments than it takes."""
    assert document
    for one in re.split(r"\s(?:&&|>|#|\|)\s?|(?<=\S)  +", line):
        text = re.sub(r"\[[a-z ]+\]|[\[\]…]", " ", one)
        words = [word.split("|")[0] for word in shlex.split(text)]
        if words[0] != "graftwatch":
            continue
        command, rest = _resolved(words)
        options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("-")} | {"--help"}
        assert {word for word in rest if word.startswith("-")} <= options, line
        groups = isinstance(command, TyperGroup)
        takes = sum(1 if p.nargs > 0 else 99 for p in command.params if isinstance(p, TyperArgument))
        assert not groups or not rest, f"{line}: no such command"
        assert groups or _arguments(command, rest) <= takes, line


def _arguments(command: _Command, rest: list[str]) -> int:
    """How many words are neither an option nor the value of one."""
    flags = {
        o for p in command.params if isinstance(p, TyperOption) and p.is_flag for o in (*p.opts, *p.secondary_opts)
    }
    count, value = 0, False
    for word in rest:
        if word.startswith("-"):
            value = word not in flags
        elif value:
            value = False
        else:
            count += 1
    return count


def _resolved(words: list[str]) -> tuple[_Command, list[str]]:
    """The command that the first words name, and what is left for it."""
    command: _Command = _COMMAND
    rest = words[1:]
    while rest and isinstance(command, TyperGroup) and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]  # type: ignore[assignment]
    assert command is not _COMMAND or rest == ["--help"], f"{words[1]} is no command"
    return command, rest


def _variables(kind: type[KafkaSettings]) -> set[str]:
    names = {str(f.validation_alias or n).upper() for k in (kind, TraceSettings) for n, f in k.model_fields.items()}
    return names | {f"{secret}{secret_files.SUFFIX}" for secret in secret_files.secrets_of(kind)}


@pytest.mark.parametrize("name", READ_BY)
def test_a_service_is_told_only_what_it_reads(name: str) -> None:
    """A misspelt variable would be ignored in silence: each that the compose file sets is a setting of that service."""
    told = set(_compose()[name]["environment"])
    assert told - _variables(READ_BY[name]) == set()


def test_the_chart_tells_only_what_some_service_reads() -> None:
    """Each variable that its templates spell is a setting, and no secret is spelt as a value."""
    text = "\n".join(p.read_text(encoding="utf-8") for p in (CHART / "templates").iterdir())
    told = set(re.findall(r"\{name: ([A-Z][A-Z_]+), value", text)) | set(
        re.findall(r"\{variable: ([A-Z][A-Z_]+),", text)
    )
    known = {v for kind in READ_BY.values() for v in _variables(kind)}
    assert "GRAFTWATCH_OIDC_ISSUER" in told
    assert told - known == set()
