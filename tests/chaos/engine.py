"""A generation engine that does what the edit's prompt asks for, and keeps a diary of what it did.

The diary is a file, apart from the ledger: how often a job was really executed is counted there.
"""

import importlib.util
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.engines import Edited, EngineLost, EngineName, Inputs, Report, Tell

DIARY_VARIABLE = "CHAOS_DIARY"
"""Environment variable with the diary's path."""
TORCH_VARIABLE = "CHAOS_TORCH"
"""Set where PyTorch's own error of a full GPU is to be raised, if it is installed."""
SIDE = 64
"""Of the picture where there is no photo, in pixels."""


class Fault(StrEnum):
    """How an execution goes wrong."""

    NONE = "none"
    MEMORY = "memory"
    EXIT = "exit"
    CUDA = "cuda"
    NAN = "nan"
    SHAPE = "shape"
    HANG = "hang"
    KILL = "kill"
    LOST = "lost"


class Script(BaseModel):
    """What the engine shall do with one job; it travels as the edit's prompt."""

    model_config = ConfigDict(frozen=True)

    label: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """The job's name in the diary."""
    steps: int = 4
    seconds: float = 0.05
    """Of each step."""
    fault: Fault = Fault.NONE
    at: int = 2
    """The step in which it goes wrong."""
    times: int = 1_000_000
    """How many executions go wrong; later ones end well."""

    @classmethod
    def parse(cls, prompt: str) -> "Script":
        """Return the script in a prompt; any other prompt is an edit without faults."""
        return cls.model_validate_json(prompt) if prompt.startswith("{") else cls(label=prompt)


class Entry(BaseModel):
    """One line of the diary."""

    model_config = ConfigDict(frozen=True)

    what: str
    """started, step, ended; or task, for the start of any Celery task."""
    label: str
    """The script's label; the id of a Celery task."""
    detail: str = ""
    """The step's number; the name of a Celery task."""
    pid: int = Field(default_factory=os.getpid)
    at: float = Field(default_factory=time.time)


class Diary:
    """Lines appended by any number of processes."""

    def __init__(self, path: Path) -> None:
        """Use a file, which need not exist yet."""
        self._path = path

    def write(self, entry: Entry) -> None:
        """Append a line; one write of this size is whole or not there, also when the process dies."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{entry.model_dump_json()}\n".encode())
        finally:
            os.close(descriptor)

    def read(self, what: str | None = None, label: str | None = None) -> list[Entry]:
        """Return the lines so far, of one kind and of one label if asked so."""
        return [
            entry
            for entry in self._entries()
            if (what is None or entry.what == what) and (label is None or entry.label == label)
        ]

    def _entries(self) -> Iterator[Entry]:
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                yield Entry.model_validate(json.loads(line))


class ScriptedEngine:
    """Satisfies ``GenerationEngine``; it passes for the one that supports every operation."""

    name = EngineName.QWEN
    device = "cpu"

    def __init__(self, diary: Diary) -> None:
        """Write into a diary."""
        self._diary = diary

    def versions(self) -> dict[str, str]:
        """There are none to tell."""
        return {}

    def edit(self, inputs: Inputs, report: Report) -> Edited:
        """Take the script's steps, and misbehave where it says so."""
        script = Script.parse(inputs.edit.prompt)
        self._diary.write(Entry(what="started", label=script.label))
        # The whole diary is read only for those who may go wrong: a soak fills it with a hundred thousand lines.
        may_fail = script.fault is not Fault.NONE
        faulty = may_fail and len(self._diary.read("started", script.label)) <= script.times
        for step in range(1, script.steps + 1):
            report(step, script.steps, "scripted")
            self._diary.write(Entry(what="step", label=script.label, detail=str(step)))
            if faulty and step == script.at:
                misbehave(script.fault)
            threading.Event().wait(script.seconds)
        self._diary.write(Entry(what="ended", label=script.label))
        return Edited(_picture(inputs, script.fault if faulty else Fault.NONE))


def misbehave(fault: Fault) -> None:
    """Do what the fault says; pictures that are none are made at the end."""
    match fault:
        case Fault.MEMORY:
            raise MemoryError
        case Fault.EXIT:
            raise SystemExit(3)
        case Fault.CUDA:
            raise cuda_out_of_memory()
        case Fault.HANG:
            threading.Event().wait()
        case Fault.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Fault.LOST:
            raise EngineLost("an illegal memory access was encountered")


def cuda_out_of_memory() -> Exception:
    """Return what PyTorch raises when the GPU is full, or a likeness: to load it takes seconds."""
    if TORCH_VARIABLE in os.environ and importlib.util.find_spec("torch"):
        kind: Any = importlib.import_module("torch").OutOfMemoryError
    else:
        kind = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    error: Exception = kind("CUDA out of memory. Tried to allocate 20.00 GiB.")
    return error


def _picture(inputs: Inputs, fault: Fault) -> Any:
    height, width = inputs.photo.shape[:2] if inputs.photo is not None else (SIDE, SIDE)
    if fault is Fault.NAN:
        return np.full((height, width, 3), np.nan, np.float32)
    if fault is Fault.SHAPE:
        return np.zeros((height, width), np.uint8)
    return np.random.default_rng(inputs.edit.seed).integers(0, 255, (height, width, 3), np.uint8)


def create(_tell: Tell) -> ScriptedEngine:
    """Construct the engine, with the diary that the environment names."""
    return ScriptedEngine(Diary(Path(os.environ[DIARY_VARIABLE])))
