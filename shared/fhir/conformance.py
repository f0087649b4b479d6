"""Judges whether a resource conforms to FHIR R4, in detail and slowly: off the hot path, never deciding acceptance.

`fhir.resources` judges (its R4B models, never its default, which is R5). It does not check required code bindings.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ValidationError

from shared.fhir.reading import Issue, IssueCode, Unreadable
from shared.fhir.resource import open_resource

_LONGEST_NAME: Final = 64


def judge(raw: bytes, fhir_version: Literal["R4", "R4B"] = "R4") -> tuple[Issue, ...]:
    """What does not conform, each with its path; empty where everything does. Values are never repeated."""
    del fhir_version  # R4 and R4B share every type that is read; R5 has models of its own
    try:
        type_, _ = open_resource(raw)
        model = _model(type_)
    except Unreadable as error:
        return (Issue(IssueCode.CONFORMANCE, error.path, error.says),)
    if model is None:
        return (Issue(IssueCode.CONFORMANCE, type_, "no R4B model of this type to judge by"),)
    return tuple(sorted(set(_judged(model, type_, raw))))


def _model(type_: str) -> Any | None:
    # Loading the models takes about a second: only a process that judges pays for it.
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - see above

    try:
        return get_fhir_model_class(type_)
    except ValueError:
        return None


def _judged(model: Any, type_: str, raw: bytes) -> list[Issue]:
    try:
        model.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [Issue(IssueCode.CONFORMANCE, _path(type_, each["loc"]), each["type"]) for each in found]
    except (ValueError, RecursionError) as error:
        return [Issue(IssueCode.CONFORMANCE, type_, f"not judged: {type(error).__name__}")]
    return []


def _path(type_: str, location: tuple[int | str, ...]) -> str:
    path = type_
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{_name(step)}"
    return path


def _name(step: str) -> str:
    # An unknown element's name is the sender's text.
    return step if step.isascii() and step.isidentifier() and len(step) <= _LONGEST_NAME else "?"
