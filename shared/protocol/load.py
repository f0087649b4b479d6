"""Reads protocol files and refuses wrong ones, all faults at once, each with file, line and place in the
file.

Decides nothing about a trial: what a file may say is `model` and `criteria`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.fhir.scope import Scope
from shared.protocol.model import Protocol
from shared.protocol.scope import scope
from shared.sites import ConfigurationError

__all__ = ["ConfigurationError", "Scope", "load", "load_file", "protocol_hash", "scope"]

_ROOT_LINE: Final = 1
_MESSAGES: Final = {
    "missing": "is missing; add it",
    "extra_forbidden": "nobody reads this key; correct its name or remove it",
    "string_type": "expected text; put a number in quotes",
}
_DECIMAL_TAG: Final = "tag:yaml.org,2002:float"


class _Reader(yaml.CSafeLoader):
    """YAML without floats: a number with a point is the Decimal that is written there."""


def _decimal(reader: yaml.CSafeLoader, node: yaml.Node) -> Decimal:
    assert isinstance(node, yaml.ScalarNode), "the resolver tags nothing else as a number"
    return Decimal(reader.construct_scalar(node))


_Reader.add_constructor(_DECIMAL_TAG, _decimal)


def load(path: Path | None = None) -> dict[str, Protocol]:
    """The protocols of a folder or of one file by id, in order of id; None: those that come with the product.

    Raises ConfigurationError naming every fault of every file.
    """
    if path is None:
        with as_file(files(__package__)) as built_in:
            return load(built_in)
    protocols: dict[str, Protocol] = {}
    faults: list[str] = []
    for file in _protocol_files(path):
        try:
            protocol = load_file(file)
        except ConfigurationError as error:
            faults.append(str(error))
            continue
        if protocol.id in protocols:
            faults.append(f"{file}: id: {protocol.id!r} is the id of another file in this folder; give it its own")
        protocols[protocol.id] = protocol
    if faults:
        raise ConfigurationError("\n".join(faults))
    return dict(sorted(protocols.items()))


def load_file(path: Path) -> Protocol:
    """One protocol file; raises ConfigurationError with one line for each fault."""
    try:
        reader = _Reader(path.read_text(encoding="utf-8"))
        node = reader.get_single_node()
        content = reader.construct_document(node) if node is not None else None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from error
    except (yaml.YAMLError, ArithmeticError, ValueError) as error:
        raise ConfigurationError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    faults = _repeated_keys(node, path)
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        told = [detail for detail in found if not _follows_from_others(detail, found)]
        faults += [_fault(path, node, d["type"], d["loc"], _words(d)) for d in told]
    if faults:
        raise ConfigurationError("\n".join(faults))
    return protocol


def protocol_hash(protocol: Protocol) -> str:
    """SHA-256 of what the protocol says, whatever the layout of its file."""
    content = json.dumps(protocol.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _protocol_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.glob("*.yaml"))
    if not found:
        raise ConfigurationError(f"{path}: no protocol files (<trial>.yaml) found there")
    return found


def _fault(path: Path, node: yaml.Node | None, kind: str, place: Sequence[int | str], message: str) -> str:
    line, known = _locate(node, place)
    if kind == "missing":
        known = f"{known}.{place[-1]}".removeprefix(".")
    return f"{path}:{line}: {known or 'the file'}: {_MESSAGES.get(kind, message).removeprefix('Value error, ')}"


def _follows_from_others(detail: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """A list is called too short too where one of its items is wrong."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found
    )


def _words(detail: ErrorDetails) -> str:
    """What was expected, where the library says it for programmers."""
    told = detail.get("ctx", {})
    match detail["type"]:
        case "union_tag_invalid":
            return f"unknown kind {told['tag']!r}: expected one of {told['expected_tags']}"
        case "string_pattern_mismatch":
            return f"expected a text of the form {told['pattern']}"
        case _:
            return detail["msg"]


def _locate(node: yaml.Node | None, place: Sequence[int | str]) -> tuple[int, str]:
    """Line and readable path of a fault; pydantic also names the kind of a criterion, which is no place in
    the file.
    """
    line, names = _ROOT_LINE, ""
    for step in place:
        inner = None if _is_kind(node, step) else _child(node, step)
        if inner is None:
            continue
        line, node = inner
        names += f"[{step}]" if isinstance(step, int) else f".{step}"
    return line, names.removeprefix(".")


def _is_kind(node: yaml.Node | None, step: int | str) -> bool:
    """Whether the step is the kind of the criterion it stands at: one kind, `biomarker`, is the name of a key too."""
    stated = _child(node, "kind")
    return stated is not None and isinstance(stated[1], yaml.ScalarNode) and stated[1].value == step


def _child(node: yaml.Node | None, step: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None


def _repeated_keys(node: yaml.Node | None, path: Path) -> list[str]:
    """A key given twice: YAML would silently take the last one."""
    faults: list[str] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if key.value in seen:
                faults.append(f"{path}:{key.start_mark.line + 1}: {key.value}: given twice; keep one of them")
            seen.add(key.value)
            faults += _repeated_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            faults += _repeated_keys(item, path)
    return faults
