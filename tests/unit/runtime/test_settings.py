"""What a process is told from outside, and how a wrong word is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from shared.runtime.clock import Clock, wall
from shared.runtime.postgres import Connection
from shared.runtime.settings import Settings, instant, load
from shared.sites import ConfigurationError

RIGHT = {
    "KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9092",
    "DATABASE_URL": "postgresql://somebody@host/db",
    "GRAFTWATCH_PSEUDONYM_KEY": "k" * 32,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the right settings are set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"GRAFTWATCH_{name.upper()}", raising=False)
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)


def test_the_needed_settings_are_enough() -> None:
    """Everything else has a value that suits the local stack."""
    settings = load()
    assert settings.kafka_bootstrap_servers == "one:9092, two:9092"
    assert settings.evaluation_time is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "hidden-word"),
        ("KAFKA_BOOTSTRAP_SERVERS", "one:9092,hidden-word:port"),
        ("DATABASE_URL", "mysql://u:hidden-word@host/db"),
        ("GRAFTWATCH_PSEUDONYM_KEY", "hidden-word"),
        ("GRAFTWATCH_AS_OF", "hidden-word"),
        ("GRAFTWATCH_AS_OF", "2024-02-30"),
        ("GRAFTWATCH_AS_OF", "2024-05-03T08:00:00"),
        ("GRAFTWATCH_WEB_PORT", "70000"),
        ("GRAFTWATCH_WEB_PORT", "hidden-word"),
        ("GRAFTWATCH_LOG_LEVEL", "hidden-word"),
        ("GRAFTWATCH_BATCH_SIZE", "0"),
        ("GRAFTWATCH_RECONCILE_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The line begins with the variable's name and says what is expected, never what was given."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert str(refused.value).startswith(f"{name}: ")
    assert "hidden-word" not in str(refused.value)


def test_all_faults_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each, missing and wrong ones alike; an empty value counts as missing."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("GRAFTWATCH_PSEUDONYM_KEY", "")
    monkeypatch.setenv("GRAFTWATCH_BATCH_SIZE", "0")
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert sorted(line.split()[0].rstrip(":") for line in str(refused.value).splitlines()) == [
        "DATABASE_URL",
        "GRAFTWATCH_BATCH_SIZE",
        "GRAFTWATCH_PSEUDONYM_KEY",
    ]


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    """Neither the key of the pseudonyms nor the address of the database, which may hold a password."""
    printed = repr(load())
    assert "kkkk" not in printed
    assert "somebody" not in printed


def test_a_date_means_the_end_of_that_day() -> None:
    """Evaluated as of a day, everything of that day counts."""
    assert instant("2024-05-03") == datetime(2024, 5, 3, 23, 59, 59, 999999, UTC)
    assert instant("2024-05-03T08:00:00+02:00") == datetime(2024, 5, 3, 6, tzinfo=UTC)


async def test_a_fixed_clock_stands_still() -> None:
    """It asks no database."""
    at = instant("2024-05-03")
    nobody = cast("Connection", None)
    assert await Clock(at).now(nobody) == at
    assert (Clock(at).is_fixed, Clock().is_fixed) == (True, False)


def test_the_wall_clock_is_aware() -> None:
    """A time without a zone would be another instant on every host."""
    assert wall().tzinfo is UTC
