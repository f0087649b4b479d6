"""How Kafka is reached: what fits together, and how what does not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.runtime.kafka_access import KafkaSettings
from shared.runtime.settings import load_kafka
from shared.sites import ConfigurationError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the address of Kafka is set."""
    for name in KafkaSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092")


def test_without_a_word_nothing_is_encrypted_and_nobody_named() -> None:
    """The local stack needs neither; aiokafka is told so explicitly."""
    assert load_kafka().kafka_security.client_options() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


def test_scram_over_tls_names_user_mechanism_and_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hospital's Kafka usually asks for; the machine's own trust store where no file is named."""
    for name, value in {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "graftwatch", "SASL_PASSWORD": "s"}.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)
    options = load_kafka().kafka_security.client_options()
    context = options.pop("ssl_context")
    assert (context.check_hostname, context.verify_mode.name) == (True, "CERT_REQUIRED")
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "graftwatch",
        "sasl_plain_password": "s",
    }


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({"SECURITY_PROTOCOL": "tls"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "u"}, "KAFKA_SASL_PASSWORD"),
        ({"SASL_USERNAME": "u", "SASL_PASSWORD": "hidden-word"}, "KAFKA_SASL_USERNAME"),
        ({"SASL_MECHANISM": "hidden-word"}, "KAFKA_SASL_MECHANISM"),
        ({"SSL_CAFILE": "/hidden-word"}, "KAFKA_SSL_CAFILE"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "/hidden-word"}, "KAFKA_SSL_CAFILE"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEYFILE": "/hidden-word"}, "KAFKA_SSL_KEYFILE"),
    ],
)
def test_what_does_not_fit_together_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, str], named: str
) -> None:
    """The error begins with the variable to correct, and holds nothing of what was given."""
    for name, value in stated.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)
    with pytest.raises(ConfigurationError) as refused:
        load_kafka()
    assert str(refused.value).startswith(named)
    assert "hidden-word" not in str(refused.value)


@pytest.mark.parametrize("name", ["KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE"])
def test_a_file_that_is_no_certificate_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A file of something else is refused before any broker is asked."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing of the kind")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv(name, str(wrong))
    with pytest.raises(ConfigurationError, match=f"^{name}: expected"):
        _ = load_kafka().kafka_security
