"""`graftwatch check` and `graftwatch screen`: the services' own pure functions on files; no stack, nothing is written.

Decides nothing: what a file's resources mean is decided by the same code as on the feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from services.cli import wording
from services.cli.eligibility import source, whatif
from services.cli.stack import StackError
from services.eligibility import evaluate as eligibility
from services.ingest import batch
from services.ingest.batch import Delivered
from services.ingest.messages import FeedMessage
from services.ingest.reader import Crosswalk, Reader
from services.ingest.versions import resolve
from shared.facts import AnyFact
from shared.fhir.keys import PlainKeys
from shared.fhir.reading import Accepted, Rejected
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import clock
from shared.runtime.settings import instant
from shared.sites import Site
from shared.sites import load as load_sites
from shared.timeline import offline

Files = Annotated[list[Path], typer.Argument(help="FHIR resources: JSON, NDJSON or Bundles.")]
SiteName = Annotated[str | None, typer.Option("--site", help="Read them as this site's (its codes and limits).")]
SiteFolder = Annotated[Path, typer.Option("--sites", help="Folder of site files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]
DEFAULT_SITES: Final = Path("deploy/sites")
_NOBODYS_SITE: Final = Site(site="files", time_zone="UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _TypedKeys(PlainKeys):
    """Tells Observation/1 from Condition/1 where versions are told apart."""

    def record(self, site: str, type_: str, id_: str) -> str:
        return f"{type_}/{super().record(site, type_, id_)}"


class Checked(msgspec.Struct, frozen=True):
    """What became of one resource of a file."""

    file: str
    line: int
    """Line of an NDJSON file; 1 otherwise."""
    entry: int
    """Entry of a Bundle; 0 otherwise."""
    resource: str
    outcome: str
    why: list[str]


@dataclass(frozen=True)
class _Files:
    """Files read as one site's feed."""

    reader: Reader
    messages: dict[tuple[str, int], FeedMessage]

    def delivered(self) -> Iterator[tuple[str, int, Delivered]]:
        """Every resource with its file and line, Medications of other files at hand."""
        crosswalk = Crosswalk()
        for m in self.messages.values():  # once for what the Patients state of themselves
            stated = batch.identifiers(self.reader.read(m, crosswalk))
            crosswalk.known |= {(site, identifier): patient for site, identifier, patient in stated}
        found = [(file, line, d) for (file, line), m in self.messages.items() for d in self.reader.read(m, crosswalk)]
        medications = {
            self.reader.keys.record(d.reading.record.site, batch.MEDICATION, d.reading.record.id): d.reading.raw
            for _, _, d in found
            if isinstance(d.reading, Accepted) and d.reading.record.type == batch.MEDICATION
        }
        for file, line, d in found:
            yield file, line, self.reader.complete(d, medications, crosswalk)


def check(files: Files, site: SiteName = None, sites: SiteFolder = DEFAULT_SITES, as_json: AsJson = False) -> None:
    """Say of each resource whether it would be accepted, accepted with issues, rejected or out of scope, and why.

    Exit code 1 if any is rejected.
    """
    read = _open(files, site, sites, protocol_files.load(None))
    checked = [_checked(file, line, d) for file, line, d in read.delivered()]
    if as_json:
        typer.echo(msgspec.json.encode(checked))
    else:
        for c in checked:
            why = f": {'; '.join(c.why)}" if c.why else ""
            typer.echo(f"{_place(c)} {c.resource} {c.outcome.replace('_', ' ')}{why}")
    if any(c.outcome == "rejected" for c in checked):
        raise typer.Exit(1)


def screen(
    files: Annotated[list[Path] | None, typer.Argument(help="FHIR resources: JSON, NDJSON or Bundles.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol id or file; the built-in ones otherwise.")] = None,
    at: Annotated[str | None, typer.Option(help="Date or instant to screen at; now otherwise.")] = None,
    site: SiteName = None,
    sites: SiteFolder = DEFAULT_SITES,
    as_json: AsJson = False,
    cohort: Annotated[
        bool,
        typer.Option("--cohort", help="Not files: every patient of the database, writing nothing; who would move."),
    ] = False,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
) -> None:
    """Screen the patients of the files: status, each criterion with outcome, evidence, and what is missing.

    With --cohort, try the protocol on every patient of the database instead, and show who would move.
    """
    chosen = _protocols(protocol)
    if cohort:
        _screen_cohort(chosen, source.at_of(at), home, demo, as_json)
        return
    if not files:
        raise StackError("Name the files to screen, or --cohort for every patient of the database.")
    when = _at(at)
    read = _open(files, site, sites, chosen)
    delivered = [(file, line, d) for file, line, d in read.delivered()]
    timelines = _facts(d for _, _, d in delivered)
    unread = [_checked(f, n, d) for f, n, d in delivered if isinstance(d.reading, Rejected)]
    screened = [_screened(patient, facts, p, when) for patient, facts in timelines.items() for p in chosen.values()]
    if as_json:
        typer.echo(msgspec.json.encode({"patients": screened, "rejected": unread}))
    else:
        _show(screened, unread)
    if not screened:
        raise StackError("The files name no patient; `graftwatch check` says what became of each resource.")


