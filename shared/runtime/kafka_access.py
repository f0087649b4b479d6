"""How a process reaches Kafka and proves who it is: addresses, TLS, SASL. Decides nothing else.

The variables have the names of Kafka's own client settings in upper case. A secret is never part of an error text.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.sites import ConfigurationError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True)
class Security:
    """How a client speaks to a broker: encrypted or not, and as whom. The default is neither."""

    protocol: SecurityProtocol = "PLAINTEXT"
    tls: ssl.SSLContext | None = None
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None

    def client_options(self) -> dict[str, Any]:
        """The options of an aiokafka client."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.username is not None and self.password is not None:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password.get_secret_value()
        return options


OPEN: Final = Security()
"""Neither encryption nor authentication: the local stack, which listens on this machine alone."""


def _host_port(value: str) -> str:
    for server in value.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("expected host:port, several separated by commas")
    return value


class KafkaSettings(BaseSettings):
    """Environment variables of every process that speaks to Kafka."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_host_port)]
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_ssl_cafile: Path | None = None
    """Certificates that the brokers' own must descend from; None: those that the machine trusts."""
    kafka_ssl_certfile: Path | None = None
    """This client's certificate, where the brokers ask for one."""
    kafka_ssl_keyfile: Path | None = None
    kafka_ssl_password: SecretStr | None = None
    """Opens the key file, where it is encrypted."""
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None

    @model_validator(mode="after")
    def _security_fits(self) -> KafkaSettings:
        for fault in (self._sasl_fault(), self._tls_fault()):
            if fault is not None:
                raise ValueError(fault)
        return self

    def _sasl_fault(self) -> str | None:
        missing = [n for n in ("kafka_sasl_username", "kafka_sasl_password") if getattr(self, n) is None]
        if self.kafka_security_protocol.startswith("SASL") and missing:
            names = " and ".join(n.upper() for n in missing)
            return f"{names} must be set where KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}"
        if not self.kafka_security_protocol.startswith("SASL") and len(missing) < 2:
            return "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD need KAFKA_SECURITY_PROTOCOL=SASL_SSL"
        return None

    def _tls_fault(self) -> str | None:
        files = ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
        stated = [n for n in files if getattr(self, n) is not None]
        if stated and not self.kafka_security_protocol.endswith("SSL"):
            return f"{stated[0].upper()} needs KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL"
        if self.kafka_ssl_keyfile is not None and self.kafka_ssl_certfile is None:
            return "KAFKA_SSL_KEYFILE needs KAFKA_SSL_CERTFILE, the certificate of that key"
        return next((f"{n.upper()} names no readable file" for n in stated if not getattr(self, n).is_file()), None)

    @property
    def kafka_security(self) -> Security:
        """How the clients of this process reach Kafka; raises ConfigurationError for certificates that cannot be used."""
        return Security(
            self.kafka_security_protocol,
            self._tls() if self.kafka_security_protocol.endswith("SSL") else None,
            self.kafka_sasl_mechanism,
            self.kafka_sasl_username,
            self.kafka_sasl_password,
        )

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.kafka_ssl_cafile)
        except (OSError, ssl.SSLError):
            raise ConfigurationError("KAFKA_SSL_CAFILE: expected certificates in PEM form") from None
        if self.kafka_ssl_certfile is not None:
            secret = self.kafka_ssl_password
            try:
                context.load_cert_chain(
                    self.kafka_ssl_certfile,
                    self.kafka_ssl_keyfile,
                    secret.get_secret_value if secret is not None else lambda: "",
                )
            except (OSError, ssl.SSLError):
                raise ConfigurationError(
                    "KAFKA_SSL_CERTFILE: expected a certificate in PEM form whose key is in KAFKA_SSL_KEYFILE,"
                    " opened by KAFKA_SSL_PASSWORD where it is encrypted"
                ) from None
        return context
