"""Decides what is shown of a stack: the state of each part, and where its log is.

It does not change anything.
"""

from __future__ import annotations

from pathlib import Path

from services.cli.stack import broker, external, ports, postgres, processes
from services.cli.stack.health import is_healthy
from services.cli.stack.model import Broker, Database, PartState, PartStatus, Process, StackError
from services.cli.stack.state import load


def status(home: Path) -> list[PartStatus]:
    """Each part: running; stopped; or failed, when it should run but has ended or does not answer."""
    home = home.resolve()
    state = load(home)
    services = [
        _status(name, one.process, f"http://{ports.HOST}:{one.port}", is_healthy(one.port))
        for name, one in sorted(state.services.items())
    ]
    return [_database_status(state.database), _broker_status(state.broker), *services]


def logs(home: Path, part: str) -> Path:
    """The log of a part, past runs included."""
    path = processes.log_file(home.resolve(), part)
    if not path.exists():
        known = ", ".join(logged_parts(home)) or "none yet"
        raise StackError(f"There is no log of a part {part!r} in {path.parent}. Parts with a log: {known}.")
    return path


def logged_parts(home: Path) -> list[str]:
    return sorted(path.stem for path in (home / "logs").glob("*.log"))


def _database_status(database: Database | None) -> PartStatus:
    if database is None:
        return PartStatus(postgres.PART, "stopped", None, None)
    address = external.database_address(database.url)
    if database.process is None:
        return PartStatus(postgres.PART, _state(external.refusal(database.url) is None), None, address)
    return _status(postgres.PART, database.process, address, ports.answers(database.port))


def _broker_status(server: Broker | None) -> PartStatus:
    if server is None:
        return PartStatus(broker.PART, "stopped", None, None)
    if server.process is None:
        reached = broker.cluster_id(server.bootstrap_servers, external.security()) is not None
        return PartStatus(broker.PART, _state(reached), None, server.bootstrap_servers)
    return _status(broker.PART, server.process, server.bootstrap_servers, ports.answers(server.port))


def _status(part: str, process: Process, address: str, answers: bool) -> PartStatus:
    alive = processes.is_alive(process)
    return PartStatus(part, _state(alive and answers), process.pid if alive else None, address)


def _state(answers: bool) -> PartState:
    return "running" if answers else "failed"
