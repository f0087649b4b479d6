"""Everything a process is configured by, read at start and refused with all its faults at once. Decides nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shared import sites as site_files
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import notify_settings, ports
from shared.runtime import settings as environment
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.secret_files import WithFiles
from shared.runtime.settings import ConsoleSettings, IngestSettings, IntakeSettings, Settings
from shared.sites import ConfigurationError, Site

S = TypeVar("S", bound=Settings)
T = TypeVar("T")


@dataclass(frozen=True)
class Configuration:
    """Settings from the environment, sites and protocols from their files."""

    settings: Settings
    sites: Mapping[str, Site]
    protocols: Mapping[str, Protocol]


@dataclass(frozen=True)
class IngestConfiguration(Configuration):
    """The same, and the keys of what names a person."""

    settings: IngestSettings


@dataclass(frozen=True)
class IntakeConfiguration:
    """What the intake is configured by: no protocols, for it decides nothing about contents."""

    settings: IntakeSettings
    sites: Mapping[str, Site]


@dataclass(frozen=True)
class ConsoleConfiguration:
    """What the console is configured by; its staff file it reads itself."""

    settings: ConsoleSettings
    sites: Mapping[str, Site]
    protocols: Mapping[str, Protocol]


@dataclass(frozen=True)
class NotifyConfiguration:
    """What notify is configured by, besides its recipients file, whose shape is its own business."""

    settings: NotifySettings
    sites: Mapping[str, Site]
    protocols: Mapping[str, Protocol]
    recipients: Any


def load() -> Configuration:
    """The configuration of this process; raises ConfigurationError with one line for each fault of every part."""
    return Configuration(*_loaded(environment.load))


def load_ingest() -> IngestConfiguration:
    """The configuration of ingest; raises ConfigurationError likewise."""
    return IngestConfiguration(*_loaded(environment.load_ingest))


def _loaded(read: Callable[[], S]) -> tuple[S, Mapping[str, Site], Mapping[str, Protocol]]:
    faults: list[str] = []
    settings = _part(read, faults)
    folders = settings or Settings.model_construct()
    sites = _part(lambda: site_files.load(folders.sites), faults)
    protocols = _part(lambda: protocol_files.load(folders.protocols), faults)
    _listen(settings, faults)
    if faults or settings is None or sites is None or protocols is None:
        raise ConfigurationError("\n".join(faults))
    return settings, sites, protocols


def load_intake() -> IntakeConfiguration:
    """The configuration of the intake; raises ConfigurationError likewise."""
    faults: list[str] = []
    settings = _part(environment.load_intake, faults)
    folders = settings or IntakeSettings.model_construct()
    sites = _part(lambda: site_files.load(folders.sites), faults)
    _listen(settings, faults)
    if faults or settings is None or sites is None:
        raise ConfigurationError("\n".join(faults))
    return IntakeConfiguration(settings, sites)


def load_console() -> ConsoleConfiguration:
    """The configuration of the console; raises ConfigurationError likewise."""
    faults: list[str] = []
    settings = _part(environment.load_console, faults)
    folders = settings or ConsoleSettings.model_construct()
    sites = _part(lambda: site_files.load(folders.sites), faults)
    protocols = _part(lambda: protocol_files.load(folders.protocols), faults)
    _listen(settings, faults)
    if faults or settings is None or sites is None or protocols is None:
        raise ConfigurationError("\n".join(faults))
    return ConsoleConfiguration(settings, sites, protocols)


def load_notify(read_recipients: Callable[[Path | None, Mapping[str, str]], T]) -> NotifyConfiguration:
    """The configuration of notify with its recipients as read; raises ConfigurationError likewise."""
    faults: list[str] = []
    settings = _part(notify_settings.load, faults)
    folders = settings or NotifySettings.model_construct()
    sites = _part(lambda: site_files.load(folders.sites), faults)
    protocols = _part(lambda: protocol_files.load(folders.protocols), faults)
    stated = os.environ.get("GRAFTWATCH_RECIPIENTS")  # also where another setting is wrong: all faults at once
    path = Path(stated) if stated else None
    recipients = _part(lambda: read_recipients(path, WithFiles(os.environ)), faults)
    _listen(settings, faults)
    if faults or settings is None or sites is None or protocols is None or recipients is None:
        raise ConfigurationError("\n".join(faults))
    return NotifyConfiguration(settings, sites, protocols, recipients)


def _listen(settings: Settings | IntakeSettings | ConsoleSettings | NotifySettings | None, faults: list[str]) -> None:
    if settings is not None and not ports.is_free(settings.web_host, settings.web_port):
        faults.append(
            f"GRAFTWATCH_WEB_PORT: port {settings.web_port} of {settings.web_host} is in use or not ours; choose another"
        )


def _part(read: Callable[[], T], faults: list[str]) -> T | None:
    try:
        return read()
    except ConfigurationError as error:
        faults.append(str(error))
        return None
