"""The line before a pool: whose job comes next, and that nobody's is forgotten."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tasks import ledger
from tasks.jobs import Edit, Operation, Stage
from tasks.ledger import Claimed, Ledger, Submitted
from tasks.queues import Priority
from tasks.settings import settings

EDIT = Edit(operation=Operation.TEXT_TO_IMAGE, prompt="a boat", seed=1)
LISTS = {priority: f"openings-{int(priority)}" for priority in Priority}
"""Lists that no worker serves."""


@pytest.fixture
def line(environment: dict[str, str]) -> Iterator["Line"]:
    """An empty ledger of the test's own."""
    opened = Line(ledger.connect(environment["REDIS_URL"].replace("/0", "/3")))
    opened.book.client.flushdb()
    yield opened
    opened.book.client.flushdb()
    opened.book.client.close()


@dataclass
class Line:
    """Owners who submit, and one worker that prepares and generates whatever message comes first."""

    book: Ledger
    bodies: deque[str] = field(default_factory=deque)
    submitted: int = 0

    def submit(self, owner: str, priority: Priority = Priority.INTERACTIVE, *, limit: int = 0) -> str:
        """Submit a job and return its id."""
        # Numbered, so that a run that is repeated is the same run.
        self.submitted += 1
        job_id = f"job-{self.submitted:06}"
        move = ledger.submit(
            job_id, EDIT, message=job_id, list_key=LISTS[priority], owner=owner, priority=priority, open_limit=limit
        )
        return self.book.apply(move).accepted()

    def pushed(self) -> list[str]:
        """Ids whose opening message lies in its queue, those served first first."""
        return [job_id for priority in Priority for job_id in self.book.client.lrange(LISTS[priority], 0, -1)[::-1]]

    def open_next(self) -> None:
        """Take the next opening message, prepare that job, and put it before the pool."""
        for priority in Priority:
            job_id = self.book.client.rpop(LISTS[priority])
            if isinstance(job_id, str):
                attempt = ledger.new_token(job_id)
                if self.book.apply(ledger.claim(attempt, Stage.OPENING, "cpu")) is Claimed.CLAIMED:
                    self.book.apply(ledger.launch(attempt, ledger.new_token(job_id), 0, {}))
                    self.bodies.append(job_id)
                return

    def generate_next(self) -> str | None:
        """Take the next prepared job, do it, and return its id; None if none is prepared or it was cancelled."""
        if not self.bodies:
            return None
        job_id = self.bodies.popleft()
        token = ledger.new_token(job_id)
        if self.book.apply(ledger.claim(token, Stage.BODY, "a100")) is not Claimed.CLAIMED:
            return None
        self.book.apply(ledger.succeed(token, {}))
        return job_id

    def owner_of(self, job_id: str) -> str:
        """Whose a job is."""
        return str(self.book.client.hget(f"darkroom:job:{job_id}", "owner"))

    def rank(self, job_id: str) -> int | None:
        """A job's place, 0 is next."""
        read = self.book.apply(ledger.read(job_id))
        assert read is not None
        return read[0].queue_position


def test_a_thousand_jobs_do_not_starve_one(line: Line) -> None:
    """Another owner's job waits for as many of the crowd's as are ahead, not for all of them; its rank tells."""
    crowd = [line.submit("crowd") for _ in range(1000)]
    assert line.pushed() == crowd[: settings().jobs_ahead]
    lonely = line.submit("lonely")
    assert line.rank(lonely) == 1
    order = []
    while lonely not in order:
        line.open_next()
        order.append(line.generate_next())
    assert len(order) <= settings().jobs_ahead + 1
    assert line.rank(crowd[-1]) == 1000 - len(order)


def test_owners_take_turns(line: Line) -> None:
    """Of three owners with many jobs each, each gets a third of the pool, whatever the order of their submits."""
    for owner in ("a", "b", "c"):
        for _ in range(40):
            line.submit(owner)
    done = []
    for _ in range(60):
        line.open_next()
        done.append(line.owner_of(line.generate_next() or ""))
    for owner in ("a", "b", "c"):
        assert abs(done.count(owner) - 20) <= settings().jobs_ahead


def test_an_owner_s_interactive_job_passes_his_own_batch(line: Line) -> None:
    """Batch jobs that are ahead do not hold back the same owner's interactive job."""
    for _ in range(50):
        line.submit("a", Priority.BATCH)
    urgent = line.submit("a")
    assert line.pushed()[0] == urgent
    assert line.rank(urgent) == 0


def test_a_cancelled_job_makes_room(line: Line) -> None:
    """A cancel of one that is ahead lets the next one set out; a cancel of a held one takes it out of the line."""
    ids = [line.submit("a") for _ in range(settings().jobs_ahead + 2)]
    line.book.apply(ledger.cancel(ids[-2]))
    line.book.apply(ledger.cancel(ids[0]))
    assert line.pushed() == [*ids[:-2], ids[-1]]
    assert line.rank(ids[-1]) == len(ids) - 3


