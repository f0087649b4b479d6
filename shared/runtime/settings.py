"""What a process is told from outside, read once at start; a wrong configuration is refused with all its errors at once."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings

from shared.runtime import secret_files
from shared.runtime.kafka_access import KafkaSettings
from shared.runtime.sealing import Vault
from shared.runtime.tracing import TraceSettings
from shared.sites import ConfigurationError


def postgres_url(value: SecretStr) -> SecretStr:
    """Refuse what is no address of a PostgreSQL database."""
    if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
        raise ValueError("expected postgresql://user@host:port/database")
    return value


def sound_crosswalk_key(value: SecretStr) -> SecretStr:
    """Refuse what is no key of the crosswalk."""
    try:
        Vault.of(value.get_secret_value())
    except ConfigurationError as error:
        raise ValueError(str(error).partition(": ")[2]) from None
    return value


def _as_of(value: str | None) -> str | None:
    if value is not None:
        instant(value)
    return value


class Settings(KafkaSettings):
    """Environment variables of every service; names are upper case, ours begin with GRAFTWATCH_."""

    database_url: Annotated[SecretStr, AfterValidator(postgres_url)]
    pseudonym_key: SecretStr = Field(min_length=32, validation_alias="GRAFTWATCH_PSEUDONYM_KEY")
    """Secret of the pseudonyms, fixed for the installation's life."""
    sites: Path = Field(Path("deploy/sites"), validation_alias="GRAFTWATCH_SITES")
    protocols: Path | None = Field(None, validation_alias="GRAFTWATCH_PROTOCOLS")
    """Folder of protocol files; None: those that come with the product."""
    feed_epoch: str = Field("", validation_alias="GRAFTWATCH_FEED_EPOCH")
    """Changes when the broker has forgotten everything (the embedded one, at each start)."""
    as_of: Annotated[str | None, AfterValidator(_as_of)] = Field(None, validation_alias="GRAFTWATCH_AS_OF")
    """Fixed evaluation time for demonstrations and tests; None: the database's clock."""
    web_host: str = Field("127.0.0.1", validation_alias="GRAFTWATCH_WEB_HOST")
    web_port: int = Field(0, ge=0, le=65535, validation_alias="GRAFTWATCH_WEB_PORT")
    """Port of /health and /metrics; 0: a free one."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="GRAFTWATCH_LOG_LEVEL")
    batch_size: int = Field(1000, ge=1, le=10_000, validation_alias="GRAFTWATCH_BATCH_SIZE")
    cached_facts: int = Field(100_000, ge=0, validation_alias="GRAFTWATCH_CACHED_FACTS")
    """Most facts that a deciding service holds in memory, some 2 kB each, so that it need not read them again."""
    reconcile_seconds: float = Field(2.0, gt=0, validation_alias="GRAFTWATCH_RECONCILE_SECONDS")
    reconcile_grace_seconds: float = Field(3.0, ge=0, validation_alias="GRAFTWATCH_RECONCILE_GRACE_SECONDS")
    """A change younger than this is left to the stream."""
    pause_window: int = Field(1000, ge=1, le=100_000, validation_alias="GRAFTWATCH_PAUSE_WINDOW")
    pause_bad: int = Field(500, ge=0, validation_alias="GRAFTWATCH_PAUSE_BAD")
    """So many unreadable messages among a site's last GRAFTWATCH_PAUSE_WINDOW pause it; 0: never for that."""
    pause_bad_in_a_row: int = Field(200, ge=0, le=100_000, validation_alias="GRAFTWATCH_PAUSE_BAD_IN_A_ROW")
    pause_held: int = Field(100_000, ge=0, validation_alias="GRAFTWATCH_PAUSE_HELD")
    """Most messages held of a paused site; further ones become dead letters, unread, and are replayed with them."""
    conformance: Literal["all", "sample", "off"] = Field("sample", validation_alias="GRAFTWATCH_CONFORMANCE")
    """Which resources in scope fhir.resources judges, beside the feed; decides no acceptance."""

    @property
    def evaluation_time(self) -> datetime | None:
        """`as_of` as an instant: a date means the end of that day, UTC."""
        return instant(self.as_of) if self.as_of else None


