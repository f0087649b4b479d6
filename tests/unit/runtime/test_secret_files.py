"""Secrets as files: read in place of the variable, refused by name, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.runtime import secret_files
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.settings import ConsoleSettings, IngestSettings, IntakeSettings, load, load_ingest
from shared.sites import ConfigurationError

URL = "postgresql://ingest:hidden-word@db/graftwatch"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is set but the broker's address."""
    for name in list(os.environ):
        if name.startswith(("GRAFTWATCH_", "KAFKA_", "DATABASE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092")


def _file(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_every_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line's end that editors and `kubectl create secret` leave is no part of it."""
    key = f"2026:{'a1' * 32}"
    for name, content in (
        ("DATABASE_URL", URL),
        ("GRAFTWATCH_PSEUDONYM_KEY", "k" * 40),
        ("GRAFTWATCH_CROSSWALK_KEY", key),
    ):
        monkeypatch.setenv(f"{name}_FILE", _file(tmp_path, name, f"{content}\n"))
    settings = load_ingest()
    assert settings.database_url.get_secret_value() == URL
    assert settings.pseudonym_key.get_secret_value() == "k" * 40
    assert settings.crosswalk_key.get_secret_value() == key


def test_the_secrets_are_those_that_settings_keep_from_showing() -> None:
    """A new secret among the settings needs no second list."""
    names = {
        name for kind in (IngestSettings, ConsoleSettings, NotifySettings) for name in secret_files.secrets_of(kind)
    }
    assert names == {
        "DATABASE_URL",
        "GRAFTWATCH_CROSSWALK_KEY",
        "GRAFTWATCH_OIDC_CLIENT_SECRET",
        "GRAFTWATCH_PSEUDONYM_KEY",
        "GRAFTWATCH_SMTP_URL",
        "KAFKA_SASL_PASSWORD",
        "KAFKA_SSL_PASSWORD",
    }
    assert set(secret_files.secrets_of(IntakeSettings)) == {"KAFKA_SASL_PASSWORD", "KAFKA_SSL_PASSWORD"}


def test_all_faults_of_files_are_named_at_once_and_nothing_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent, empty, no text, both ways at once; and what is in a file is checked like what is in a variable."""
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("GRAFTWATCH_PSEUDONYM_KEY_FILE", _file(tmp_path, "short", "hidden-word"))
    monkeypatch.setenv("GRAFTWATCH_CROSSWALK_KEY_FILE", _file(tmp_path, "empty", " \n"))
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", _file(tmp_path, "word", "hidden-word"))
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hidden-word")
    (tmp_path / "bytes").write_bytes(b"\xff\xfehidden-word")
    monkeypatch.setenv("KAFKA_SSL_PASSWORD_FILE", str(tmp_path / "bytes"))
    with pytest.raises(ConfigurationError) as refused:
        load_ingest()
    said = str(refused.value)
    assert "hidden-word" not in said
    assert f"DATABASE_URL_FILE names no readable text file: {tmp_path / 'absent'}" in said
    assert f"GRAFTWATCH_CROSSWALK_KEY_FILE names an empty file: {tmp_path / 'empty'}" in said
    assert "KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE are both set; set one of them" in said
    assert "KAFKA_SSL_PASSWORD_FILE names no readable text file" in said
    assert "GRAFTWATCH_PSEUDONYM_KEY: " in said
    assert "is not set" not in said


def test_a_file_for_what_is_no_secret_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable of a setting that merely ends alike keeps its own meaning."""
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("GRAFTWATCH_PSEUDONYM_KEY", "k" * 40)
    monkeypatch.setenv("GRAFTWATCH_LOG_LEVEL_FILE", _file(tmp_path, "level", "debug"))
    assert load().log_level == "info"


def test_commands_see_the_variable_itself(tmp_path: Path) -> None:
    """Their options name variables; what they start would refuse both ways at once."""
    environ = {"DATABASE_URL_FILE": _file(tmp_path, "url", URL), "OTHER": "1"}
    secret_files.spell_out(environ, secret_files.secrets_of(IngestSettings))
    assert environ == {"DATABASE_URL": URL, "OTHER": "1"}


def test_a_secret_that_only_a_file_of_the_installation_names(tmp_path: Path) -> None:
    """A webhook's variable may lie in a file too."""
    environ = secret_files.WithFiles({"HOOK_FILE": _file(tmp_path, "hook", "whsec_x\n"), "PLAIN": "y"})
    assert (environ.get("HOOK"), environ.get("PLAIN"), environ.get("ABSENT")) == ("whsec_x", "y", None)
