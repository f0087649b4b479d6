"""Which files are loaded, and how they are cut into messages."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from services.cli.load import source
from services.cli.load.source import DamagedFileError, Part
from services.cli.stack import StackError
from shared import topics


def _parts(path: Path, offset: int = 0, line: int = 0) -> list[Part]:
    with source.opened(path) as file:
        return list(file.parts(offset, line))


def test_folders_are_searched_and_nothing_is_loaded_twice(tmp_path: Path) -> None:
    """Files of records anywhere below, packed or not, sorted; what is no record (a manifest, a note) is left out."""
    below = tmp_path / "b" / "c"
    below.mkdir(parents=True)
    wanted = [tmp_path / "a.ndjson", below / "d.json.gz", below / "e.jsonl", tmp_path / "z.ndjson.gz"]
    for path in [*wanted, tmp_path / "note.txt", tmp_path / "x.gz", below / "csv.csv"]:
        path.touch()
    assert source.files([tmp_path, tmp_path / "a.ndjson"]) == sorted(wanted)


@pytest.mark.parametrize("name", ["absent", "absent.ndjson", "empty-folder", "note.txt"])
def test_a_path_without_records_is_named(tmp_path: Path, name: str) -> None:
    """A typing mistake must not look like an empty load."""
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "note.txt").touch()
    with pytest.raises(StackError, match=name):
        source.files([tmp_path / name])


@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_read_on_from_any_place(tmp_path: Path, packed: bool) -> None:
    """Empty lines are none, line ends of both kinds are no content, and each place leads to what follows it."""
    content = b'{"a":1}\r\n\n  \n{"b":2}\n{"c":3}'
    path = tmp_path / ("x.ndjson.gz" if packed else "x.ndjson")
    path.write_bytes(gzip.compress(content) if packed else content)
    parts = _parts(path)
    assert [(p.line, p.raw) for p in parts] == [(1, b'{"a":1}'), (4, b'{"b":2}'), (5, b'{"c":3}')]
    assert parts[-1].end == len(content)
    for n, part in enumerate(parts):
        assert _parts(path, part.end, part.line) == parts[n + 1 :]


def test_a_json_file_is_one_message(tmp_path: Path) -> None:
    """A Bundle that was written over several lines stays one."""
    path = tmp_path / "bundle.json"
    path.write_bytes(b'{\n "resourceType": "Bundle"\n}\n')
    assert _parts(path) == [Part(1, 30, path.read_bytes())]
    assert _parts(path, 30, 1) == []


def test_a_line_too_long_is_passed_over(tmp_path: Path) -> None:
    """It is not held in memory, and the line behind it is read."""
    path = tmp_path / "x.ndjson"
    path.write_bytes(b'{"a":1}\n' + b"x" * (topics.FEED_MESSAGE_BYTES + 2_000_000) + b'\n{"b":2}\n')
    parts = _parts(path)
    assert [(p.line, p.raw) for p in parts] == [(1, b'{"a":1}'), (2, None), (3, b'{"b":2}')]
    assert parts[-1].end == path.stat().st_size


@pytest.mark.parametrize("content", [gzip.compress(b'{"a":1}\n' * 50_000)[:-200], b'{"a":1}\n'])
def test_a_damaged_file_is_told_from_its_end(tmp_path: Path, content: bytes) -> None:
    """A packed file that is cut off, or is none, does not pass for a short one."""
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        _parts(path)
