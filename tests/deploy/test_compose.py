"""The compose file, read by the loader of `docker compose` and judged by the published schema."""

from __future__ import annotations

import json
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from services.cli.installation import SERVICES
from tests.deploy import tools

FOLDER: Final = tools.ROOT / "deploy"
OURS: Final = ("intake", *SERVICES, "console")
JOBS: Final = ("roles", "migrate", "topics")


@cache
def _model() -> dict[str, Any]:
    settings = dict(
        line.split("=", 1)
        for line in (FOLDER / "compose" / "example.env").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    written = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    # The loader's own program does not hand it the environment.
    spelt = re.sub(r"\$\{(\w+):?[-?]([^}]*)\}", lambda m: settings.get(m[1]) or m[2], written)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(spelt)
        file.flush()
        done = tools.run([tools.compose_loader(), "-format", "json", file.name], cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model


def test_docker_compose_would_read_it() -> None:
    """Every reference (networks, secrets, volumes, dependencies) leads somewhere, and both forms fit the schema."""
    jsonschema.validate(_model(), tools.compose_schema())
    written = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(written, tools.compose_schema())
    assert set(_model()["services"]) == {"kafka", "postgres", "prometheus", "grafana", *OURS, *JOBS}


def test_it_is_refused_without_what_only_the_installation_knows(tmp_path: Path) -> None:
    """The message says which variable, and what it is."""
    done = tools.run([tools.compose_loader(), str(FOLDER / "compose.yaml")], cwd=tmp_path, env={})
    assert done.returncode != 0
    assert "GRAFTWATCH_" in done.stderr
    assert "https://" in done.stderr or "name@host" in done.stderr


def test_who_is_given_which_secret() -> None:
    """The crosswalk's key goes to ingest alone, and each login to one service; no secret stands in a variable."""
    services = _model()["services"]
    held = {name: {s["source"] for s in services[name].get("secrets", [])} for name in (*OURS, *JOBS)}
    assert [name for name, secrets in held.items() if "crosswalk-key" in secrets] == ["ingest"]
    assert held["intake"] == held["topics"] == set()
    logins = [secret for secrets in held.values() for secret in secrets if secret.startswith("database-url-")]
    assert len(logins) == len(set(logins)) == len(OURS) - 1 + 2
    variables = {v for s in services.values() for v in s.get("environment", {})}
    assert [v for v in variables if re.search("KEY$|PASSWORD$|SECRET$|DATABASE_URL$|SMTP_URL$", v)] == []


@pytest.mark.parametrize("name", [*OURS, *JOBS])
def test_our_containers_may_do_little(name: str) -> None:
    """A user by number, no capability, nothing to write but /tmp, bounded memory and processes."""
    service = _model()["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    limits = service["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert limits["pids"]
    assert service["restart"] == ("no" if name in JOBS else "unless-stopped")


def test_only_who_must_reaches_outside() -> None:
    """Kafka and the database lie in a network without a way out; ports are open on the loopback interface only.

    Behind them: a broker for the engine, intake, console, notify's FHIR Subscriptions, Grafana; Prometheus, which must reach
    whoever calls people.
    """
    model = _model()
    assert model["networks"]["data"]["internal"] is True
    outside = {n for n, s in model["services"].items() if set(s["networks"]) - {"data", "watching"}}
    assert outside == {"kafka", "intake", "notify", "console", "prometheus", "grafana"}
    ports = {name: s["ports"] for name, s in model["services"].items() if "ports" in s}
    assert set(ports) == {"kafka", "intake", "notify", "console", "prometheus", "grafana"}
    assert {p["host_ip"] for of_one in ports.values() for p in of_one} == {"127.0.0.1"}
    published = [p["published"] for of_one in ports.values() for p in of_one]
    assert len(published) == len(set(published))
    assert all("front" in model["services"][name]["networks"] for name in set(ports) - {"kafka"})


def test_servers_are_waited_for_until_they_answer() -> None:
    """Each server says when it is well; ours by the image's own check."""
    for name in ("kafka", "postgres", "prometheus", "grafana"):
        assert _model()["services"][name]["healthcheck"]["test"]
    # The image's server without a database, on its socket alone, must not count: the jobs would begin, and find nobody.
    asked = _model()["services"]["postgres"]["healthcheck"]["test"]
    assert asked[asked.index("--host") + 1] == "127.0.0.1"
    for name in SERVICES:
        waits = _model()["services"][name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["kafka"]["condition"] == "service_healthy"


def test_the_secrets_are_made_once(tmp_path: Path) -> None:
    """Again it changes none; what only the house knows is asked for, with exit code 1 until it is there."""
    script = tmp_path / "make-secrets.sh"
    script.write_text((FOLDER / "compose" / "make-secrets.sh").read_text(encoding="utf-8"), encoding="utf-8")
    first = tools.run(["sh", script])
    assert first.returncode == 1
    assert "missing secrets/smtp-url" in first.stderr
    made = {p: p.read_text() for p in (tmp_path / "secrets").rglob("*") if p.is_file()}
    for name in ("smtp-url", "oidc-client-secret"):
        (tmp_path / "secrets" / name).write_text("x")
    assert tools.run(["sh", script]).returncode == 0
    assert {p: p.read_text() for p in made} == made
    files = {Path(s["file"]).name for s in _model()["secrets"].values()}
    assert files <= {p.name for p in made} | {"smtp-url", "oidc-client-secret"}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
