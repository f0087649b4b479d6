"""What notify is told from outside: its recipients, its ways out, its bounds. Decides nothing else."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.runtime.kafka_access import KafkaSettings
from shared.runtime.sealing import Vault
from shared.runtime.settings import postgres_url, read, sound_crosswalk_key


def _smtp_url(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    try:
        url = urlsplit(value.get_secret_value())
        sound = url.scheme in ("smtp", "smtps", "smtp+starttls") and url.hostname and (url.port or 0) >= 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("expected smtps://, smtp+starttls:// or smtp:// with host and port")
    if url.scheme == "smtp" and url.username:
        raise ValueError("expected smtps:// or smtp+starttls:// where there is a password: smtp:// would show it")
    return value


def _mail_from(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError("expected one address, name@host")
    return value


def _crosswalk(value: SecretStr | None) -> SecretStr | None:
    return None if value is None else sound_crosswalk_key(value)


def _networks(value: str) -> str:
    for text in filter(None, (part.strip() for part in value.split(","))):
        try:
            network = ip_network(text)
        except ValueError:
            raise ValueError("expected networks such as 10.20.0.0/16, several separated by commas") from None
        if network.is_link_local or network.is_multicast or network.prefixlen == 0:
            raise ValueError("expected neither a link-local network (metadata services) nor all of the world")
    return value


class NotifySettings(KafkaSettings):
    """Environment variables of notify, which faces other machines: no key of the pseudonyms."""

    database_url: Annotated[SecretStr, AfterValidator(postgres_url)]
    sites: Path = Field(Path("deploy/sites"), validation_alias="GRAFTWATCH_SITES")
    protocols: Path | None = Field(None, validation_alias="GRAFTWATCH_PROTOCOLS")
    recipients: Path | None = Field(None, validation_alias="GRAFTWATCH_RECIPIENTS")
    """The recipients file; None: nobody is told of anything, which is warned of."""
    smtp_url: Annotated[SecretStr | None, AfterValidator(_smtp_url)] = Field(
        None, validation_alias="GRAFTWATCH_SMTP_URL"
    )
    """smtps://user:password@host:465, smtp+starttls://user:password@host:587, or smtp://host:25 on this machine."""
    mail_from: Annotated[str, AfterValidator(_mail_from)] = Field(
        "graftwatch@localhost", validation_alias="GRAFTWATCH_MAIL_FROM"
    )
    mailbox: bool = Field(False, validation_alias="GRAFTWATCH_MAILBOX")
    """Development: keep mails in the database (notify.mailbox) in place of sending them."""
    console_url: str = Field("", validation_alias="GRAFTWATCH_CONSOLE_URL")
    """Address of the console, for the links in mails; empty: no links."""
    notify_url: str = Field("", validation_alias="GRAFTWATCH_NOTIFY_URL")
    """Address under which subscribers reach notify's /fhir; empty: the one it listens on."""
    networks: Annotated[str, AfterValidator(_networks)] = Field("", validation_alias="GRAFTWATCH_NOTIFY_NETWORKS")
    """Networks besides the public ones to which webhooks and subscriptions may be sent: 10.20.0.0/16, 127.0.0.0/8."""
    ca_file: Path | None = Field(None, validation_alias="GRAFTWATCH_NOTIFY_CA_FILE")
    """Certificates to trust besides the system's."""
    identifiers: bool = Field(False, validation_alias="GRAFTWATCH_NOTIFY_IDENTIFIERS")
    """Whether recipients with `identifiers: true` are written the hospital's patient id."""
    crosswalk_key: Annotated[SecretStr | None, AfterValidator(_crosswalk)] = Field(
        None, validation_alias="GRAFTWATCH_CROSSWALK_KEY"
    )
    """Needed only where identifiers are written."""
    in_flight: int = Field(16, ge=1, le=256, validation_alias="GRAFTWATCH_NOTIFY_IN_FLIGHT")
    """Most sends at once to one endpoint."""
    answer_seconds: float = Field(10.0, gt=0, le=300, validation_alias="GRAFTWATCH_NOTIFY_ANSWER_SECONDS")
    """An endpoint that has not answered by then has failed."""
    patience_days: float = Field(7.0, gt=0, le=90, validation_alias="GRAFTWATCH_NOTIFY_PATIENCE_DAYS")
    """For how long a failing delivery is tried again."""
    web_host: str = Field("127.0.0.1", validation_alias="GRAFTWATCH_WEB_HOST")
    web_port: int = Field(0, ge=0, le=65535, validation_alias="GRAFTWATCH_WEB_PORT")
    """Port of /fhir, /health and /metrics; 0: a free one."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="GRAFTWATCH_LOG_LEVEL")
    reconcile_seconds: float = Field(2.0, gt=0, validation_alias="GRAFTWATCH_RECONCILE_SECONDS")
    reconcile_grace_seconds: float = Field(3.0, ge=0, validation_alias="GRAFTWATCH_RECONCILE_GRACE_SECONDS")

    @model_validator(mode="after")
    def _can_open_what_it_writes(self) -> Self:
        if self.identifiers and self.crosswalk_key is None:
            raise ValueError("GRAFTWATCH_NOTIFY_IDENTIFIERS: needs GRAFTWATCH_CROSSWALK_KEY, which opens patient ids")
        return self

    @property
    def vault(self) -> Vault | None:
        """What opens patient ids; None where none are written."""
        if not self.identifiers or self.crosswalk_key is None:
            return None
        return Vault.of(self.crosswalk_key.get_secret_value())


def load(**overrides: Any) -> NotifySettings:
    """Notify's settings from the environment, refused like the others."""
    return read(NotifySettings, overrides)
