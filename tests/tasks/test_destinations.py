import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, given, strategies as st

from tasks.destinations import Address, Policy, RefusedError, is_public

NOBODY = Policy()
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8")
NOT_PUBLIC = (
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.0.0.8"),  # noqa: S104 - nobody listens there
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.19.0.1", "198.51.100.7", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
)


def refusal(url: str, policy: Policy = NOBODY) -> str | None:
    """What a policy says against a URL."""
    try:
        policy.destination(url)
    except RefusedError as error:
        return str(error)
    return None


def notations(address: IPv4Address) -> list[str]:
    """Ways to write an IPv4 address that resolvers take."""
    number, parts = int(address), str(address).split(".")
    octal = ".".join(f"0{int(part):o}" for part in parts)
    hexadecimal = ".".join(hex(int(part)) for part in parts)
    short = f"{parts[0]}.{number & 0xFFFFFF}"
    return [str(address), str(number), hex(number), f"0{number:o}", octal, hexadecimal, short, f"{address}."]


@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_of_the_internet_are_public(address: str) -> None:
    """Ordinary addresses may be reached, also through NAT64."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_special_addresses_are_not(address: str) -> None:
    """Private, loopback, link-local, metadata, shared, documentation, multicast, mapped and tunnelled ones."""
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_what_the_registries_call_special_is_never_public(address: Address) -> None:
    """No address that Python's copy of IANA's registries marks in any way gets through."""
    marks = (
        *(address.is_private, address.is_loopback, address.is_link_local, address.is_multicast),
        *(address.is_reserved, address.is_unspecified, not address.is_global),
    )
    if isinstance(address, IPv6Address):
        if address in ipaddress.IPv6Network("64:ff9b::/96"):
            assert is_public(address) == is_public(IPv4Address(int(address) & 0xFFFFFFFF))
            return
        marks += (address.is_site_local, address.ipv4_mapped, address.sixtofour, address.teredo)
    assert not (any(marks) and is_public(address))


@given(st.ip_addresses(v=4))
def test_a_special_address_is_refused_in_every_notation(address: IPv4Address) -> None:
    """Decimal, octal, hexadecimal, shortened, with a trailing dot: as it is written makes no difference."""
    assert (refusal(f"https://{address}/hook") is None) == is_public(address)
    for host in notations(address):
        assert is_public(address) or refusal(f"https://{host}/hook"), host


@given(st.ip_addresses(v=6))
def test_an_ipv6_literal_is_judged_by_its_address(address: IPv6Address) -> None:
    """In brackets, compressed or in full, with the port or without."""
    for text in (str(address), address.exploded):
        assert (refusal(f"https://[{text}]:8443/hook") is None) == is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://localhost/",
            "https://LOCALHOST./",
            "https://api.localhost/",
            "https://receiver/",
            "https://x.local/",
        ),
        *("https://metadata.google.internal/", "https://nas.lan/", "https://router.home.arpa/", "https://a.corp/"),
        *("http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "//example.org/"),
        *("example.org", "", "https://", "https:///hook", "https:example.org", "javascript:alert(1)"),
        *("https://user:word@example.org/", "https://user@example.org/", "https://example.org\\@10.0.0.1/"),
        *("https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::1]/", "https://[v1.x]/", "https://[::1/"),
        *("https://127。0。0。1/", "https://１２７.0.0.1/", "https://①②⑦.0.0.1/", "https://127%2e0%2e0%2e1/"),
        *("https://example.org:22/", "https://example.org:25/", "https://example.org:80/", "https://example.org:0/"),
        *("https://example.org:65536/", "https://example.org:-1/", "https://exa mple.org/", "https://a..org/"),
        *(
            "https://example.org/\r\nX-Evil: 1",
            "https://example.org/\x00",
            "https://\ud800.org/",
            "https://x.org/\ud800",
        ),
        *(
            "https://-x.org/",
            f"https://{'a' * 64}.org/",
            f"https://{'a.' * 130}org/",
            "https://example.org/" + "a" * 2000,
        ),
    ],
)
def test_what_the_url_itself_tells_is_refused(url: str) -> None:
    """Schemes, credentials, internal names, hidden addresses, other services' ports, and what is no URL."""
    assert refusal(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.org/hook?x=1", "example.org", 443),
        ("HTTPS://Example.ORG.:8443/", "example.org", 8443),
        ("https://bücher.example.org/", "xn--bcher-kva.example.org", 443),
        ("https://hooks_2.example.org/" + "a" * 1900, "hooks_2.example.org", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443),
    ],
)
def test_an_ordinary_receiver_is_accepted(url: str, host: str, port: int) -> None:
    """The parts that are connected to are those of the URL, in one spelling."""
    destination = NOBODY.destination(url)
    assert (destination.host, destination.port, destination.tls) == (host, port, True)


@given(st.text(max_size=80))
def test_no_text_is_more_than_refused(text: str) -> None:
    """Whatever a client sends, there is an answer."""
    for url in (text, f"https://{text}", f"https://example.org{text}"):
        refusal(url)


def test_an_allowed_network_opens_exactly_itself() -> None:
    """An operator's network may be reached by http and on any port; its neighbours and all names' addresses not."""
    policy = Policy([ipaddress.ip_network("10.1.0.0/16")])
    assert refusal("http://10.1.2.3:80/", policy) is None
    assert refusal("https://10.2.0.1/", policy)
    assert refusal("http://8.8.8.8/", policy)
    inside = policy.destination("http://receiver:25/")
    policy.require(inside, IPv4Address("10.1.0.9"))
    for outside in ("10.2.0.1", "127.0.0.1", "8.8.8.8"):
        with pytest.raises(RefusedError):
            policy.require(inside, IPv4Address(outside))


@given(st.ip_addresses(v=4), st.integers(min_value=1, max_value=65_535))
def test_a_public_host_is_reached_on_ports_of_receivers_only(address: IPv4Address, port: int) -> None:
    """443 and the free ports; not mail, shells or name servers."""
    assume(is_public(address))
    assert (refusal(f"https://{address}:{port}/") is None) == (port == 443 or port >= 1024)
