"""The published AsyncAPI document, judged by the schema of those who wrote AsyncAPI."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema

from shared import contracts
from tests.deploy import tools


def _faults(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(tools.asyncapi_schema(contracts.ASYNCAPI_VERSION))
    return ["/".join(map(str, error.absolute_path)) for error in validator.iter_errors(document)]


def test_the_document_of_all_topics_is_valid_asyncapi() -> None:
    """Every field is one that AsyncAPI 3 has there; one that it has not, in a channel or a message, is found."""
    document = contracts.asyncapi()
    assert _faults(document) == []
    channel, message = copy.deepcopy(document), copy.deepcopy(document)
    channel["channels"]["safety-events"]["adress"] = "safety-events"
    assert _faults(channel) == ["channels/safety-events"]
    next(iter(message["components"]["messages"].values()))["payloads"] = {}
    assert _faults(message)
