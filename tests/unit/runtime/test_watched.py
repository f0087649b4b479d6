"""A file that is read again when it changes: taken when sound, refused with its faults when not."""

from __future__ import annotations

from pathlib import Path

from shared.runtime.watched import WatchedFile
from shared.sites import ConfigurationError


def _watched(path: Path, taken: list[str]) -> WatchedFile[str]:
    def read() -> str:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if not text.startswith("sound"):
            raise ConfigurationError(f"{path.name}: line 1: expected something sound")
        return text

    return WatchedFile("console", "staff", path, read, taken.append)


async def test_a_sound_change_is_taken_once_and_a_faulty_one_is_not(tmp_path: Path) -> None:
    """Unchanged: nothing. Faulty or gone: the last stays. Sound again: taken, though it is what it was at first."""
    file, taken = tmp_path / "staff.yaml", list[str]()
    file.write_text("sound 1", encoding="utf-8")
    watched = _watched(file, taken)
    for text, expected in (
        (None, []),
        ("sound 2, longer", ["sound 2, longer"]),
        (None, ["sound 2, longer"]),
        ("faulty", ["sound 2, longer"]),
        ("sound 1", ["sound 2, longer", "sound 1"]),
    ):
        if text is not None:
            file.write_text(text, encoding="utf-8")
        for _ in range(2):
            await watched.look()
        assert taken == expected
    file.unlink()
    for _ in range(2):
        await watched.look()
    assert taken == ["sound 2, longer", "sound 1"]


async def test_a_file_put_in_its_place_is_another_file(tmp_path: Path) -> None:
    """As editors and mounted folders do it: the new one has the same name, and may have the same size and time."""
    file, draft, taken = tmp_path / "staff.yaml", tmp_path / "draft", list[str]()
    file.write_text("sound 1", encoding="utf-8")
    watched = _watched(file, taken)
    draft.write_text("sound 2", encoding="utf-8")
    draft.replace(file)
    for _ in range(2):
        await watched.look()
    assert taken == ["sound 2"]


async def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """It may be sound by half: what changed between two looks is looked at again."""
    file, taken = tmp_path / "staff.yaml", list[str]()
    file.write_text("sound", encoding="utf-8")
    watched = _watched(file, taken)
    for text in ("sound ha", "sound half", "sound half of it"):
        file.write_text(text, encoding="utf-8")
        await watched.look()
        assert taken == []
    await watched.look()
    assert taken == ["sound half of it"]
