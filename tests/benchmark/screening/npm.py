"""The npm engines as their own processes, installed into the benchmark's folder. Decides nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from tests.benchmark.screening.hospital import HOME, Hospital

Engine = Literal["cql", "fhirpath"]
_HERE: Final = Path(__file__).parent
_FOLDER: Final = HOME / "npm"


class Measured(msgspec.Struct, frozen=True):
    """What an engine found, and the CPU time that parsing and screening took."""

    version: str
    patients: int
    parse_seconds: float
    seconds: float
    eligible: set[str]


def install() -> None:
    """The engines in the versions of package.json."""
    if shutil.which("npm") is None:
        sys.exit("error: npm is not installed: the benchmark compares with engines that run on Node.js 20 or later")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "measure.mjs"):
        shutil.copyfile(_HERE / name, _FOLDER / name)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=_FOLDER, check=True)


def measure(engine: Engine, hospital: Hospital, born_by: str) -> Measured:
    """Screen every patient by one engine."""
    arguments = [engine, str(hospital.bundles.resolve()), born_by, str((_HERE / "five_criteria.cql").resolve())]
    run = subprocess.run(
        ["node", "--max-old-space-size=8192", "measure.mjs", *arguments], cwd=_FOLDER, check=True, capture_output=True
    )
    return msgspec.json.decode(run.stdout, type=Measured)
