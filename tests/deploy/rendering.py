"""Renders the chart by Helm and reads what came out. Decides nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy import tools

CHART: Final = Path("deploy/helm/graftwatch")
VALUE_SETS: Final = tuple(sorted(path.stem for path in (tools.ROOT / CHART / "ci").glob("*.yaml")))

Document = dict[str, Any]


def helm(arguments: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """What Helm says."""
    return tools.run([tools.helm(), *arguments], cwd=tools.ROOT)


def template(values: str, *more: str) -> subprocess.CompletedProcess[str]:
    """`helm template` with one of the value sets, as a release `gw` in the namespace `trials`."""
    file = CHART / "ci" / f"{values}.yaml"
    # A Helm that was built by itself believes in an old Kubernetes.
    version = ["--kube-version", tools.KUBERNETES]
    return helm(["template", "gw", CHART, "--namespace", "trials", *version, "--values", file, *more])


@cache
def documents(values: str, *more: str) -> tuple[Document, ...]:
    """What the chart makes of a value set."""
    done = template(values, *more)
    assert done.returncode == 0, done.stderr
    return tuple(d for d in yaml.safe_load_all(done.stdout) if d)


def of_kind(values: str, kind: str, *more: str) -> dict[str, Document]:
    """The objects of one kind by name."""
    return {d["metadata"]["name"]: d for d in documents(values, *more) if d["kind"] == kind}


def container(deployment: Document) -> Document:
    """The only container of a Deployment or Job."""
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    found: Document = only
    return found
