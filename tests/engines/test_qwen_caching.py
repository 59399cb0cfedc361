import torch
from hypothesis import given, strategies as st

from tasks.engines.qwen.caching import TensorCache, Uses

BYTES = 4


def floats(count: int) -> torch.Tensor:
    return torch.zeros(count)


def test_what_was_made_is_made_once() -> None:
    cache = TensorCache(100)
    first = cache.get("a", lambda: floats(3))
    assert cache.get("a", lambda: floats(4)) is first
    assert cache.uses == Uses(hits=1, misses=1)


@given(
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60),
)
def test_the_bound_holds_and_a_key_never_gives_anothers_tensor(limit: int, asked: list[tuple[int, int]]) -> None:
    """After any calls, at most ``limit`` bytes are kept, and every answer is what was made under its key."""
    cache = TensorCache(limit)
    made: dict[int, list[torch.Tensor]] = {}
    for key, size in asked:

        def make(key: int = key, size: int = size) -> torch.Tensor:
            made.setdefault(key, []).append(floats(size))
            return made[key][-1]

        assert cache.get(key, make) is made[key][-1]
        assert cache.bytes <= limit
    assert cache.uses.hits + cache.uses.misses == len(asked)


def test_the_least_recently_used_goes_first() -> None:
    cache = TensorCache(3 * BYTES)
    for key in ("a", "b", "c", "a", "d"):
        cache.get(key, lambda: floats(1))
    before = cache.uses
    cache.get("a", lambda: floats(1))
    cache.get("b", lambda: floats(1))
    assert cache.uses.since(before) == Uses(hits=1, misses=1)


def test_a_tensor_larger_than_the_bound_pushes_nothing_out() -> None:
    cache = TensorCache(2 * BYTES)
    cache.get("a", lambda: floats(1))
    cache.get("b", lambda: floats(3))
    assert cache.bytes == BYTES


def test_clearing_leaves_nothing() -> None:
    cache = TensorCache(100)
    cache.get("a", lambda: floats(1))
    cache.clear()
    assert cache.bytes == 0
    cache.get("a", lambda: floats(1))
    assert cache.uses == Uses(hits=0, misses=2)
