"""The patients of the benchmark: a hospital by clinosim, as one Bundle per patient, the same for every engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import msgspec

HOME: Final = Path(".graftwatch/bench")
POPULATION: Final = 1500
SEED: Final = 42
TYPES: Final = ("Patient", "Condition", "Observation", "MedicationAdministration")


class _Named(msgspec.Struct):
    reference: str


class _Head(msgspec.Struct):
    resourceType: str  # noqa: N815 - FHIR's own name
    id: str
    subject: _Named | None = None

    @property
    def patient(self) -> str:
        """The id of the patient whom the resource concerns."""
        return self.id if self.subject is None else self.subject.reference.rpartition("/")[2]


class Hospital(msgspec.Struct, frozen=True):
    """Resources as bytes by patient, and the file that holds each patient's Bundle on a line."""

    resources: dict[str, list[bytes]]
    bundles: Path

    @property
    def size(self) -> int:
        """How many resources there are."""
        return sum(len(r) for r in self.resources.values())

    def parsed(self) -> dict[str, list[dict[str, Any]]]:
        """Every resource as a dict."""
        decode = msgspec.json.Decoder().decode
        return {patient: [decode(raw) for raw in raws] for patient, raws in self.resources.items()}


def hospital() -> Hospital:
    """The generated hospital; made once (three minutes) and kept for later runs."""
    folder = _generated()
    by_patient: dict[str, list[bytes]] = defaultdict(list)
    head = msgspec.json.Decoder(_Head)
    for type_ in TYPES:
        for line in (folder / f"{type_}.ndjson").read_bytes().splitlines():
            by_patient[head.decode(line).patient].append(line)
    resources = {patient: by_patient[patient] for patient in sorted(by_patient)}
    bundles = HOME / "bundles.ndjson"
    with bundles.open("wb") as file:
        for raws in resources.values():
            entries = b",".join(b'{"resource":' + raw + b"}" for raw in raws)
            file.write(b'{"resourceType":"Bundle","type":"collection","entry":[' + entries + b"]}\n")
    return Hospital(resources, bundles)


def _generated() -> Path:
    folder, draft = HOME / "clinosim", HOME / "clinosim.draft"
    if not folder.exists():
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        program = str(Path(sys.executable).parent / "clinosim")
        arguments = ["--country", "US", "--population", str(POPULATION), "--seed", str(SEED)]
        arguments += ["--start", "2024-01-01", "--end", "2024-12-31", "--format", "fhir-r4", "-o", str(draft)]
        subprocess.run([program, "simulate", *arguments], check=True, stdout=subprocess.DEVNULL)
        draft.rename(folder)
    return folder / "fhir_r4"
