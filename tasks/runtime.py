"""What a worker process has open from its start to its end."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.engines import GenerationEngine, RefinerEngine, SegmentationEngine
from tasks.metrics import Tally
from tasks.store import ImageStore
from worker_profiles import Profile

if TYPE_CHECKING:
    from tasks.egress import Egress  # an HTTP client, which only one worker needs


@dataclass(slots=True)
class Runtime:
    """Opened once per process by ``tasks.worker``."""

    profile: Profile
    store: ImageStore
    engine: GenerationEngine | None = None
    """Only where the profile generates."""
    segmenter: SegmentationEngine | None = None
    """Only where the profile segments, with an engine that has a model."""
    refiner: RefinerEngine | None = None
    """Only where the profile segments, if its weights are installed."""
    sender: "Egress | None" = None
    """Only where the profile serves the jobs queue."""
    tally: Tally = field(default_factory=lambda: Tally("nobody"))
    """What this process counts; a worker's is told to the broker."""
    draining: threading.Event = field(default_factory=threading.Event)
    """Set when the worker was told to stop: running generations give their job back at the next step."""

    @property
    def egress(self) -> "Egress":
        """The way out. Raises ``RuntimeError`` in a worker that does not serve the jobs queue."""
        if self.sender is None:
            raise RuntimeError(f"The {self.profile.name} profile sends nothing to the outside.")
        return self.sender

    @property
    def generation_engine(self) -> GenerationEngine:
        """The engine. Raises ``RuntimeError`` in a worker whose profile does not generate."""
        if self.engine is None:
            raise RuntimeError(f"The {self.profile.name} profile loads no generation engine.")
        return self.engine