class IngestSettings(Settings):
    """Those of ingest, which alone reads and writes what names a person."""

    crosswalk_key: Annotated[SecretStr, AfterValidator(sound_crosswalk_key)] = Field(
        validation_alias="GRAFTWATCH_CROSSWALK_KEY"
    )
    """The keys that the schema `identity` is sealed with, the current one first: NAME:SECRET, separated by commas."""

    @property
    def vault(self) -> Vault:
        """Seals and opens with these keys."""
        return Vault.of(self.crosswalk_key.get_secret_value())


class IntakeSettings(KafkaSettings):
    """Environment variables of the intake, which faces other machines: no database, and no key of the pseudonyms."""

    sites: Path = Field(Path("deploy/sites"), validation_alias="GRAFTWATCH_SITES")
    web_host: str = Field("127.0.0.1", validation_alias="GRAFTWATCH_WEB_HOST")
    web_port: int = Field(0, ge=0, le=65535, validation_alias="GRAFTWATCH_WEB_PORT")
    """Port of /fhir, /health and /metrics; 0: a free one."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="GRAFTWATCH_LOG_LEVEL")
    in_flight: int = Field(32, ge=1, le=1024, validation_alias="GRAFTWATCH_INTAKE_IN_FLIGHT")
    """Most requests held in memory at once; others wait before their body is read."""
    answer_seconds: float = Field(10.0, gt=0, validation_alias="GRAFTWATCH_INTAKE_ANSWER_SECONDS")
    """A request that has no place, no body or no answer of the broker by then is refused; it may be sent again."""


class ConsoleSettings(KafkaSettings):
    """Environment variables of the console: no key of the pseudonyms, for it knows patients by pseudonym only."""

    database_url: Annotated[SecretStr, AfterValidator(postgres_url)]
    sites: Path = Field(Path("deploy/sites"), validation_alias="GRAFTWATCH_SITES")
    protocols: Path | None = Field(None, validation_alias="GRAFTWATCH_PROTOCOLS")
    staff: Path = Field(Path("deploy/console/staff.yaml"), validation_alias="GRAFTWATCH_STAFF")
    """Who may log in with which roles."""
    as_of: Annotated[str | None, AfterValidator(_as_of)] = Field(None, validation_alias="GRAFTWATCH_AS_OF")
    web_host: str = Field("127.0.0.1", validation_alias="GRAFTWATCH_WEB_HOST")
    web_port: int = Field(0, ge=0, le=65535, validation_alias="GRAFTWATCH_WEB_PORT")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="GRAFTWATCH_LOG_LEVEL")
    mode: Literal["production", "development"] = Field("production", validation_alias="GRAFTWATCH_MODE")
    """Development allows a login without a password, cookies over plain HTTP, and shows the mailbox."""
    login: Literal["oidc", "development"] = Field("oidc", validation_alias="GRAFTWATCH_CONSOLE_LOGIN")
    address: str = Field("", validation_alias="GRAFTWATCH_CONSOLE_ADDRESS")
    """The console's own address as browsers see it, https://console.example; needed for the login at a provider."""
    crosswalk_key: Annotated[SecretStr, AfterValidator(sound_crosswalk_key)] | None = Field(
        None, validation_alias="GRAFTWATCH_CROSSWALK_KEY"
    )
    """Opens what names a person, for whoever may re-identify; None: nobody can, here."""
    trusted_proxies: str = Field("", validation_alias="GRAFTWATCH_CONSOLE_TRUSTED_PROXIES")
    """Addresses of proxies whose X-Forwarded-For is believed, separated by commas."""
    oidc_issuer: str = Field("", validation_alias="GRAFTWATCH_OIDC_ISSUER")
    oidc_client_id: str = Field("", validation_alias="GRAFTWATCH_OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr = Field(SecretStr(""), validation_alias="GRAFTWATCH_OIDC_CLIENT_SECRET")
    """Empty for a public client: PKCE is used either way."""
    oidc_person_claim: str = Field("sub", validation_alias="GRAFTWATCH_OIDC_PERSON_CLAIM")
    oidc_roles_claim: str = Field("", validation_alias="GRAFTWATCH_OIDC_ROLES_CLAIM")
    """Claim with roles as study/site/role; empty: roles come from the staff file."""
    oidc_ca_file: Path | None = Field(None, validation_alias="GRAFTWATCH_OIDC_CA_FILE")
    """Certificates to trust besides the system's, where the provider has one of the house's own authority."""
    session_hours: float = Field(12.0, gt=0, le=24, validation_alias="GRAFTWATCH_CONSOLE_SESSION_HOURS")
    idle_minutes: float = Field(30.0, gt=0, validation_alias="GRAFTWATCH_CONSOLE_IDLE_MINUTES")
    requests_per_minute: int = Field(600, ge=1, validation_alias="GRAFTWATCH_CONSOLE_REQUESTS_PER_MINUTE")
    logins_per_minute: int = Field(20, ge=1, validation_alias="GRAFTWATCH_CONSOLE_LOGINS_PER_MINUTE")

    @property
    def evaluation_time(self) -> datetime | None:
        """`as_of` as an instant."""
        return instant(self.as_of) if self.as_of else None

    @model_validator(mode="after")
    def _login_is_possible(self) -> Self:
        if self.login == "development":
            if self.mode != "development":
                raise ValueError(
                    "GRAFTWATCH_CONSOLE_LOGIN: development needs no password and works only with GRAFTWATCH_MODE=development;"
                    " configure GRAFTWATCH_OIDC_ISSUER instead"
                )
            if self.web_host not in ("127.0.0.1", "::1", "localhost"):
                raise ValueError("GRAFTWATCH_WEB_HOST: the development login listens on 127.0.0.1 only")
            return self
        missing = [
            name
            for name, value in (
                ("GRAFTWATCH_OIDC_ISSUER", self.oidc_issuer),
                ("GRAFTWATCH_OIDC_CLIENT_ID", self.oidc_client_id),
                ("GRAFTWATCH_CONSOLE_ADDRESS", self.address),
            )
            if not value
        ]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be set for a login at an OpenID Connect provider")
        secure = all(v.startswith("https://") for v in (self.oidc_issuer, self.address))
        if self.mode == "production" and not secure:
            raise ValueError("GRAFTWATCH_OIDC_ISSUER, GRAFTWATCH_CONSOLE_ADDRESS: expected https:// in production")
        return self


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def load(**overrides: Any) -> Settings:
    """The settings from the environment; raises ConfigurationError with one line for each fault, values never shown."""
    return read(Settings, overrides)


def load_ingest(**overrides: Any) -> IngestSettings:
    """The settings of ingest from the environment, refused likewise."""
    return read(IngestSettings, overrides)


def load_intake(**overrides: Any) -> IntakeSettings:
    """The intake's settings from the environment, refused like the others."""
    return read(IntakeSettings, overrides)


def load_kafka() -> KafkaSettings:
    """How the environment says that Kafka is reached, for commands that need nothing else; refused like the others."""
    return read(KafkaSettings, {})


def load_traces() -> TraceSettings:
    """Whether and where traces are sent, from the environment; refused like the others."""
    return read(TraceSettings, {})


def load_console(**overrides: Any) -> ConsoleSettings:
    """The console's settings from the environment, refused like the others."""
    return read(ConsoleSettings, overrides)


def read(kind: type[AnySettings], overrides: dict[str, Any]) -> AnySettings:
    """Settings of this kind from the environment and its secret files; raises ConfigurationError, a line for each fault."""
    faults: list[str] = []
    unread: set[str] = set()
    for variable, name in secret_files.secrets_of(kind).items():
        try:
            secret = secret_files.value(os.environ, variable)
        except ConfigurationError as error:
            faults.append(str(error))
            unread.add(variable)
        else:
            if secret:
                overrides = {name: secret, **overrides}
    try:
        settings = kind(**overrides)
    except ValidationError as error:
        found = [e for e in error.errors() if not (e["loc"] and str(e["loc"][0]).upper() in unread)]
        faults += [_line(e["loc"], e["type"], e["msg"]) for e in found]
        raise ConfigurationError("\n".join(faults)) from None
    if faults:
        raise ConfigurationError("\n".join(faults))
    return settings


def _line(place: tuple[int | str, ...], kind: str, message: str) -> str:
    if not place:  # a fault of several variables together, which it names itself
        return message.removeprefix("Value error, ")
    name = str(place[0]).upper()
    if kind == "missing":
        return f'{name} is not set; for the local stack: eval "$(graftwatch env)"'
    return f"{name}: {message.removeprefix('Value error, ')}"


def instant(text: str) -> datetime:
    """An ISO instant with offset, or a date: the end of that day, UTC. Raises ValueError naming the expected form."""
    try:
        if len(text) == len("2024-05-03"):
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59, 999999), UTC)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date (YYYY-MM-DD) or an ISO instant with offset") from None
    if instant.tzinfo is None:
        raise ValueError("expected an offset such as Z or +02:00")
    return instant.astimezone(UTC)
