"""Everything a process is configured by, read at start and refused with all its faults at once. Decides nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from shared import sites as site_files
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import ports
from shared.runtime import settings as environment
from shared.runtime.settings import Settings
from shared.sites import ConfigurationError, Site

T = TypeVar("T")


@dataclass(frozen=True)
class Configuration:
    """Settings from the environment, sites and protocols from their files."""

    settings: Settings
    sites: Mapping[str, Site]
    protocols: Mapping[str, Protocol]


def load() -> Configuration:
    """The configuration of this process; raises ConfigurationError with one line for each fault of every part."""
    faults: list[str] = []
    settings = _part(environment.load, faults)
    folders = settings or Settings.model_construct()
    sites = _part(lambda: site_files.load(folders.sites), faults)
    protocols = _part(lambda: protocol_files.load(folders.protocols), faults)
    if settings is not None and not ports.is_free(settings.web_host, settings.web_port):
        faults.append(
            f"GRAFTWATCH_WEB_PORT: port {settings.web_port} of {settings.web_host} is in use or not ours; choose another"
        )
    if faults or settings is None or sites is None or protocols is None:
        raise ConfigurationError("\n".join(faults))
    return Configuration(settings, sites, protocols)


def _part(read: Callable[[], T], faults: list[str]) -> T | None:
    try:
        return read()
    except ConfigurationError as error:
        faults.append(str(error))
        return None
