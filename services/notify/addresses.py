"""Decides to which addresses a message may go: public ones over TLS, and the networks that were named. Resolves names itself.

So neither a subscriber nor a name that changes its address makes notify call the machine it runs on, or a metadata service.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressRefusedError(OSError):
    """The address may not be called; says which kind it is, not which it is."""


class Addresses:
    """The addresses that may be called."""

    def __init__(self, networks: str = "") -> None:
        self._networks: tuple[Network, ...] = tuple(ip_network(n.strip()) for n in networks.split(",") if n.strip())

    def check_url(self, url: str) -> None:
        """Raise AddressRefusedError where the address itself tells that it may not be called."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            literal = ip_address(host)
        except ValueError:
            literal = None
        if literal is not None:
            self.check(literal, is_plain=parts.scheme == "http")
        elif parts.scheme == "http" and not self._networks:
            raise AddressRefusedError("http:// is for the networks of GRAFTWATCH_NOTIFY_NETWORKS; expected https://")

    def check(self, address: Address, *, is_plain: bool = False) -> None:
        """Raise AddressRefusedError unless it is public and called over TLS, or in a network that was named."""
        real = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        if any(real in network for network in self._networks if network.version == real.version):
            return
        if not real.is_global or real.is_multicast:
            raise AddressRefusedError("not a public address, nor in GRAFTWATCH_NOTIFY_NETWORKS")
        if is_plain:
            raise AddressRefusedError("http:// is for the networks of GRAFTWATCH_NOTIFY_NETWORKS; expected https://")


class GuardedResolver(AbstractResolver):
    """Resolves a name to those of its addresses that may be called: what was checked is what is connected to."""

    def __init__(self, addresses: Addresses, *, is_plain: bool) -> None:
        self._addresses = addresses
        self._is_plain = is_plain

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses; raises AddressRefusedError if none may be called."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        permitted: list[ResolveResult] = []
        refused: AddressRefusedError | None = None
        for kind, _, proto, _, place in found:
            try:
                self._addresses.check(ip_address(str(place[0]).partition("%")[0]), is_plain=self._is_plain)
            except AddressRefusedError as error:
                refused = error
                continue
            permitted.append(_resolved(host, str(place[0]), port, kind, proto))
        if not permitted and refused is not None:
            raise refused
        return permitted

    async def close(self) -> None:
        """Nothing is held."""


def _resolved(host: str, address: str, port: int, family: int, proto: int) -> ResolveResult:
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=proto, flags=socket.AI_NUMERICHOST
    )


def within(url: str, beginnings: Sequence[str]) -> bool:
    """Whether an address begins with one of these: same scheme, host and port, and a path below."""
    return any(_below(urlsplit(url), urlsplit(beginning)) for beginning in beginnings)


def _below(url: SplitResult, beginning: SplitResult) -> bool:
    if (url.scheme, url.netloc.lower()) != (beginning.scheme, beginning.netloc.lower()):
        return False
    path = beginning.path.rstrip("/")
    inside = url.path == path or url.path.startswith(path + "/")
    return inside and ".." not in url.path.split("/")
