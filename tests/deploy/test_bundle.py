"""The bundle for a house without internet: made as an operator makes it, and installed from without an index."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy import tools

_NOWHERE = "http://127.0.0.1:9/simple"
"""Where an index would be asked, were one asked."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make bundle` writes."""
    if tools.QUICK:
        pytest.skip("NOT CHECKED HERE: the bundle is made by `make check-deploy`, not by its quick part")
    made = tmp_path_factory.mktemp("house") / "bundle"
    done = tools.run(
        ["sh", "deploy/bundle.sh", sys.executable], cwd=tools.ROOT, env={**os.environ, "BUNDLE": str(made)}
    )
    assert done.returncode == 0, done.stderr
    return made


def test_it_arrives_as_it_was_made(bundle: Path) -> None:
    """Every file is in the sums, a change of one is found, and no secret of this machine is in it."""
    sums = (bundle / "SHA256SUMS").read_text(encoding="utf-8")
    files = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert {line.partition("  ")[2].removeprefix("./") for line in sums.splitlines()} == files
    assert {"deploy/compose.yaml", "deploy/helm/graftwatch/values.yaml", "docs/install.md", "pyproject.toml"} <= files
    assert [n for n in files if n.startswith("deploy/compose/secrets") or n.endswith(".pyc")] == []
    assert [n for n in files if n.endswith(".env")] == ["deploy/compose/example.env"]
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert tools.run(check, cwd=bundle).returncode == 0
    text = (bundle / "GLOSSARY.md").read_bytes()
    (bundle / "GLOSSARY.md").write_bytes(text + b"x")
    assert "GLOSSARY.md: FAILED" in tools.run(check, cwd=bundle).stdout
    (bundle / "GLOSSARY.md").write_bytes(text)


def test_it_installs_without_an_index(bundle: Path, tmp_path: Path) -> None:
    """As docs/install.md says: from the folder; and over HTTP from the bundle, as the build of the image in the house does."""
    told = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PIP_INDEX_URL": _NOWHERE, "PIP_NO_CACHE_DIR": "1"}
    python = tmp_path / "graftwatch" / "bin" / "python"
    assert tools.run([sys.executable, "-m", "venv", tmp_path / "graftwatch"]).returncode == 0
    pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile"]
    lock: list[str | Path] = ["--require-hashes", "--only-binary", ":all:", "--requirement"]
    (wheel,) = bundle.glob("graftwatch-*.whl")
    with _served(bundle) as address:
        (tmp_path / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {address}/wheels/\n")
        steps: list[tuple[list[str | Path], dict[str, str]]] = [
            ([*pip, *lock, bundle / "deploy/image/build.lock"], {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}),
            ([*pip, "--no-index", "--find-links", "wheels", *lock, "deploy/image/requirements.lock"], {}),
            ([*pip, "--no-index", "--no-deps", wheel], {}),
        ]
        for command, more in steps:
            done = tools.run(command, cwd=bundle, env=told | more)
            assert done.returncode == 0, done.stderr
    said = tools.run([python, "-m", "services.safety"], cwd=tmp_path, env=told)
    assert "graftwatch safety cannot start:\nKAFKA_BOOTSTRAP_SERVERS is not set" in said.stdout + said.stderr


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder over HTTP meanwhile, as `python3 -m http.server` serves it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
