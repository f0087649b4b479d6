"""`/alive`: a process that has not ended a piece of work for long is to be started anew."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shared.runtime import healthcheck
from shared.runtime.liveness import STILL_SECONDS, Liveness


def test_work_that_ends_keeps_it_alive() -> None:
    """Alive up to the limit after the last beat, still from then on, alive again with the next."""
    now = [0.0]
    liveness = Liveness(lambda: now[0])
    now[0] = STILL_SECONDS
    assert liveness.answer()[0] == 200
    now[0] += 1
    assert liveness.answer() == (503, {"status": "still", "seconds_since_work": STILL_SECONDS + 1})
    liveness.beat()
    assert liveness.answer()[0] == 200


@pytest.fixture
def answering() -> Iterator[int]:
    """A page that is healthy once, then not."""
    answers = itertools.chain([200], itertools.repeat(503))

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(answers) if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - as declared there
            return

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_check_of_a_container_asks_health(answering: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0 for healthy, 1 for anything else: another answer, none, or no port to ask at."""
    monkeypatch.setenv("GRAFTWATCH_WEB_PORT", str(answering))
    assert [healthcheck.main(), healthcheck.main()] == [0, 1]
    monkeypatch.setenv("GRAFTWATCH_WEB_PORT", "0")
    assert healthcheck.main() == 1
