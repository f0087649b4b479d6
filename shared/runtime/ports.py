"""Free ports on this host, for a web page whose port nobody has chosen."""

from __future__ import annotations

import socket


def free(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
