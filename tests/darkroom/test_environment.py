"""Secrets that come as files."""

from pathlib import Path

import pytest

from darkroom.environment import SECRETS, open_secrets
from darkroom.errors import UsageError
from tasks.addresses import checked


def test_a_file_takes_the_place_of_its_variable(tmp_path: Path) -> None:
    """NAME_FILE becomes NAME without the newline of the file's end, and what is started next finds it done."""
    (tmp_path / "login").write_text("viewer:secret\n")
    environment = {"FLOWER_BASIC_AUTH_FILE": str(tmp_path / "login"), "OTHER_FILE": "stays"}
    open_secrets(environment)
    assert environment == {"FLOWER_BASIC_AUTH": "viewer:secret", "OTHER_FILE": "stays"}
    open_secrets(environment)
    assert environment == {"FLOWER_BASIC_AUTH": "viewer:secret", "OTHER_FILE": "stays"}


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://worker@broker:6379/0", "redis://worker:p%2Fw%40d%3A@broker:6379/0"),
        ("redis://broker:6379/0", "redis://:p%2Fw%40d%3A@broker:6379/0"),
        (
            "rediss://worker@broker/0?ssl_cert_reqs=required",
            "rediss://worker:p%2Fw%40d%3A@broker/0?ssl_cert_reqs=required",
        ),
    ],
)
def test_a_password_goes_into_its_address(tmp_path: Path, url: str, whole: str) -> None:
    """With any character in it, the address stays one that is taken."""
    (tmp_path / "password").write_text("p/w@d:")
    environment = {"REDIS_URL": url, "REDIS_PASSWORD_FILE": str(tmp_path / "password")}
    open_secrets(environment)
    assert environment == {"REDIS_URL": whole}
    assert checked(whole) == whole


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"REDIS_URL_FILE": "nowhere"}, "REDIS_URL_FILE=nowhere cannot be read"),
        ({"REDIS_URL": "redis://a", "REDIS_URL_FILE": "nowhere"}, "REDIS_URL and REDIS_URL_FILE are both set"),
        ({"REDIS_PASSWORD": "secret"}, "a password for REDIS_URL, which is not set"),
        ({"REDIS_URL": "redis://u:p@h", "REDIS_PASSWORD": "secret"}, "for REDIS_URL, which has a password already"),
    ],
)
def test_what_does_not_fit_is_a_sentence(environment: dict[str, str], sentence: str) -> None:
    """A file that is missing and a secret that is given twice are named; no secret is in the sentence."""
    with pytest.raises(UsageError, match=sentence) as caught:
        open_secrets(environment)
    assert "secret" not in str(caught.value)


def test_every_password_may_be_a_file() -> None:
    """The users of both servers, too: `darkroom acl` reads the same files as the processes."""
    assert {"DARKROOM_WORKER_PASSWORD", "DARKROOM_IMAGES_PASSWORD", "FLOWER_COOKIE_SECRET", "REDIS_PASSWORD"} <= set(
        SECRETS
    )
