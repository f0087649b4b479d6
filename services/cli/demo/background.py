"""The background hospital: records by an independent generator (clinosim), most of them of no interest to any trial."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from services.cli.simulate.model import ExpectedFeed, FeedMessage
from services.cli.stack import StackError
from shared import topics

SITE: Final = "general"
POPULATION: Final = 60
SEED: Final = 42
_ONE: Final = ExpectedFeed(out_of_scope=1)


class _Head(msgspec.Struct):
    resourceType: str  # noqa: N815 - FHIR's own name
    id: str


class Generation:
    """A run of the generator in its own process, so that the stack can start meanwhile; kept for later runs."""

    def __init__(self, cache: Path, as_of: date, population: int = POPULATION) -> None:
        start = as_of - timedelta(days=365)
        self._arguments = ["--country", "US", "--population", str(population), "--seed", str(SEED)]
        self._arguments += ["--start", start.isoformat(), "--end", as_of.isoformat(), "--format", "fhir-r4"]
        name = hashlib.sha256(" ".join(self._arguments).encode()).hexdigest()[:16]
        self._folder = cache / name
        self._draft = cache / f"{name}.draft"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start generating, unless an earlier run has."""
        if self._folder.exists():
            return
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(parents=True)
        program = Path(sys.executable).parent / "clinosim"
        self._process = subprocess.Popen(
            [str(program), "simulate", *self._arguments, "-o", str(self._draft)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def finish(self) -> Path:
        """Wait for it; the folder of NDJSON files."""
        if self._process is not None and self._process.wait() != 0:
            raise StackError("The background hospital could not be generated: `clinosim simulate` failed.")
        if not self._folder.exists():
            self._draft.rename(self._folder)
        return self._folder / "fhir_r4"


def messages(folder: Path, phase: int = 1) -> list[FeedMessage]:
    """Each resource of the generated hospital as one message of its topic, in the order of its files."""
    head = msgspec.json.Decoder(_Head)
    found = []
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            if line.strip():
                found.append(_message(head.decode(line), line, phase))
    return found


def _message(head: _Head, line: bytes, phase: int) -> FeedMessage:
    return FeedMessage(
        topic=topics.feed_topic(head.resourceType).name,
        key=f"{head.resourceType}/{head.id}".encode(),
        value=line,
        headers=(("site", SITE.encode()),),
        phase=phase,
        counts=_ONE,
    )
