"""The local stack with its real servers: started, killed, repaired, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from typer.testing import CliRunner

from services.cli.stack import (
    PartStatus,
    Stack,
    StackError,
    TopicSpec,
    create_topics,
    current,
    down,
    logs,
    start_services,
    status,
    stop_services,
    up,
)
from services.cli.stack import apache as apache_kafka
from services.cli.stack.commands import stack_app
from services.cli.stack.processes import wait_until
from tests.support.stack import BROKER_VARIABLE, processes_of, stack_home, without_users_own_servers

TOPICS = [TopicSpec("fhir-observations", 3), TopicSpec("dead-letters", 1, {"retention.ms": "86400000"})]

ECHO_SERVICE = """
import http.server, os

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(os.environ["GRAFTWATCH_FEED_EPOCH"].encode())

print("echo is starting", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["GRAFTWATCH_WEB_PORT"])), Health).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with without_users_own_servers(), stack_home(tmp_path / "stack of this test") as folder:
        yield folder


@pytest.fixture
def service_env(tmp_path: Path) -> dict[str, str]:
    """An environment in which `python -m services.echo` is a service, and `services.broken` ends at once."""
    package = tmp_path / "code" / "services"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "echo.py").write_text(ECHO_SERVICE)
    (package / "broken.py").write_text("raise SystemExit('the setting GRAFTWATCH_SITES is missing')")
    return {"PYTHONPATH": str(package.parent)}


def test_up_gives_a_database_and_a_broker_with_topics(home: Path) -> None:
    """After `up`, SQL runs in the database and the topics exist with the partitions asked for."""
    stack = up(home, topics=TOPICS)
    assert _query(stack, "SELECT current_database()") == "graftwatch"
    assert _partitions(stack) == {"fhir-observations": 3, "dead-letters": 1}
    assert [part.state for part in status(home)] == ["running", "running"]


def test_second_up_changes_nothing(home: Path) -> None:
    """`up` on a running stack starts no process and returns the same stack."""
    first = up(home, topics=TOPICS)
    assert up(home, topics=TOPICS) == first
    assert current(home) == first


def test_creating_topics_again_leaves_them_as_they_are(home: Path) -> None:
    """A topic that exists keeps its partitions, and the missing one is created."""
    stack = up(home, topics=TOPICS[:1])
    create_topics(stack.bootstrap_servers, [TopicSpec("fhir-observations", 7), TOPICS[1]])
    assert _partitions(stack) == {"fhir-observations": 3, "dead-letters": 1}


def test_killed_postgres_comes_back_with_its_data_and_address(home: Path) -> None:
    """After `kill -9` of the postmaster, `up` restarts it at its old address with all committed rows."""
    before = up(home)
    _query(before, "CREATE TABLE kept AS SELECT 42 AS value")
    _kill(before.pids["postgres"])
    assert _state(home, "postgres") == "failed"
    after = up(home)
    assert _query(after, "SELECT value FROM kept") == 42
    assert after.database_url == before.database_url
    assert after.pids["broker"] == before.pids["broker"]


def test_postgres_comes_back_beside_a_busy_child_of_the_killed_one(home: Path) -> None:
    """A session still computing when the postmaster is killed does not keep the new server from starting."""
    stack = up(home)
    _query(stack, "CREATE TABLE kept AS SELECT 42 AS value")
    caller = threading.Thread(target=_compute_for_minutes, args=(stack,))
    caller.start()
    postmaster = psutil.Process(stack.pids["postgres"])
    assert wait_until(lambda: any("DO" in " ".join(one.cmdline()) for one in postmaster.children()), 10)
    _kill(postmaster.pid)
    assert _query(up(home), "SELECT value FROM kept") == 42
    caller.join(timeout=10)
    assert not caller.is_alive()


