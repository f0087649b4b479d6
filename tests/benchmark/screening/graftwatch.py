"""The rule as a protocol file, by this product's own reader and engine: verdicts, reasons, evidence and validity."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from services.eligibility.evaluate import evaluate
from services.eligibility.status import allows
from shared.facts import AnyFact, stamp
from shared.fhir.context import Context
from shared.fhir.keys import PlainKeys
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted
from shared.outcomes import Verdict
from shared.protocol.load import load_file, scope
from shared.protocol.model import Protocol
from shared.sites import Site
from shared.timeline import Timeline, offline
from tests.benchmark.screening.hospital import HOME

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TRIAL: Final = "camrelizumab-hcc-transplant.yaml"
_KEYS: Final = PlainKeys()
_SITE: Final = Site.model_validate({"site": "bench", "time_zone": "UTC"})


def protocol() -> Protocol:
    """A protocol file with the five criteria; what it must say of treatment, response and safety is the built-in trial's."""
    content: dict[str, Any] = yaml.safe_load((files("shared.protocol") / _TRIAL).read_text(encoding="utf-8"))
    content |= {"id": "five-criteria", "title": "Five criteria", "registry": None}
    content["screening"] = yaml.safe_load((Path(__file__).parent / "five_criteria.yaml").read_text(encoding="utf-8"))
    file = HOME / "five-criteria.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_file(file)


def reader(protocol: Protocol) -> Context:
    """What reading needs: the protocol's scope, and keys that are the ids themselves."""
    return Context(scope([protocol]), _KEYS)


def facts(raws: Iterable[bytes], context: Context) -> list[AnyFact]:
    """The facts that these resources state."""
    return [
        stamp(fact)
        for raw in raws
        for reading in read_message(raw, None, _SITE, context)
        if isinstance(reading, Accepted)
        for fact in reading.facts
    ]


def timeline(patient: str, stated: list[AnyFact]) -> Timeline:
    """One patient's timeline."""
    return offline(_KEYS.patient(_SITE.site, patient), stated, AT)


def eligible(of: Timeline, by: Protocol) -> bool:
    """Whether every criterion lets the patient in; the engine's own status also knows who has died since."""
    (outcome,) = evaluate(of, by, AT).outcomes
    return all(allows(entry) is Verdict.MET for entry in outcome.content["criteria"])
