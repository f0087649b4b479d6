"""The image: its recipe linted, and its steps done here as far as they can be without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.deploy import packages, tools

IMAGE: Final = tools.ROOT / "deploy" / "image"
_PINNED: Final = re.compile(r"^([A-Za-z0-9_.\-]+==\S+)(.*?)(?=^[A-Za-z]|\Z)", re.MULTILINE | re.DOTALL)
_SERVICES: Final = ("intake", "ingest", "eligibility", "response", "safety", "notify", "console")
_NOBODY: Final = 65534
_INTERPRETER: Final = Path("/usr/bin/python3.11")


def test_the_recipe_is_sound() -> None:
    """hadolint finds nothing, down to what it merely mentions."""
    done = tools.run(
        [tools.python() / "hadolint", "--config", IMAGE / ".hadolint.yaml", IMAGE / "Dockerfile"], cwd=tools.ROOT
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_the_image_is_made_of_what_was_tested(lock: str) -> None:
    """Every package of the image's locks is in the lock of the tests, at the same version and with the same hashes."""
    tested = {
        name: re.findall(r"sha256:\w+", rest)
        for name, rest in _PINNED.findall((tools.ROOT / "requirements.lock").read_text())
    }
    shipped = {name: re.findall(r"sha256:\w+", rest) for name, rest in _PINNED.findall((IMAGE / lock).read_text())}
    assert shipped
    assert {name: hashes for name, hashes in shipped.items() if tested.get(name) != hashes} == {}


def test_the_context_holds_neither_keys_nor_tests() -> None:
    """Nothing is sent to the engine but what is named."""
    allowed = [line for line in (tools.ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert allowed == ["!pyproject.toml", "!README.md", "!services", "!shared", "!deploy/image/*.lock"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image's first stage makes: the wheel and the locked packages, in an environment without pip."""
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    sources = folder / "build"
    sources.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(tools.ROOT / name, sources)
    for name in ("services", "shared"):
        shutil.copytree(tools.ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    target = folder / "graftwatch"
    interpreter = (
        _INTERPRETER if _INTERPRETER.exists() else Path(sys.executable)
    )  # one that another user may start, too
    steps: list[list[str | Path]] = [
        [interpreter, "-m", "venv", "--without-pip", target],
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", sources],
        [*pip, "--python", target / "bin" / "python", "install", "--quiet", "--require-hashes", "--only-binary", ":all:",
         "--no-compile", "--requirement", IMAGE / "requirements.lock"],
    ]  # fmt: skip
    for step in steps:
        done = tools.run(step, cwd=folder)
        assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    done = tools.run(
        [
            *pip,
            "--python",
            target / "bin" / "python",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--no-index",
            wheel,
        ]
    )
    assert done.returncode == 0, done.stderr
    return target


def _as_nobody(command: list[str | Path], folder: Path, **environment: str) -> str:
    can_change = os.geteuid() == 0 and _INTERPRETER.exists()
    who: dict[str, int] = {"user": _NOBODY, "group": _NOBODY} if can_change else {}
    env = {"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent", **environment}
    done = tools.run(command, cwd=folder, env=env, **who)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_it_ships_no_licence_that_is_refused() -> None:
    """GPL and its like, and what states none; the page lists them as they are."""
    rows = packages.licences()
    assert packages.refused([{"Name": "x", "Version": "1", "License": "GNU General Public License v3 (GPLv3)"}])
    assert packages.refused(rows) == []
    assert packages.PAGE.read_text(encoding="utf-8") == packages.page(rows), "stale: run `make sbom`"


def test_every_service_starts_from_the_image_alone(installed: Path) -> None:
    """As another user, far from the repository, with the packages of the product only: it gets as far as its configuration."""
    for service in _SERVICES:
        said = _as_nobody([installed / "bin" / "python", "-m", f"services.{service}"], Path("/"))
        assert said.startswith(f"1\ngraftwatch {service} cannot start:\nKAFKA_BOOTSTRAP_SERVERS is not set"), said


def test_everything_in_it_can_be_imported(installed: Path) -> None:
    """No module of the product needs a package that only development has; the local stack alone asks for its own when started."""
    code = (
        "import importlib, pkgutil, services, shared\n"
        "names = [m.name for p in (services, shared) for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')]\n"
        "[importlib.import_module(n) for n in names if not n.endswith('__main__')]\n"
        "print(len(names) > 300)"
    )
    assert _as_nobody([installed / "bin" / "python", "-c", code], Path("/")) == "0\nTrue\n"


def test_the_command_runs_in_it(installed: Path) -> None:
    """Migrations and topics are made by it; a missing address is named."""
    said = _as_nobody([installed / "bin" / "graftwatch", "topics"], Path("/"))
    assert "error: KAFKA_BOOTSTRAP_SERVERS is not set" in said
    missing = _as_nobody([installed / "bin" / "graftwatch", "migrate"], Path("/"), DATABASE_URL_FILE="/nonexistent/url")
    assert missing == "1\nerror: DATABASE_URL_FILE names no readable text file: /nonexistent/url\n"
