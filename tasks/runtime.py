"""What a worker process has open from its start to its end."""

import threading
from dataclasses import dataclass, field

from tasks.engines import GenerationEngine, RefinerEngine, SegmentationEngine
from tasks.store import ImageStore
from worker_profiles import Profile


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
    draining: threading.Event = field(default_factory=threading.Event)
    """Set when the worker was told to stop: running generations give their job back at the next step."""

    @property
    def generation_engine(self) -> GenerationEngine:
        """The engine. Raises ``RuntimeError`` in a worker whose profile does not generate."""
        if self.engine is None:
            raise RuntimeError(f"The {self.profile.name} profile loads no generation engine.")
        return self.engine
