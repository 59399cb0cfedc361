"""Calls from several threads that share one."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tasks.batching import Batcher
from tests.lab import wait_for

LONG = 60.0
SHORT = 0.001


class Machine:
    """Doubles numbers, a batch at a time, and only when it is let; remembers its batches."""

    def __init__(self, *, open_: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.threads.add(threading.get_ident())
        assert self.gate.wait(LONG)
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


def batcher(machine: Machine, *, most: int = 8, wait_seconds: float = SHORT) -> Batcher[int, int]:
    return Batcher(machine, most=most, wait_seconds=wait_seconds, name="test")


def ask(pool: ThreadPoolExecutor, double: Batcher[int, int], numbers: Sequence[int]) -> list["Future[int]"]:
    return [pool.submit(double, number, number) for number in numbers]


def waiting(double: Batcher[int, int]) -> Callable[[], int]:
    return lambda: len(double._waiting)


def test_a_full_batch_does_not_wait() -> None:
    """As many as fit are computed at once, though the wait for more would be long."""
    machine = Machine()
    with ThreadPoolExecutor(8) as pool:
        answers = [each.result(LONG) for each in ask(pool, batcher(machine, wait_seconds=LONG), range(8))]
    assert answers == [0, 2, 4, 6, 8, 10, 12, 14]
    assert [sorted(batch) for batch in machine.batches] == [list(range(8))]


def test_one_alone_is_computed_after_the_wait() -> None:
    """Nobody waits for company that does not come."""
    machine = Machine()
    assert batcher(machine)(7, 7) == 14
    assert machine.batches == [[7]]


def test_what_comes_meanwhile_is_the_next_batch() -> None:
    """While a batch is computed others gather, no more than fit into one; one thread computes them all."""
    machine = Machine(open_=False)
    double = batcher(machine, most=4)
    with ThreadPoolExecutor(8) as pool:
        first = ask(pool, double, [0])
        wait_for(lambda: machine.batches, "the first batch")
        others = ask(pool, double, range(1, 7))
        wait_for(lambda: waiting(double)() == 6, "the others")
        machine.gate.set()
        assert [each.result(LONG) for each in first + others] == [0, 2, 4, 6, 8, 10, 12]
    assert [len(batch) for batch in machine.batches] == [1, 4, 2]
    assert len(machine.threads) == 1


def test_the_same_item_is_computed_once() -> None:
    """Whoever asks for what waits already, or is being computed, shares it; later it is computed again."""
    machine = Machine(open_=False)
    double = batcher(machine)
    with ThreadPoolExecutor(8) as pool:
        first = ask(pool, double, [5, 5])
        wait_for(lambda: machine.batches, "the batch")
        meanwhile = ask(pool, double, [5, 6, 6])
        wait_for(lambda: waiting(double)() == 1, "the other number")
        machine.gate.set()
        assert [each.result(LONG) for each in first + meanwhile] == [10, 10, 10, 12, 12]
    assert machine.batches == [[5], [6]]
    assert double(5, 5) == 10
    assert machine.batches == [[5], [6], [5]]


def test_an_error_reaches_all_callers_of_its_batch_and_nobody_else() -> None:
    """A batch that fails fails for each of its callers, and the next one works."""
    machine = Machine()
    double = batcher(machine, most=3, wait_seconds=LONG)
    with ThreadPoolExecutor(3) as pool:
        for failed in ask(pool, double, [1, 13, 2]):
            with pytest.raises(ValueError, match="unlucky"):
                failed.result(LONG)
        assert [each.result(LONG) for each in ask(pool, double, [1, 2, 3])] == [2, 4, 6]


def test_too_few_outcomes_are_an_error() -> None:
    """A caller whose item got no outcome is told, and does not wait for ever."""
    double: Batcher[int, int] = Batcher(lambda items: [1], most=2, wait_seconds=LONG, name="test")
    with ThreadPoolExecutor(2) as pool:
        answers = [each.exception(LONG) for each in ask(pool, double, [1, 2])]
    assert [type(answer) for answer in answers].count(ValueError) == 1