def _screen_cohort(chosen: Mapping[str, Protocol], at: datetime | None, home: Path, demo: bool, as_json: bool) -> None:
    in_force = protocol_files.load(None)
    for tried in chosen.values():
        whatif.show(whatif.screen_cohort(tried, in_force, at, home, demo), as_json)


def _open(files: Iterable[Path], site: str | None, folder: Path, protocols: Mapping[str, Protocol]) -> _Files:
    as_site = _NOBODYS_SITE
    if site is not None:
        known = load_sites(folder)
        if site not in known:
            raise StackError(f"--site: {site!r} is none of {', '.join(sorted(known))} (in {folder})")
        as_site = known[site]
    reader = Reader({as_site.site: as_site}, protocol_files.scope(protocols.values()), PlainKeys())
    return _Files(reader, dict(_messages(files, as_site.site)))


def _messages(files: Iterable[Path], site: str) -> Iterator[tuple[tuple[str, int], FeedMessage]]:
    offset = 0
    for path in files:
        for line, raw in _lines(path):
            yield (str(path), line), FeedMessage("", str(path), 0, offset, None, raw, {"site": site}, _EPOCH)
            offset += 1


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StackError(f"{path}: cannot be read ({error.strerror})") from None
    if path.suffix not in (".ndjson", ".jsonl"):
        yield 1, content
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield number, line


def _checked(file: str, line: int, d: Delivered) -> Checked:
    outcome, reason = batch.outcome(d.reading)
    match d.reading:
        case Rejected(path=path, says=says, record=record):
            why = [f"{reason} at {path}: {says}"]
        case Accepted(issues=issues, record=record):
            why = [f"{i.code.value} at {i.path}: {i.says}" for i in issues]
        case other:
            record, why = other.record, []
    return Checked(file, line, d.entry, f"{record.type}/{record.id}" if record else "-", outcome, why)


def _place(checked: Checked) -> str:
    line = f":{checked.line}" if checked.line > 1 else ""
    return f"{checked.file}{line}[{checked.entry}]" if checked.entry else f"{checked.file}{line}"


def _facts(delivered: Iterable[Delivered]) -> dict[tuple[str, UUID], list[AnyFact]]:
    """The facts that stand of each patient (reference and key) when all versions have been applied."""
    versions = batch.versions(delivered, _TypedKeys())
    ids = {v.patient: f"Patient/{v.patient_id}" for v in versions if v.patient is not None}
    found: dict[tuple[str, UUID], list[AnyFact]] = {(ids[p], p): [] for p in ids}
    for patient, fact in resolve(versions, {}, {}).added:
        found[ids[patient], patient].append(fact)
    return dict(sorted(found.items()))


def _screened(patient: tuple[str, UUID], facts: list[AnyFact], protocol: Protocol, at: datetime) -> dict[str, Any]:
    reference, key = patient
    timeline = offline(key, facts, at)
    evaluation = eligibility.evaluate(timeline, protocol, at)
    (outcome,) = [o for o in evaluation.outcomes if o.kind == eligibility.KIND]
    return {
        "patient": reference,
        "protocol": protocol.id,
        "at": at.isoformat(),
        "valid_until": evaluation.valid_until.isoformat() if evaluation.valid_until else None,
        **outcome.content,
        "evidence": msgspec.to_builtins(outcome.evidence),
    }


def _show(screened: list[dict[str, Any]], unread: list[Checked]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for patient in screened:
        console.print(
            f"[bold]{escape(patient['patient'])}[/bold] {patient['protocol']} at {patient['at']}: "
            f"[bold]{patient['status'].replace('_', ' ')}[/bold]"
        )
        for line in wording.criteria(patient["criteria"]):
            console.print(escape(line))
    for c in unread:
        console.print(f"not read: {escape(_place(c))} {escape(c.resource)}: {escape('; '.join(c.why))}")


def _protocols(stated: str | None) -> dict[str, Protocol]:
    built_in = protocol_files.load(None)
    if stated is None:
        return built_in
    if stated in built_in:
        return {stated: built_in[stated]}
    path = Path(stated)
    if not path.exists():
        raise StackError(f"--protocol: {stated!r} is neither a file nor one of {', '.join(built_in)}")
    loaded = protocol_files.load_file(path)
    return {loaded.id: loaded}


def _at(stated: str | None) -> datetime:
    try:
        return clock.wall() if stated is None else instant(stated)
    except ValueError as error:
        raise StackError(f"--at: {error}") from None
