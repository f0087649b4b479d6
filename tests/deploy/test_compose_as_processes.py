"""compose.yaml without a container engine: its jobs and services as processes, on Apache Kafka and PostgreSQL with passwords."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from services.cli.demo import publish
from services.cli.demo.commands import DEMO_DATE
from services.cli.demo.run import phase_messages
from services.cli.simulate import simulate
from tests.deploy import as_processes, tools
from tests.deploy.as_processes import Composition
from tests.support import process, servers
from tests.support.database import eventually
from tests.support.process import ServiceProcess
from tests.support.sinks import MailSink, mail_sink
from tests.support.stack import running_stack

JOBS: Final = {"roles": "roles may log in", "migrate": "applied ", "topics": "created fhir-observations"}
SERVICES: Final = ("intake", "ingest", "eligibility", "response", "safety", "notify", "console")
_TOLD_WITHIN_S: Final = 240.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apache Kafka; a PostgreSQL beside it stays unused."""
    if tools.QUICK:
        pytest.skip("NOT CHECKED HERE: compose as processes is tried by `make check-deploy`, not by its quick part")
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("NOT CHECKED HERE: compose as processes: Apache Kafka needs Java and Maven")
    with running_stack(tmp_path_factory, "apache") as stack:
        yield stack.bootstrap_servers


@asynccontextmanager
async def _composed(kafka: str, folder: Path, mail: MailSink) -> AsyncIterator[Composition]:
    """PostgreSQL as its image makes one, and the operator's folder."""
    given = {"smtp-url": mail.url, "oidc-client-secret": "of-the-test"}
    with servers.server(folder) as server:
        made = as_processes.composition(folder, kafka=kafka, postgres=f"127.0.0.1:{server.port}", given=given)
        password = (made.folder / "compose/secrets/postgres-password").read_text().strip()
        await server.start()
        await server.do(f"CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '{password}'", "CREATE DATABASE graftwatch")
        yield made


async def test_it_starts_becomes_healthy_and_tells(kafka: str, tmp_path: Path) -> None:
    """Each job ends with 0, twice; each service is healthy by the image's own check; a record becomes a mail."""
    async with mail_sink() as mail, AsyncExitStack() as opened:
        composed = await opened.enter_async_context(_composed(kafka, tmp_path, mail))
        order = list(composed.in_order())
        assert set(order) == {*JOBS, *SERVICES}
        services: dict[str, ServiceProcess] = {}
        for name in order:
            if name in JOBS:
                assert JOBS[name] in _done(composed, name)
                _done(composed, name)
                continue
            command = composed.command(name)
            env = composed.environment(name)
            running = process.running(tmp_path / f"{name}.log", env, *command[1:])
            services[name] = await opened.enter_async_context(running)
        for name, service in services.items():
            try:
                await service.healthy()
            except AssertionError:
                pytest.fail(f"{name} ended:\n{(tmp_path / f'{name}.log').read_text()}")
            assert (await service.page("/alive"))[0] == 200, name
            assert (await service.page("/metrics"))[0] == 200, name
            told = composed.environment(name) | {"GRAFTWATCH_WEB_PORT": str(service.port)}
            checked = tools.run([sys.executable, "-m", "shared.runtime.healthcheck"], env=told, cwd=tools.ROOT)
            assert checked.returncode == 0, (name, checked.stdout, checked.stderr)
        simulation = simulate(date.fromisoformat(DEMO_DATE))
        for phase in (1, 2, 3):
            await publish.publish(composed.kafka, phase_messages(simulation, [], phase), 500, lambda _: None)

        async def somebody_is_told() -> bool:
            return bool(mail.received)

        await eventually(somebody_is_told, _TOLD_WITHIN_S)
        message = mail.received[0]
        assert "graftwatch@hospital.example" in str(message["From"])
        assert "https://console.example/" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def _done(composed: Composition, name: str) -> str:
    """What a job prints; it must end with 0."""
    done = subprocess.run(
        composed.command(name),
        env=composed.environment(name),
        capture_output=True,
        text=True,
        timeout=_TOLD_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, (name, done.stdout, done.stderr)
    return done.stdout
