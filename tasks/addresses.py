"""Addresses of the two Valkey servers: what ``REDIS_URL`` and ``IMAGE_CACHE_URL`` may say.

``rediss://user:password@host:port/0`` speaks TLS, and the server's certificate and name are always checked: against the
machine's authorities, or against ``ssl_ca_certs``. Celery and Flower would take a ``rediss://`` without options as
leave to check nothing, so every address is made explicit here, once, before anything reads it.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator

EMBEDDED_BROKER_PORT = 6399
"""`make up` listens here, away from 6379, where a machine's own Redis would be."""
EMBEDDED_CACHE_PORT = 6398

_CHECKED = "required"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def checked(url: str) -> str:
    """Return the address with what TLS has to check written out.

    Raises ``ValueError`` for an address that nobody should use; the sentence does not repeat the address, which may
    hold a password.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme not in {"redis", "rediss"}:
        raise ValueError("an address of a server begins with redis:// or, for TLS, rediss://")
    _require_host_and_port(parts)
    unknown = set(options) - {"ssl_cert_reqs", *_FILES}
    if unknown:
        raise ValueError(f"the options of an address are ssl_cert_reqs, {', '.join(_FILES)}; not {min(unknown)}")
    if parts.scheme == "redis":
        if options:
            raise ValueError("options of TLS need an address that begins with rediss://")
        return url
    if options.setdefault("ssl_cert_reqs", _CHECKED) != _CHECKED:
        raise ValueError(
            "ssl_cert_reqs=required is the only choice: TLS without a check of the certificate protects from nobody; "
            "name the authority of a private certificate with ssl_ca_certs=/path"
        )
    missing = [name for name in _FILES if name in options and not Path(options[name]).is_file()]
    if missing:
        raise ValueError(f"{missing[0]}={options[missing[0]]}: there is no such file")
    return parts._replace(query=urlencode(options, safe="/")).geturl()


def _require_host_and_port(parts: SplitResult) -> None:
    try:
        complete = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # its own sentence would quote what may be a part of the password
        complete = False
    if not complete:
        raise ValueError("the address needs a host and a port; write special characters of a password as %XX")


ServerUrl = Annotated[str, AfterValidator(checked)]
"""Type of a setting with such an address."""


def tls_options(url: str) -> Mapping[str, str | ssl.VerifyMode] | None:
    """Return what Celery and Flower need to be told beside the address; None without TLS."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    files = {name: value for name, value in parse_qsl(parts.query) if name in _FILES}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **files}


def tls_context(url: str) -> ssl.SSLContext | None:
    """Return what a bare connection to a checked address needs; None without TLS."""
    options = tls_options(url)
    if options is None:
        return None
    files = {name: str(options[name]) for name in _FILES if name in options}
    context = ssl.create_default_context(cafile=files.get("ssl_ca_certs"))
    if "ssl_certfile" in files:
        context.load_cert_chain(files["ssl_certfile"], files.get("ssl_keyfile"))
    return context


def has_password(url: str) -> bool:
    """Whether the address would tell a password to whoever reads it."""
    return urlsplit(url).password is not None


def place(url: str) -> str:
    """Return where the server is, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"
