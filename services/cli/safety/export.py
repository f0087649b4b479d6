"""`graftwatch safety-export DIR`: cases as FHIR, E2B(R3) elements and SDTM. Decides nothing: others' words, our files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from services.cli.eligibility import source
from services.cli.safety.report import At, every_timeline
from services.cli.stack import StackError
from services.safety import tables
from services.safety.evaluate import evaluate
from services.safety.icsr import case_file, is_nullified
from services.safety.icsr_xml import message
from services.safety.treated import Treated, treated
from shared.fhir.out import safety as fhir
from shared.outcomes import Outcome
from shared.protocol.model import Protocol
from shared.runtime import clock
from shared.sdtm.dataset import to_csv, to_dataset_json

_Evaluated = list[tuple[Treated, tuple[Outcome, ...]]]


def safety_export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    at: At = None,
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
    sender: Annotated[str | None, typer.Option(help="Sender of the ICSR, as registered with the authority.")] = None,
    receiver: Annotated[str | None, typer.Option(help="Receiver of the ICSR, as the authority names itself.")] = None,
) -> None:
    """Write AdverseEvent (R4, R5) and DetectedIssue as NDJSON, each case as E2B(R3) JSON and ICSR XML, SDTM AE and LB."""
    asked, when = source.chosen(protocol, protocols), source.at_of(at) or clock.wall()
    timelines = every_timeline(home, demo)
    for one in asked.values():
        found = [(p, evaluate(t, one, when).outcomes) for t in timelines if (p := treated(t, one, when)) is not None]
        target = folder / one.id if len(asked) > 1 else folder
        try:
            for path, content in files(found, one, when, sender, receiver):
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
                typer.echo(str(place))
        except OSError as error:
            raise StackError(f"{target}: cannot be written ({error.strerror})") from None


def files(
    found: _Evaluated, protocol: Protocol, at: datetime, sender: str | None = None, receiver: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Every file by its name in the folder."""
    cases = [(p, o) for p, outcomes in found for o in outcomes if o.kind == "adverse-event"]
    standing = [(p, o) for p, o in cases if o.content["status"] != "refuted" and o.content["merged_into"] is None]
    levels = [
        (p, o) for p, outcomes in found for o in outcomes if o.kind == "rejection" and o.content["level"] != "none"
    ]
    r4 = [fhir.adverse_event_r4(p.timeline.patient, o, protocol) for p, o in standing]
    r5 = [fhir.adverse_event_r5(p.timeline.patient, o, protocol) for p, o in standing]
    issues = [fhir.detected_issue(p.timeline.patient, o) for p, o in levels]
    yield "AdverseEvent.R4.ndjson", _ndjson(r4)
    yield "AdverseEvent.R5.ndjson", _ndjson(r5)
    yield "DetectedIssue.ndjson", _ndjson(issues)
    nullified = [(p, o) for p, o in cases if is_nullified(o.content) and o.content["merged_into"] is None]
    for patient, case in (*standing, *nullified):
        file = case_file(case, patient, at, _died_on(patient, case, cases))
        name = f"cases/{case.content['case_id']}"
        yield f"{name}.json", msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
        yield f"{name}.xml", message(file["elements"], sender, receiver)
    study = protocol.registry or protocol.id
    for dataset in (tables.adverse_events(found, study), tables.laboratory([p for p, _ in found], study)):
        yield f"{dataset.name.lower()}.csv", to_csv(dataset).encode()
        yield f"{dataset.name.lower()}.json", to_dataset_json(dataset, study, at)


def _died_on(patient: Treated, case: Outcome, cases: list[tuple[Treated, Outcome]]) -> str | None:
    """The date of the death that a case is, or ended in."""
    if case.subject != "death" and "death" not in case.content["parts"]:
        return None
    deaths = [o for p, o in cases if p is patient and o.subject == "death"]
    return next((o.content["onset_on"] for o in deaths), None)


def _ndjson(resources: list[Any]) -> bytes:
    return b"".join(resource.model_dump_json(exclude_none=True).encode() + b"\n" for resource in resources)
