"""The recipients file: who there is, by which addresses, and the rules by which they are told. Decides its shape only.

A file with faults is refused with all of them; what a sound file fails to reach is the matter of `coverage`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from services.notify.hours import Digest, QuietHours
from services.notify.notices import ESCALATION, SUBSCRIPTION, TOLD_BEFORE
from services.notify.urgency import KINDS, Urgency
from shared.sites import ConfigurationError

_SECRET_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)
_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * _MINUTES
_ADDRESS: Final = re.compile(r"^[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+$")
_RESERVED: Final = (TOLD_BEFORE, ESCALATION, SUBSCRIPTION)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Days = tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]


def _clock_time(value: Any) -> Any:
    # YAML 1.1 reads an unquoted 22:00 as a number of minutes (base 60).
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _DAY_MINUTES:
        return time(value // _MINUTES, value % _MINUTES)
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        hour, _, minute = value.partition(":")
        return time(int(hour), int(minute))
    raise ValueError("expected a time of day such as 07:30")


def _url(value: str) -> str:
    if not re.match(r"^https?://[^/?#@\s]+([/?][^\s#]*)?$", value):
        raise ValueError("expected https://host/path, without user, password or fragment")
    return value


def _kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"unknown kind {value!r}; there are {', '.join(sorted(KINDS))}")
    return value


TimeOfDay = Annotated[time, BeforeValidator(_clock_time)]
Url = Annotated[str, AfterValidator(_url)]
Kind = Annotated[str, AfterValidator(_kind)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class QuietTime(_Part):
    """`{from: 22:00, to: 07:00, unless: stat}`."""

    begin: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    unless: Urgency = Urgency.STAT
    """What is at least that urgent goes out all the same."""

    @property
    def hours(self) -> QuietHours:
        """For the rules."""
        return QuietHours(self.begin, self.end, self.unless)


class Webhook(_Part):
    """Where a system takes Standard Webhooks, and the variable that holds its secrets (`whsec_…`, newest first)."""

    url: Url
    secret_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class Subscriber(_Part):
    """A system that may make FHIR Subscriptions: its token, what it may see, where it may have it sent."""

    token_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    studies: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    endpoints: tuple[Url, ...] = Field(min_length=1)
    """Beginnings of addresses that its subscriptions may name."""


class Recipient(_Part):
    """A person, a team or a system."""

    id: Name
    name: str = Field(min_length=1)
    time_zone: str = "UTC"
    email: str | None = None
    webhook: Webhook | None = None
    fhir: Subscriber | None = None
    identifiers: bool = False
    """Whether the hospital's patient id may be written to this recipient; needs GRAFTWATCH_NOTIFY_IDENTIFIERS too."""
    until: date | None = None
    """The last day on which this recipient is told anything."""
    quiet_hours: QuietTime | None = None

    @field_validator("email")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.match(value):
            raise ValueError("expected one address, name@host")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}; expected a name such as Europe/Berlin")
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """For quiet hours and digests."""
        return ZoneInfo(self.time_zone)

    def is_active(self, at: datetime) -> bool:
        """Whether this recipient is still told things."""
        return self.until is None or at.astimezone(self.zone).date() <= self.until

    def has(self, channel: str) -> bool:
        """Whether there is an address for a channel of rules."""
        return getattr(self, channel) is not None


class DigestTimes(_Part):
    """`{digest: [08:00], days: [mon, fri]}`: what has come together goes out as one mail."""

    digest: tuple[TimeOfDay, ...] = Field(min_length=1)
    days: Days = Field(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), min_length=1)

    @property
    def times(self) -> Digest:
        """For the rules."""
        return Digest(tuple(sorted(self.digest)), self.days)


Channels = Annotated[tuple[Literal["email", "webhook"], ...], Field(min_length=1)]


class Step(_Part):
    """Whom to tell when nobody has acknowledged so many minutes after the first were told."""

    after_minutes: int = Field(gt=0, le=30 * _DAY_MINUTES)
    to: tuple[Name, ...] = Field(min_length=1)
    by: Channels = ("email",)


class Rule(_Part):
    """Who is told of which events; what is left out does not restrict."""

    name: Name
    to: tuple[Name, ...]
    studies: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    kinds: tuple[Kind, ...] | None = None
    urgency: Urgency = Urgency.ROUTINE
    """The least urgent that is told."""
    when: Mapping[str, tuple[str, ...]] = {}
    """Fields of the event and the values one of which they must have: `{status: [eligible]}`."""
    by: Channels = ("email",)
    send: Literal["at-once"] | DigestTimes = "at-once"
    quiet_hours: QuietTime | None = None
    """In place of the recipients' own."""
    escalate: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.name in _RESERVED:
            raise ValueError(f"{self.name!r} is a word of our own; choose another name")
        if self.send != "at-once" and self.by != ("email",):
            raise ValueError("send: a digest goes by email alone")
        fields = {f for kind in self.kinds or KINDS for f in KINDS[kind].__struct_fields__}
        unknown = [f for f in self.when if f not in fields]
        if unknown:
            raise ValueError(f"when: no such field of these kinds: {', '.join(unknown)}; see docs/generated/events.md")
        minutes = [step.after_minutes for step in self.escalate]
        if minutes != sorted(set(minutes)):
            raise ValueError("escalate: expected after_minutes to rise from step to step")
        return self


