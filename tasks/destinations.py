"""Where Darkroom may send something on a client's behalf: decisions about URLs and addresses, without a connection.

A client who names a URL must not get a look at the network that Darkroom stands in. Public addresses are listed by
what they are, and everything else is refused: a range that nobody thought of is not public. A name tells nothing for
sure; ``tasks.egress`` checks what it resolves to, and connects to exactly that.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_LENGTH = 2000
"""Characters; servers and proxies commonly take twice that."""
DEFAULT_PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024
"""Below it public hosts have mail, shells and name servers, where our attempts would count as abuse."""

_IPV4_NOT_PUBLIC = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
"""IANA's special-purpose registry and multicast, https://www.iana.org/assignments/iana-ipv4-special-registry."""
_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is assigned to hosts. Loopback, mapped, unique local, link-local, site-local and multicast lie outside."""
_IPV6_NOT_PUBLIC = tuple(
    map(
        IPv6Network,
        # Protocol assignments with Teredo, documentation, 6to4 (both tunnels hide an IPv4 address), AS112.
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""How networks without IPv4 write a public IPv4 address (RFC 6052): in its last 32 bits."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_INTERNAL_NAMES = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "onion"}
)
"""Last labels that no public host has; `arpa` for ``home.arpa``."""


class RefusedError(Exception):
    """Nothing may be sent there; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that was checked, in the parts that a connection needs: nothing is parsed twice."""

    url: httpx.URL
    host: str
    """ASCII, lower case, without a trailing dot: what is resolved and what the certificate has to be for."""
    port: int
    tls: bool


def is_public(address: Address) -> bool:
    """Whether an address belongs to a host of the public internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _IPV4_NOT_PUBLIC)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _IPV6_GLOBAL_UNICAST and not any(address in network for network in _IPV6_NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be reached. ``networks`` are allowed though private, with any port and without TLS."""

    networks: Sequence[Network] = ()

    def destination(self, text: str) -> Destination:
        """Return a URL's destination. Raises ``RefusedError`` where the URL itself tells that it is not allowed."""
        if len(text) > MAX_URL_LENGTH:
            raise RefusedError(f"The URL is longer than {MAX_URL_LENGTH} characters.")
        destination = _parsed(text)
        literal = _literal(destination.host)
        if literal is not None:
            self.require(destination, literal)
        elif not self.networks:
            _require_public_name(destination)
        return destination

    def require(self, destination: Destination, address: Address) -> None:
        """Raise ``RefusedError`` unless the destination, which has this address, is allowed."""
        if any(address in network for network in self.networks):
            return
        if not is_public(address):
            raise RefusedError(f"{destination.host} has no public address.")
        _require_public_port(destination)


def _parsed(text: str) -> Destination:
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii").removesuffix(".")
        url = url.copy_with(host=host)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedError("This is no URL.") from error
    if url.scheme not in DEFAULT_PORTS:
        raise RefusedError("The URL has to begin with https://.")
    if url.userinfo:
        raise RefusedError("The URL must not hold credentials.")
    if not (_is_name(host) or _literal(host)):
        raise RefusedError("The URL names no host.")
    port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port <= 65_535:
        raise RefusedError("The URL has no valid port.")
    return Destination(url, host, port, tls=url.scheme == "https")


def _is_name(host: str) -> bool:
    return len(host) <= 253 and all(map(_LABEL.fullmatch, host.split(".")))


def _literal(host: str) -> Address | None:
    """Return the address that a host is, in any notation that a resolver takes: 127.1, 0x7f000001, 2130706433."""
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        pass
    try:
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None


def _require_public_name(destination: Destination) -> None:
    *parents, last = destination.host.split(".")
    if not parents or last in _INTERNAL_NAMES:
        raise RefusedError(f"{destination.host} is no public name.")
    _require_public_port(destination)


def _require_public_port(destination: Destination) -> None:
    if not destination.tls:
        raise RefusedError("The URL has to begin with https://.")
    if destination.port != DEFAULT_PORTS["https"] and destination.port < FIRST_FREE_PORT:
        raise RefusedError(f"Port {destination.port} is refused; use 443, or one from {FIRST_FREE_PORT} on.")
