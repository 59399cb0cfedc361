"""What a gateway remembers of images."""

import pytest

from api.remembered import Remembered


def test_what_was_not_used_for_longest_goes_first() -> None:
    """All together weigh at most what there is room for."""
    memory: Remembered[str, bytes] = Remembered(most=12, seconds=60, weight=len)
    for key in "abcd":
        memory.put(key, key.encode() * 3)
    assert memory.get("a") == b"aaa"
    memory.put("e", b"eee")
    assert {key: memory.get(key) for key in "abcde"} == {"a": b"aaa", "b": None, "c": b"ccc", "d": b"ddd", "e": b"eee"}


def test_the_same_again_takes_no_more_room() -> None:
    """Its weight counts once, by what it is now."""
    memory: Remembered[str, bytes] = Remembered(most=8, seconds=60, weight=len)
    for _ in range(20):
        memory.put("a", b"aa")
        memory.put("b", b"b")
    assert (memory.get("a"), memory.get("b")) == (b"aa", b"b")


def test_what_takes_too_much_room_is_not_remembered() -> None:
    """One large picture does not drive out all others."""
    memory: Remembered[str, bytes] = Remembered(most=8, seconds=60, weight=len)
    memory.put("small", b"a")
    memory.put("large", b"aaa")
    assert (memory.get("small"), memory.get("large")) == (b"a", None)


def test_nothing_is_remembered_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was deleted meanwhile is asked for again."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    memory: Remembered[str, int] = Remembered(most=8, seconds=60)
    memory.put("a", 1)
    now = 159.0
    assert memory.get("a") == 1
    now = 160.0
    assert memory.get("a") is None