def test_killed_broker_comes_back_empty_at_its_address_in_a_new_epoch(home: Path) -> None:
    """The embedded broker restarts at its address, with the topics asked for, and a new epoch tells of it."""
    before = up(home, topics=TOPICS)
    _kill(before.pids["broker"])
    assert _state(home, "broker") == "failed"
    after = up(home, topics=TOPICS[:1])
    assert after.bootstrap_servers == before.bootstrap_servers
    assert after.feed_epoch != before.feed_epoch
    assert _partitions(after) == {"fhir-observations": 3}
    assert after.pids["postgres"] == before.pids["postgres"]


def test_down_leaves_data_but_no_process(home: Path) -> None:
    """After `down` nothing of the stack runs, and the next `up` finds the rows again."""
    stack = up(home)
    _query(stack, "CREATE TABLE kept AS SELECT 42 AS value")
    assert processes_of(home)
    down(home)
    assert processes_of(home) == []
    assert [part.state for part in status(home)] == ["stopped", "stopped"]
    assert _query(up(home), "SELECT value FROM kept") == 42


def test_down_twice_and_down_before_any_up_are_harmless(home: Path) -> None:
    """`down` of what does not run is no error."""
    down(home)
    up(home)
    down(home)
    down(home)
    assert processes_of(home) == []


def test_damaged_state_file_is_repaired(home: Path, service_env: dict[str, str]) -> None:
    """With its state unreadable, `up` ends the processes it has lost sight of, and keeps the data."""
    _query(up(home), "CREATE TABLE kept AS SELECT 42 AS value")
    start_services(home, ["echo"], service_env)
    lost = _pids(home)
    (home / "stack.json").write_text('{"database": ')
    with pytest.raises(StackError, match=r"stack\.json is damaged.*stack up"):
        status(home)
    said: list[str] = []
    found = up(home, progress=said.append)
    assert _query(found, "SELECT value FROM kept") == 42
    assert any("state file was damaged" in line for line in said)
    assert not any(_runs(pid) for pid in lost.values())


def test_stranger_with_the_pid_of_a_part_is_left_alone(home: Path) -> None:
    """A process that has since got the pid of a killed broker is neither taken for it nor ended."""
    _kill(up(home).pids["broker"])
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        state = json.loads((home / "stack.json").read_text())
        an_hour_before = state["broker"]["process"]["started"] - 3600
        state["broker"]["process"] = {"pid": stranger.pid, "started": an_hour_before}
        (home / "stack.json").write_text(json.dumps(state))
        assert _state(home, "broker") == "failed"
        assert up(home).pids["broker"] != stranger.pid
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_port_taken_by_another_program_is_avoided(home: Path) -> None:
    """When another program holds a part's last port, the part takes another, and `up` says so."""
    before = up(home)
    down(home)
    with socket.create_server(("127.0.0.1", _port(before.bootstrap_servers))):
        said: list[str] = []
        after = up(home, progress=said.append)
    assert after.bootstrap_servers != before.bootstrap_servers
    assert after.database_url == before.database_url
    assert any("is taken by another program" in line for line in said)


def test_unreachable_database_of_the_users_own_is_named_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error for an unreachable DATABASE_URL names host, port and remedy, and no password."""
    port = _closed_port()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://someone:secret-word@127.0.0.1:{port}/trial")
    with pytest.raises(StackError) as caught:
        up(home)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "connection refused" in str(caught.value)
    assert "correct DATABASE_URL" in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_unreachable_broker_of_the_users_own_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for an unreachable KAFKA_BOOTSTRAP_SERVERS names it and what to do."""
    servers = f"127.0.0.1:{_closed_port()}"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    with pytest.raises(StackError, match=rf"{servers}.*correct KAFKA_BOOTSTRAP_SERVERS"):
        up(home)


