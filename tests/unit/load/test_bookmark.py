"""Where a load goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.cli.load import bookmark
from services.cli.stack import StackError


def _moved(home: Path, path: Path, epoch: str = "epoch-1", site: str = "north") -> None:
    with bookmark.kept(home, site, epoch, restart=False) as bookmarks:
        bookmarks.move(path, replace(bookmarks.of(path), offset=8, line=1, sent=1))


def _offset(home: Path, path: Path, epoch: str = "epoch-1", site: str = "north", restart: bool = False) -> int:
    with bookmark.kept(home, site, epoch, restart) as bookmarks:
        return bookmarks.of(path).offset


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "x.ndjson"
    made.write_bytes(b'{"a":1}\n{"b":2}\n')
    return made


def test_a_place_is_kept_for_site_and_epoch(tmp_path: Path, path: Path) -> None:
    """Another site has a place of its own; a broker that has forgotten everything is sent everything."""
    _moved(tmp_path, path)
    assert _offset(tmp_path, path) == 8
    assert _offset(tmp_path, path, site="south") == 0
    assert _offset(tmp_path, path, epoch="epoch-2") == 0


def test_restart_forgets_the_place(tmp_path: Path, path: Path) -> None:
    """`--restart` begins at the first line."""
    _moved(tmp_path, path)
    assert _offset(tmp_path, path, restart=True) == 0


def test_another_file_of_the_same_name_begins_anew(tmp_path: Path, path: Path) -> None:
    """Other content of the same size and date, another size, or another date: it may be another file."""
    before = path.stat()
    changes = {
        b'{"a":9}\n{"b":2}\n': before.st_mtime_ns,
        b'{"a":1}\n{"b":2}\n\n': before.st_mtime_ns,
        b'{"a":1}\n{"b":2}\n': before.st_mtime_ns + 1_000_000_000,
    }
    _moved(tmp_path, path)
    for content, changed_ns in changes.items():
        path.write_bytes(content)
        os.utime(path, ns=(changed_ns, changed_ns))
        assert _offset(tmp_path, path) == 0


def test_one_load_of_a_site_at_a_time(tmp_path: Path) -> None:
    """A second one is refused, not interleaved; one of another site is not."""
    with (
        bookmark.kept(tmp_path, "north", "e", restart=False),
        bookmark.kept(tmp_path, "south", "e", restart=False),
        pytest.raises(StackError, match="Another load of north"),
        bookmark.kept(tmp_path, "north", "e", restart=False),
    ):
        pytest.fail("two loads of one site")


def test_damaged_bookmarks_are_named(tmp_path: Path, path: Path) -> None:
    """They are not taken for none, and the way out is said."""
    _moved(tmp_path, path)
    (tmp_path / "load" / "north.json").write_bytes(b'{"feed_')
    with pytest.raises(StackError, match="--restart"):
        _offset(tmp_path, path)
    assert _offset(tmp_path, path, restart=True) == 0
