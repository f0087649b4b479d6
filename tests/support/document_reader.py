"""A consumer written from the AsyncAPI document alone: it imports nothing of the product. Holds no rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT: Final = Path("docs/generated/asyncapi.json")
_AT: Final = "urn:asyncapi"
_SILENT_TURNS: Final = 4


@dataclass(frozen=True)
class Read:
    """One message as the document describes it, with whatever in it the document does not allow."""

    channel: str
    message: str
    id: str | None
    faults: tuple[str, ...]


class DocumentReader:
    """Reads the channels that the documented application sends, and judges each message by the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_AT, resource)
        sent = [o["channel"]["$ref"] for o in document["operations"].values() if o["action"] == "send"]
        self.channels = [ref.rsplit("/", 1)[-1] for ref in sent]

    async def read(self, servers: str) -> list[Read]:
        """Everything on those channels from their beginning to where nothing more comes."""
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", fetch_max_wait_ms=40)
        await consumer.start()
        try:
            consumer.assign(list(self._partitions()))
            await consumer.seek_to_beginning()
            found: list[Read] = []
            silent = 0
            while silent < _SILENT_TURNS:
                records = [r for part in (await consumer.getmany(timeout_ms=100)).values() for r in part]
                found += [self._judge(r) for r in records]
                silent = 0 if records else silent + 1
            return found
        finally:
            await consumer.stop()

    def _partitions(self) -> Iterator[TopicPartition]:
        for name in self.channels:
            channel = self._document["channels"][name]
            for partition in range(channel["bindings"]["kafka"]["partitions"]):
                yield TopicPartition(channel["address"], partition)

    def _judge(self, record: ConsumerRecord) -> Read:
        channel = next(n for n in self.channels if self._document["channels"][n]["address"] == record.topic)
        headers = {name: value.decode() for name, value in record.headers}
        names = [ref["$ref"].rsplit("/", 1)[-1] for ref in self._document["channels"][channel]["messages"].values()]
        fitting = [n for n in names if not self._header_faults(n, headers)]
        if len(fitting) != 1:
            return Read(
                channel, "", headers.get("ce_id"), (f"{len(fitting)} messages of the channel have such headers",)
            )
        faults = list(self._faults(f"{_AT}#/components/messages/{fitting[0]}/bindings/kafka/key", record.key.decode()))
        value = json.loads(record.value)
        faults += self._faults(f"{_AT}#/components/schemas/{fitting[0]}", value)
        faults += self._unlisted(fitting[0], value)
        return Read(channel, fitting[0], headers.get("ce_id"), tuple(faults))

    def _header_faults(self, message: str, headers: dict[str, str]) -> list[str]:
        if "headers" not in self._document["components"]["messages"][message]:
            return []
        return list(self._faults(f"{_AT}#/components/messages/{message}/headers", headers))

    def _unlisted(self, message: str, value: dict[str, Any]) -> Iterator[str]:
        """Values that are not among those that the document says are all that there are today."""
        for name, field in self._document["components"]["schemas"][message]["properties"].items():
            said = value.get(name)
            found, listed = (said, field.get("items", {})) if isinstance(said, list) else ([said], field)
            if "examples" in listed:
                yield from (
                    f"$.{name}: {v} is not listed" for v in found if v is not None and v not in listed["examples"]
                )

    def _faults(self, schema: str, value: object) -> Iterator[str]:
        validator = Draft202012Validator({"$ref": schema}, registry=self._registry, format_checker=FormatChecker())
        return (f"{error.json_path}: {error.validator}" for error in validator.iter_errors(value))


def reader() -> DocumentReader:
    """A reader of the published document."""
    return DocumentReader(json.loads(DOCUMENT.read_text(encoding="utf-8")))
