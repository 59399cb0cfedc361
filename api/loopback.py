"""What never leaves this machine."""

import ipaddress


def is_local(server: tuple[str, int | None] | None, client: tuple[str, int] | None) -> bool:
    """Whether a connection with these ends (``scope["server"]``, ``scope["client"]``) never left this machine.

    A Unix socket has a path and no port; its client has no address, unless a proxy told one.
    """
    if server is None:
        return False
    name, port = server
    is_unix_socket = port is None
    if client is None:
        return is_unix_socket
    return (is_unix_socket or is_loopback_name(name)) and is_loopback_name(client[0])


def is_loopback_name(name: str) -> bool:
    """Whether a host's name or address always means this machine (RFC 6761, 6.3; RFC 1122; RFC 4291)."""
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
