"""Runs what compose.yaml describes as plain processes: its commands, variables, secrets and files; no image, no network.

What a container engine alone can show (isolation, limits, names of hosts) is not shown by it. Decides nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy import tools
from tests.support import process

DEPLOY: Final = tools.ROOT / "deploy"
_DEFAULT: Final = re.compile(r"\$\{(\w+):?[-?]([^}]*)\}")
_ENV: Final = re.compile(r"^\s*(?:ENV )?(GRAFTWATCH_\w+)=(\S+)", re.MULTILINE)
_HERE: Final = {"GRAFTWATCH_WEB_HOST": "127.0.0.1"}


@dataclass(frozen=True)
class Composition:
    """The folder that an operator would have after make-secrets.sh, and where Kafka and PostgreSQL really are."""

    folder: Path
    services: Mapping[str, Any]
    secrets: Mapping[str, Any]
    kafka: str

    def environment(self, name: str) -> dict[str, str]:
        """What the process of this service is told."""
        service, places = self.services[name], self._places(name)
        image = dict(_ENV.findall((DEPLOY / "image" / "Dockerfile").read_text(encoding="utf-8")))
        told = image | {k: "" if v is None else str(v) for k, v in service.get("environment", {}).items()} | _HERE
        return process.clean_environment() | {k: self._placed(v, places) for k, v in told.items()}

    def command(self, name: str) -> list[str]:
        """Its command on this machine."""
        words = [self._placed(word, self._places(name)) for word in self.services[name]["command"]]
        if words[0] == "graftwatch":
            return [sys.executable, "-c", "from services.cli.main import main; main()", *words[1:]]
        return [sys.executable, *words[1:]]

    def in_order(self) -> Iterator[str]:
        """Ours, each after what it depends on."""
        done: list[str] = []
        ours = [
            name
            for name, service in self.services.items()
            if service.get("command", [""])[0] in ("graftwatch", "python")
        ]

        def visit(name: str) -> None:
            for before in self.services[name].get("depends_on", ()):
                if before in ours and before not in done:
                    visit(before)
            if name not in done:
                done.append(name)

        for name in ours:
            visit(name)
        yield from done

    def _places(self, name: str) -> dict[str, str]:
        service = self.services[name]
        places = {v["target"]: str((self.folder / v["source"]).resolve()) for v in service.get("volumes", [])}
        for secret in service.get("secrets", []):
            source, target = (secret, secret) if isinstance(secret, str) else (secret["source"], secret["target"])
            places[f"/run/secrets/{target}"] = str((self.folder / self.secrets[source]["file"]).resolve())
        return places

    def _placed(self, value: str, places: Mapping[str, str]) -> str:
        """A path of the container as one of this machine, the broker's name as its address."""
        if value in places:
            return places[value]
        return self.kafka if value == "kafka:9092" else value


def composition(folder: Path, *, kafka: str, postgres: str, given: Mapping[str, str]) -> Composition:
    """Compose's files and their secrets in a folder of their own; `given` are those that only the house knows."""
    deploy = folder / "deploy"
    shutil.copytree(DEPLOY, deploy, ignore=shutil.ignore_patterns("secrets", ".env", "helm", "kafka"))
    secrets = deploy / "compose" / "secrets"
    secrets.mkdir()
    for name, value in given.items():
        (secrets / name).write_text(value)
    subprocess.run(["sh", deploy / "compose" / "make-secrets.sh"], check=True, capture_output=True)
    for path in secrets.glob("database-url-*"):
        text = path.read_text().replace("@postgres:5432/", f"@{postgres}/")
        path.chmod(0o600)
        path.write_text(text)
    example = (deploy / "compose" / "example.env").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in example if line and not line.startswith("#"))
    written = (deploy / "compose.yaml").read_text(encoding="utf-8")
    model = yaml.safe_load(_DEFAULT.sub(lambda m: settings.get(m[1]) or m[2], written))
    return Composition(deploy, model["services"], model["secrets"], kafka)