class _File(_Part):
    recipients: tuple[Recipient, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        faults = [*_twice("recipient", (r.id for r in self.recipients)), *_twice("rule", (r.name for r in self.rules))]
        tokens = Counter(r.fhir.token_sha256 for r in self.recipients if r.fhir)
        shared = [r.id for r in self.recipients if r.fhir and tokens[r.fhir.token_sha256] > 1]
        if shared:
            faults.append(f"token_sha256: {', '.join(shared)} share a token, which then names nobody")
        known = {r.id: r for r in self.recipients}
        for rule in self.rules:
            told = [(f"rule {rule.name}", rule.to, rule.by)]
            told += [(f"rule {rule.name}: escalate", step.to, step.by) for step in rule.escalate]
            faults += [fault for where, to, by in told for fault in _unreachable(where, to, by, known)]
        if faults:
            raise ValueError("\n".join(faults))
        return self


class Directory(BaseModel):
    """Recipients by id, rules in order, the secrets of webhooks, and the hash that notices cite."""

    model_config = ConfigDict(frozen=True)

    recipients: Mapping[str, Recipient] = {}
    rules: tuple[Rule, ...] = ()
    secrets: Mapping[str, tuple[bytes, ...]] = Field(default={}, repr=False)
    """Of each recipient with a webhook: the keys that sign, newest first."""
    hash: str = hashlib.sha256(b"").hexdigest()


def load(path: Path | None, environ: Mapping[str, str]) -> Directory:
    """Read the recipients file; raises ConfigurationError with one line for each fault. No path: nobody is told."""
    if path is None:
        return Directory()
    try:
        raw = path.read_bytes()
        file = _File.model_validate(yaml.safe_load(raw) or {})
    except OSError as error:
        raise ConfigurationError(f"GRAFTWATCH_RECIPIENTS: cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ConfigurationError("\n".join(_lines(path, error))) from None
    faults: list[str] = []
    secrets = {r.id: _secrets(r, r.webhook, environ, faults) for r in file.recipients if r.webhook}
    if faults:
        raise ConfigurationError("\n".join(f"{path}: {fault}" for fault in faults))
    recipients = {r.id: r for r in file.recipients}
    return Directory(recipients=recipients, rules=file.rules, secrets=secrets, hash=hashlib.sha256(raw).hexdigest())


def _lines(path: Path, error: ValidationError) -> Iterator[str]:
    found = error.errors()
    for e in found:
        inside = [other for other in found if other is not e and other["loc"][: len(e["loc"])] == e["loc"]]
        if e["type"] == "too_short" and inside:
            continue  # only because what is wrong with its items is named already
        place = ".".join(str(part) for part in e["loc"])
        for line in e["msg"].removeprefix("Value error, ").splitlines():
            yield f"{path}: {place}: {line}" if place else f"{path}: {line}"


def _twice(what: str, names: Iterable[str]) -> list[str]:
    return [f"{what} {name!r} is there {n} times" for name, n in Counter(names).items() if n > 1]


def _unreachable(where: str, to: Iterable[str], by: Iterable[str], known: Mapping[str, Recipient]) -> Iterator[str]:
    for name in to:
        recipient = known.get(name)
        if recipient is None:
            yield f"{where}: no recipient {name!r}"
            continue
        yield from (f"{where}: recipient {name} has no {c}" for c in by if not recipient.has(c))


def _secrets(
    recipient: Recipient, webhook: Webhook, environ: Mapping[str, str], faults: list[str]
) -> tuple[bytes, ...]:
    words = environ.get(webhook.secret_env, "").split()
    if not words:
        faults.append(f"recipient {recipient.id}: the variable {webhook.secret_env} is not set; expected whsec_…")
    keys = [_key(word) for word in words]
    if None in keys:
        faults.append(
            f"recipient {recipient.id}: {webhook.secret_env}: expected whsec_ and the base64 of 24 to 64 bytes,"
            " several separated by spaces"
        )
    return tuple(key for key in keys if key is not None)


def _key(word: str) -> bytes | None:
    try:
        key = base64.b64decode(word.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        return None
    return key if word.startswith(_SECRET_PREFIX) and len(key) in _SECRET_BYTES else None
