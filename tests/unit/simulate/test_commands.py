"""What `graftwatch simulate` writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.cli.simulate import Simulation
from services.cli.simulate.commands import EXPECTED_FILE, FEED_FILE, simulate, write

app = typer.Typer()
app.command()(simulate)


def test_the_command_writes_feed_and_expectations(tmp_path: Path) -> None:
    """The command writes both files into a new folder and says so."""
    result = CliRunner().invoke(app, ["--as-of", "2024-09-15", "--out", str(tmp_path / "new")])
    assert result.exit_code == 0
    assert "messages of" in result.output
    assert {p.name for p in (tmp_path / "new").iterdir()} == {FEED_FILE, EXPECTED_FILE}


@pytest.mark.parametrize("wrong", [["--as-of", "15.9.2024"], []])
def test_a_wrong_date_is_refused(tmp_path: Path, wrong: list[str]) -> None:
    """A date that is none, or is missing, is refused without a traceback."""
    result = CliRunner().invoke(app, [*wrong, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "as-of" in result.output


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file is in the way the message names it and what to do."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["--as-of", "2024-09-15", "--out", str(tmp_path / "file" / "below")])
    assert result.exit_code == 1
    assert "--out" in result.output


def test_the_files_hold_every_byte(simulation: Simulation, tmp_path: Path) -> None:
    """From `feed.ndjson` the messages can be rebuilt byte for byte, text or not."""
    write(simulation, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / FEED_FILE).read_bytes().splitlines()]
    rebuilt = [
        base64.b64decode(line["value_base64"])
        if "value_base64" in line
        else (line["value"].encode() if line["value"] is not None else None)
        for line in lines
    ]
    assert rebuilt == [m.value for m in simulation.messages]
    assert [line["key"] for line in lines] == [m.key.decode() if m.key else None for m in simulation.messages]


def test_expectations_are_complete(simulation: Simulation, tmp_path: Path) -> None:
    """`expected.json` has the feed's counts and one entry for each patient."""
    write(simulation, tmp_path)
    expected = json.loads((tmp_path / EXPECTED_FILE).read_text(encoding="utf-8"))
    assert expected["feed"] == simulation.expected_feed.as_json()
    assert len(expected["patients"]) == len(simulation.expected)
    assert expected["as_of"] == "2024-09-15"