def test_users_own_servers_are_used_and_left_alone(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both variables set, `up` starts nothing, uses what they name, and `down` stops nothing."""
    theirs = up(home)
    with monkeypatch.context() as patch, stack_home(tmp_path / "second") as second:
        patch.setenv("DATABASE_URL", theirs.database_url)
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", theirs.bootstrap_servers)
        ours = up(second, topics=TOPICS)
        states = [(part.state, part.pid) for part in status(second)]
    assert (ours.database_url, ours.broker, ours.pids) == (theirs.database_url, "external", {})
    assert ours.feed_epoch == theirs.feed_epoch
    assert states == [("running", None), ("running", None)]
    assert _partitions(theirs) == {"fhir-observations": 3, "dead-letters": 1}


def test_prepare_is_called_with_everything_reachable(home: Path) -> None:
    """The hook for the schema finds a database that answers and the topics created."""
    seen: list[tuple[object, set[str]]] = []
    up(
        home,
        topics=TOPICS,
        prepare=lambda stack: seen.append((_query(stack, "SELECT 1"), set(_partitions(stack)))),
    )
    assert seen == [(1, {"fhir-observations", "dead-letters"})]


def test_two_ups_at_once_start_one_stack(home: Path) -> None:
    """Of two simultaneous `up` commands one waits for the other, and both see the same processes."""
    command = [sys.executable, "-c", f"from pathlib import Path\n{_UP_AND_PRINT}", str(home)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(one.communicate(timeout=60)[0]) for one in both]
    assert answers[0] == answers[1] == _pids(home)


def test_stack_outlives_the_command_and_does_not_hold_its_output(home: Path) -> None:
    """The command's output reaches its end while the stack goes on running."""
    command = [sys.executable, "-c", f"from pathlib import Path\n{_UP_AND_PRINT}", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert all(_runs(pid) for pid in json.loads(done.stdout).values())


def test_secrets_are_readable_by_their_owner_only(home: Path) -> None:
    """State file and password have mode 600, and the server refuses a wrong password."""
    stack = up(home)
    for name in ("stack.json", "postgres/password"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    url = stack.database_url.replace("graftwatch:", "graftwatch:wrong", 1)
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(url))


def test_database_log_shows_no_value_of_a_failed_statement(home: Path) -> None:
    """A statement that fails leaves neither its text nor the row's values in the log."""
    stack = up(home)
    _query(stack, "CREATE TABLE patient (name text PRIMARY KEY)")
    for _ in range(2):
        try:
            _query(stack, "INSERT INTO patient VALUES ('Quux') RETURNING 1")
        except asyncpg.UniqueViolationError:
            break
    assert "duplicate key" in logs(home, "postgres").read_text()
    assert "Quux" not in logs(home, "postgres").read_text()


def test_service_runs_until_it_is_stopped(home: Path, service_env: dict[str, str]) -> None:
    """A service is given the stack's addresses, is healthy, logs to its file, and can be stopped alone."""
    stack = up(home)
    addresses = start_services(home, ["echo"], service_env)
    assert _get(addresses["echo"]) == stack.feed_epoch
    assert _state(home, "echo") == "running"
    assert "echo is starting" in logs(home, "echo").read_text()
    assert start_services(home, ["echo"], service_env) == addresses
    stop_services(home, ["echo"])
    assert [part.part for part in status(home)] == ["postgres", "broker"]


def test_killed_service_is_repaired_by_up(home: Path, service_env: dict[str, str]) -> None:
    """After `kill -9` of a service, `up` starts it again at its address."""
    up(home)
    addresses = start_services(home, ["echo"], service_env)
    _kill(_pids(home)["echo"])
    assert _state(home, "echo") == "failed"
    up(home)
    assert _state(home, "echo") == "running"
    assert start_services(home, ["echo"], service_env) == addresses


def test_service_is_restarted_on_a_new_broker(home: Path, service_env: dict[str, str]) -> None:
    """A service that was told of a broker now gone is started anew with the present feed epoch."""
    up(home)
    addresses = start_services(home, ["echo"], service_env)
    _kill(_pids(home)["broker"])
    after = up(home)
    assert _get(addresses["echo"]) == after.feed_epoch


def test_service_that_ends_at_once_is_an_error_with_its_last_words(home: Path, service_env: dict[str, str]) -> None:
    """A service that does not start fails the command with the end of its log."""
    up(home)
    with pytest.raises(StackError, match=r"broken did not start[^$]*GRAFTWATCH_SITES is missing"):
        start_services(home, ["broken"], service_env)


def test_services_need_a_stack(home: Path) -> None:
    """Services are refused before `up`, and after a server has been killed, with the remedy."""
    with pytest.raises(StackError, match="Start it with `graftwatch stack up`"):
        start_services(home, ["echo"], {})
    _kill(up(home).pids["broker"])
    with pytest.raises(StackError, match="broker has ended"):
        start_services(home, ["echo"], {})


def test_terminal_commands(home: Path) -> None:
    """`up`, `status`, `logs` and `down` work from the terminal; an error is a line without a traceback."""
    in_home = ["--home", str(home)]
    terminal = CliRunner()
    assert "running" in terminal.invoke(stack_app, ["up", *in_home]).output
    shown = terminal.invoke(stack_app, ["status", "--json", *in_home])
    assert [part["state"] for part in json.loads(shown.output)] == ["running", "running"]
    assert "ready to accept connections" in terminal.invoke(stack_app, ["logs", "postgres", *in_home]).output
    wrong = terminal.invoke(stack_app, ["logs", "nothing", *in_home])
    assert (wrong.exit_code, wrong.output.startswith("error: There is no log")) == (1, True)
    assert terminal.invoke(stack_app, ["down", *in_home]).exit_code == 0
    assert processes_of(home) == []


def test_missing_java_and_maven_are_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apache Kafka without Java, or without Maven, is refused with what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="needs Java 17"):
        up(home, broker="apache")
    (tmp_path / "java").touch(mode=0o755)
    with pytest.raises(StackError, match="`mvn` is not found"):
        up(home, broker="apache")


@pytest.mark.skipif(os.environ.get(BROKER_VARIABLE) != "apache", reason=f"{BROKER_VARIABLE} is not apache")
def test_apache_kafka_keeps_topics_and_epoch_over_a_kill_and_a_restart(home: Path) -> None:
    """Apache Kafka comes back with its topics, in the same feed epoch, after `kill -9` and after `down`."""
    first = up(home, broker="apache", topics=TOPICS)
    _kill(first.pids["broker"])
    second = up(home)
    down(home)
    assert processes_of(home) == []
    third = up(home, broker="apache")
    assert first.feed_epoch == second.feed_epoch == third.feed_epoch
    assert first.bootstrap_servers == second.bootstrap_servers == third.bootstrap_servers
    assert _partitions(third) == {"fhir-observations": 3, "dead-letters": 1}


@pytest.mark.skipif(os.environ.get(BROKER_VARIABLE) != "apache", reason=f"{BROKER_VARIABLE} is not apache")
def test_unresolvable_kafka_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When Maven cannot resolve the jars, the error says so and what can be done."""
    pom = tmp_path / "pom.xml"
    pom.write_text(apache_kafka.POM.read_text().replace("4.4.0", "0.0.0-never-released"))
    monkeypatch.setattr(apache_kafka, "POM", pom)
    with pytest.raises(StackError, match=r"Maven cannot resolve[^$]*or use the embedded broker"):
        up(home, broker="apache")


_UP_AND_PRINT = "import json, sys; from services.cli.stack import up; print(json.dumps(up(Path(sys.argv[1])).pids))"


def _query(stack: Stack, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def _compute_for_minutes(stack: Stack) -> None:
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        _query(stack, "DO $$ BEGIN LOOP END LOOP; END $$")


def _partitions(stack: Stack) -> dict[str, int]:
    async def run() -> dict[str, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
        await admin.start()
        try:
            topics = await admin.describe_topics()
        finally:
            await admin.close()
        return {one["topic"]: len(one["partitions"]) for one in topics if not one["is_internal"]}

    return asyncio.run(run())


def _state(home: Path, part: str) -> str:
    found: PartStatus = next(one for one in status(home) if one.part == part)
    return found.state


def _pids(home: Path) -> dict[str, int]:
    stack = current(home)
    assert stack is not None
    return stack.pids


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not _runs(pid), 10)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _get(address: str) -> str:
    with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
        return bytes(answer.read()).decode()
