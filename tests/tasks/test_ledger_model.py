"""The ledger against a model: any order of moves by any number of actors leaves both in the same state."""

import os
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tasks import ledger
from tasks.errors import ErrorCode
from tasks.jobs import Edit, Failure, Operation, Role, Stage, State
from tasks.ledger import Claimed, Held, Requeued, Token

EDIT = Edit(operation=Operation.REMOVAL, photo="a" * 64, mask="b" * 64, seed=1)
FAILURE = Failure(ErrorCode.ENGINE_FAILED, "no")
CAP = 3


@dataclass
class Model:
    """What the record should be."""

    state: State = State.QUEUED
    stage: Stage = Stage.OPENING
    token: str = ""
    launch: str = ""
    leased: bool = False
    attempts: int = 0
    relaunches: int = 0
    parts: set[Role] = field(default_factory=set)
    progress: float = 0.0
    events: int = 1

    def close(self, state: State) -> None:
        """End."""
        self.state, self.token, self.launch, self.leased = state, "", "", False
        self.progress = 1.0 if state is State.DONE else self.progress
        self.events += 1


class LedgerMachine(RuleBasedStateMachine):
    """One job, many actors: openers, header tasks, bodies, zombies, a sweeper, a client who cancels."""

    tokens = Bundle("tokens")
    chords = Bundle("chords")

    @initialize()
    def submit(self) -> None:
        """A job exists."""
        self.book = ledger.connect(os.environ["REDIS_URL"].replace("/0", "/2"))
        self.job_id = ledger.new_job_id()
        self.model = Model()
        self.book.apply(ledger.submit(self.job_id, EDIT, owner="test"))

    def teardown(self) -> None:
        """Close the connection."""
        self.book.client.close()

    @rule(target=tokens, stage=st.sampled_from([Stage.OPENING, Stage.BODY]))
    def claim(self, stage: Literal[Stage.OPENING, Stage.BODY]) -> Token:
        """Any worker claims at any time."""
        token = ledger.new_token(self.job_id)
        answer = self.book.apply(ledger.claim(token, stage, "w"))
        model = self.model
        if model.state.is_final:
            assert answer is Claimed.FINAL
        elif model.stage is not stage:
            assert answer is Claimed.ELSEWHERE
        elif model.leased:
            assert answer is Claimed.HELD
        elif model.attempts >= CAP:
            assert answer is Claimed.EXHAUSTED
            model.close(State.ERROR)
        else:
            assert answer is Claimed.CLAIMED
            model.attempts += 1
            model.token, model.leased = token.value, True
            model.state = State.PROCESSING if stage is Stage.BODY else State.PREPROCESSING
            model.events += 1
        return token

    @rule(token=tokens, step=st.integers(1, 4))
    def progress(self, token: Token, step: int) -> None:
        """A holder or a zombie tells its progress."""
        answer = self.book.apply(ledger.progress(token, step, 4, "m"))
        if self._holds(token):
            assert answer is Held.YES
            self.model.leased = True
            self.model.progress = max(self.model.progress, (step - 1) / 4)
            self.model.events += 1
        else:
            assert answer is (Held.CANCELLED if self.model.state is State.CANCELLED else Held.LOST)

    @rule(target=chords, token=consumes(tokens))
    def launch(self, token: Token) -> object:
        """A holder or a zombie launches a chord of two parts."""
        chord = ledger.new_token(self.job_id)
        answer = self.book.apply(ledger.launch(token, chord, 2, {}))
        if not self._holds(token) or self.model.stage is not Stage.OPENING:
            assert answer is Held.LOST
            return multiple()
        assert answer is Held.YES
        model = self.model
        model.stage, model.launch, model.token = Stage.PARTS, chord.value, ""
        model.leased, model.attempts, model.parts = False, 0, set()
        return chord

    @rule(chord=chords, role=st.sampled_from([Role.MAE, Role.MASKED_BACKGROUND]))
    def part(self, chord: Token, role: Role) -> None:
        """A header task of the live chord or of an older one is done, once or again."""
        answer = self.book.apply(ledger.part(chord, role, role))
        model = self.model
        if chord.value != model.launch:
            assert answer is Held.LOST
            return
        assert answer is Held.YES
        if role in model.parts:
            return
        model.parts.add(role)
        if len(model.parts) == 2:
            model.stage, model.leased, model.attempts = Stage.BODY, False, 0

    @rule(chord=chords)
    def fail_part(self, chord: Token) -> None:
        """A header task fails."""
        answer = self.book.apply(ledger.fail(chord, FAILURE))
        live = chord.value == self.model.launch and self.model.stage is Stage.PARTS
        assert answer is (Held.YES if live else Held.LOST)
        if live:
            self.model.close(State.ERROR)

    @rule(token=tokens, good=st.booleans())
    def finish(self, token: Token, good: bool) -> None:
        """A holder or a zombie commits."""
        move = ledger.succeed(token, {"image_id": token.value}) if good else ledger.fail(token, FAILURE)
        holds = self._holds(token)
        assert self.book.apply(move) is (Held.YES if holds else Held.LOST)
        if holds:
            self.model.close(State.DONE if good else State.ERROR)

    @rule(token=tokens)
    def release(self, token: Token) -> None:
        """A draining holder, or a zombie, gives the job back."""
        answer = self.book.apply(ledger.release(token, "list", "m"))
        holds = self._holds(token)
        assert answer is (Held.YES if holds else Held.LOST)
        if holds:
            model = self.model
            model.state, model.token, model.leased = State.QUEUED, "", False
            model.attempts -= 1
            model.events += 1

    @rule()
    def lease_ends(self) -> None:
        """Time passes."""
        self.book.client.hset(f"darkroom:job:{self.job_id}", "lease_until", "0")
        self.model.leased = False

    @rule()
    def sweep(self) -> None:
        """The sweeper finds the job lost."""
        job, _ = self.book.apply(ledger.read(self.job_id)) or (None, "")
        assert job is not None
        answer = self.book.apply(ledger.requeue(job, "list", "m"))
        model = self.model
        if model.state.is_final or model.leased:
            assert answer is Requeued.MOVED
            return
        model.relaunches += model.stage is Stage.PARTS
        if model.attempts >= CAP or model.relaunches >= CAP:
            assert answer is Requeued.BURIED
            model.close(State.ERROR)
            return
        assert answer is Requeued.REQUEUED
        if model.stage is Stage.PARTS:
            model.stage, model.launch = Stage.OPENING, ""
        model.state, model.token = State.QUEUED, ""
        model.events += 1

    @rule()
    def cancel(self) -> None:
        """The client cancels."""
        answer = self.book.apply(ledger.cancel(self.job_id))
        if not self.model.state.is_final:
            self.model.close(State.CANCELLED)
        assert answer is self.model.state

    @invariant()
    def agrees(self) -> None:
        """Record, open set, events and model say the same."""
        read = self.book.apply(ledger.read(self.job_id))
        assert read is not None
        job, model = read[0], self.model
        assert (job.state, job.stage, job.attempts, job.progress) == (
            model.state,
            model.stage,
            model.attempts,
            model.progress,
        )
        events = self.book.apply(ledger.events(self.job_id))
        assert len(events) == model.events
        assert events[-1].state is model.state
        assert [event.progress for event in events] == sorted(event.progress for event in events)
        is_open = self.book.client.zscore("darkroom:jobs:open", self.job_id) is not None
        assert is_open is not model.state.is_final
        assert (job.result is not None) == (model.state is State.DONE)

    def _holds(self, token: Token) -> bool:
        return bool(self.model.token) and token.value == self.model.token


TestLedgerModel = LedgerMachine.TestCase
TestLedgerModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
