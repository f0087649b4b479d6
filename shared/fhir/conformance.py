"""Judges whether a resource conforms to its version of FHIR, in detail and slowly: off the hot path, never deciding acceptance.

`fhir.resources` judges: by its R4B models, or by its default, which is R5, what is R5 by profile or shape. It does not
check required code bindings.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from shared.fhir.reading import Issue, IssueCode, Unreadable
from shared.fhir.resource import open_resource
from shared.fhir.versions import FhirVersion, detect

_LONGEST_NAME: Final = 64


def judge(raw: bytes, version: FhirVersion | None = None) -> tuple[Issue, ...]:
    """What does not conform, each with its path; empty where everything does. Values are never repeated.

    `version` is the one that it was read as, which its message or its site may have told; None: as profile or shape tell.
    """
    try:
        type_, elements = open_resource(raw)
        version = version or detect(type_, elements)
        model = _model(type_, version)
    except Unreadable as error:
        return (Issue(IssueCode.CONFORMANCE, error.path, error.says),)
    if model is None:
        return (Issue(IssueCode.CONFORMANCE, type_, f"no {version} model of this type to judge by"),)
    return tuple(sorted(set(_judged(model, type_, raw))))


def _model(type_: str, version: FhirVersion) -> Any | None:
    # Loading the models takes about a second: only a process that judges pays for it.
    from fhir import resources  # noqa: PLC0415 - see above
    from fhir.resources import R4B  # noqa: PLC0415 - see above

    try:
        return (resources if version == "R5" else R4B).get_fhir_model_class(type_)
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