def test_a_returning_owner_gets_no_credit_for_his_absence(line: Line) -> None:
    """Who comes after a long time stands with the others' next turn, and nothing is kept of who has no jobs."""
    for _ in range(30):
        line.submit("a")
    for _ in range(20):
        line.open_next()
        line.generate_next()
    late = [line.submit("b") for _ in range(3)]
    assert [line.rank(job_id) for job_id in late] == [1, 3, 5]
    while line.generate_next() or line.pushed():
        line.open_next()
    assert set(line.book.client.hkeys("darkroom:jobs:turns:generation")) == {"0"}
    left = set(line.book.client.keys("darkroom:jobs:*"))
    assert left == {"darkroom:jobs:turns:generation", "darkroom:jobs:arrivals", "darkroom:jobs:seconds"}


def test_an_owner_has_so_many_open_jobs_and_no_more(line: Line) -> None:
    """At the cap a submit is refused and writes nothing; when a job ends, the next one is accepted."""
    ids = [line.submit("a", limit=3) for _ in range(3)]
    refused = ledger.new_job_id()
    move = ledger.submit(refused, EDIT, message="m", list_key=LISTS[Priority.INTERACTIVE], owner="a", open_limit=3)
    assert line.book.apply(move).answer is Submitted.CROWDED
    assert line.book.apply(ledger.read(refused)) is None
    assert line.submit("b", limit=3)
    line.book.apply(ledger.cancel(ids[1]))
    assert line.book.apply(move).answer is Submitted.CREATED


def test_the_sweeper_lets_a_forgotten_job_set_out(line: Line) -> None:
    """If a job is held although there is room, the sweeper's move is the net: it sets out, and is no lost job."""
    ids = [line.submit("a") for _ in range(settings().jobs_ahead + 1)]
    line.book.client.srem("darkroom:jobs:ahead:0:a", ids[0])
    read = line.book.apply(ledger.read(ids[-1]))
    assert read is not None
    assert line.book.apply(ledger.requeue(read[0], "elsewhere", "m")) is ledger.Requeued.MOVED
    assert line.pushed() == ids
    assert line.book.client.llen("elsewhere") == 0


class LineMachine(RuleBasedStateMachine):
    """Owners submit and cancel, workers prepare, generate, die and drain, in any order."""

    @initialize()
    def empty(self) -> None:
        """Begin with an empty ledger."""
        self.line = Line(ledger.connect(os.environ["REDIS_URL"].replace("/0", "/4")))
        self.line.book.client.flushdb()
        self.open: set[str] = set()

    def teardown(self) -> None:
        """Close the connection."""
        self.line.book.client.close()

    @rule(owner=st.sampled_from("abc"), priority=st.sampled_from(Priority), count=st.integers(1, 12))
    def submit(self, owner: str, priority: Priority, count: int) -> None:
        """An owner submits some jobs."""
        self.open |= {self.line.submit(owner, priority) for _ in range(count)}

    @rule()
    def open_next(self) -> None:
        """A worker prepares the next job."""
        self.line.open_next()

    @rule()
    def generate_next(self) -> None:
        """A worker generates the next job."""
        self.open.discard(self.line.generate_next() or "")

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """An owner cancels any job of his."""
        job_id = data.draw(st.sampled_from(sorted(self.open)))
        self.line.book.apply(ledger.cancel(job_id))
        self.open.discard(job_id)

    @precondition(lambda self: self.line.bodies)
    @rule()
    def drain(self) -> None:
        """A worker takes a job and gives it back."""
        job_id = self.line.bodies[0]
        token = ledger.new_token(job_id)
        if self.line.book.apply(ledger.claim(token, Stage.BODY, "w")) is Claimed.CLAIMED:
            self.line.book.apply(ledger.release(token, "bodies", job_id))

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Every open job waits in the line; one is held only behind as many of its owner's as may be ahead."""
        client = self.line.book.client
        assert set(client.zrange("darkroom:jobs:waiting:generation", 0, -1)) == self.open
        ahead, held = set[str](), set[str]()
        for owner in "abc":
            for priority in Priority:
                gone = client.smembers(f"darkroom:jobs:ahead:{int(priority)}:{owner}")
                back = client.zrange(f"darkroom:jobs:held:{int(priority)}:{owner}", 0, -1)
                assert not back or len(gone) >= settings().jobs_ahead
                ahead |= gone
                held |= set(back)
            mine = {job_id for job_id in self.open if self.line.owner_of(job_id) == owner}
            assert client.smembers(f"darkroom:jobs:of:{owner}") == mine
        assert ahead | held == self.open
        assert not ahead & held

    @invariant()
    def each_has_one_message(self) -> None:
        """A job that has set out has one message or was prepared; a held one has none."""
        pushed = [job_id for job_id in self.line.pushed() if job_id in self.open]
        assert len(set(pushed)) == len(pushed)
        prepared = {job_id for job_id in self.line.bodies if job_id in self.open}
        held = self.open - set(pushed) - prepared
        for job_id in held:
            assert self.line.book.client.hexists(f"darkroom:job:{job_id}", "opening_message")


TestLineModel = LineMachine.TestCase
TestLineModel.settings = hypothesis_settings(max_examples=25, stateful_step_count=30, deadline=None)
