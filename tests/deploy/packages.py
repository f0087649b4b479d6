"""`make sbom`: bill of materials, licences and known vulnerabilities of what the image holds. Decides which licences are refused.

Writes `.graftwatch/sbom/` (CycloneDX, the audit) and, with --write, `docs/licences.md`. Exit code 1: a refused licence, a known
vulnerability, or a stale page. What could not be audited is said and is no success: the same command must run where it can be.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.deploy import tools
from tests.deploy.tools import UnobtainableError

OUT: Final = tools.ROOT / ".graftwatch" / "sbom"
LOCK: Final = tools.ROOT / "deploy" / "image" / "requirements.lock"
PAGE: Final = tools.ROOT / "docs" / "licences.md"
_SECONDS: Final = "10"

REFUSED: Final = re.compile(
    r"\b(A?GPL|GNU (Affero )?General Public|SSPL|Server Side Public|BUSL|Commons Clause|UNKNOWN)\b", re.I
)
"""What may not be shipped in an image that hospitals run, or is not known."""
_BUNDLED: Final = {
    "numpy": "the wheel brings OpenBLAS (BSD-3-Clause) and libgfortran (GPL-3.0 with the GCC Runtime Library Exception)",
    "scipy": "the wheel brings OpenBLAS (BSD-3-Clause) and libgfortran (GPL-3.0 with the GCC Runtime Library Exception)",
}


def environment() -> Path:
    """The interpreter of an environment with the image's packages and nothing else."""
    folder = tools.FOLDER / "image"
    stamp = folder / "requirements.lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        tools.done("image's packages", [sys.executable, "-m", "venv", "--without-pip", folder])
        pip: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            folder / "bin" / "python",
            "install",
            "--quiet",
        ]
        tools.done("image's packages", [*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", LOCK])
        shutil.copy(LOCK, stamp)
    return folder / "bin" / "python"


def bill_of_materials() -> Path:
    """CycloneDX 1.6 of the image's packages, the same bytes for the same lock."""
    path = OUT / "graftwatch.cdx.json"
    told: list[str | Path] = ["environment", "--output-reproducible", "--spec-version", "1.6"]
    told += ["--pyproject", tools.ROOT / "pyproject.toml"]
    tools.done("bill of materials", [tools.python() / "cyclonedx-py", *told, "--output-file", path, environment()])
    return path


def licences() -> list[dict[str, str]]:
    """Name, version and licence of every package, as their metadata state it."""
    told = [f"--python={environment()}", "--from=mixed", "--with-system", "--format=json", "--order=name"]
    rows: list[dict[str, str]] = json.loads(tools.done("licences", [tools.python() / "pip-licenses", *told]))
    return [row for row in rows if row["Name"] not in ("pip", "setuptools", "graftwatch")]


def refused(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """The packages that may not be shipped."""
    return [f"{row['Name']} {row['Version']}: {row['License']}" for row in rows if REFUSED.search(row["License"])]


def page(rows: Iterable[Mapping[str, str]]) -> str:
    """`docs/licences.md`."""
    lines = [
        f"| {row['Name']} | {row['Version']} | {row['License']} | {_BUNDLED.get(row['Name'].lower(), '')} |"
        for row in rows
    ]
    return "\n".join(
        (
            "<!-- Written by `make sbom` from what the image holds; do not edit. -->",
            "",
            "# Licences of what the image holds",
            "",
            "As the packages' own metadata state them. Refused are GPL, AGPL, SSPL, BUSL and what states none",
            "(`tests/deploy/packages.py`).",
            "Graftwatch itself states none: whoever releases it must choose one. The base image (Debian, Python) has its own.",
            "",
            "| package | version | licence | besides |",
            "| --- | --- | --- | --- |",
            *lines,
            "",
        )
    )


def audit() -> tuple[list[str], list[str]]:
    """(known vulnerabilities, packages that nobody could be asked about), by pip-audit; its report is kept."""
    told = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", _SECONDS, "--format", "json"]
    done = tools.run([tools.python() / "pip-audit", *told, "--requirement", LOCK])
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise UnobtainableError(f"pip-audit: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}") from None
    (OUT / "audit.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    found = [
        f"{d['name']} {d['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'no version'}"
        for d in report["dependencies"]
        for v in d.get("vulns", ())
    ]
    return found, [d["name"] for d in report["dependencies"] if "skip_reason" in d]


def main(arguments: list[str]) -> int:
    """Write everything and say what is wrong."""
    OUT.mkdir(parents=True, exist_ok=True)
    rows = licences()
    print(f"bill of materials: {bill_of_materials().relative_to(tools.ROOT)}")
    faults = [f"refused licence: {row}" for row in refused(rows)]
    if "--write" in arguments:
        PAGE.write_text(page(rows), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(rows):
        faults.append(f"{PAGE.relative_to(tools.ROOT)} is stale: run `make sbom`")
    print(f"licences: {len(rows)} packages, {len(faults)} faults")
    try:
        found, unasked = audit()
    except UnobtainableError as error:
        found, unasked = [], [str(error)]
    faults += [f"known vulnerability: {one}" for one in found]
    if unasked:
        print(
            f"NOT AUDITED HERE: {len(unasked)} packages, as the index in use tells of no vulnerabilities",
            file=sys.stderr,
        )
    else:
        print(f"vulnerabilities: {len(found)} known")
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
