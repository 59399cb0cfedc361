"""BentoML: ``bentoml serve benchmarks.peers.bento:Resize``."""

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from benchmarks.peers import compute


@bentoml.service(workers=compute.PROCESSES)
class Resize:
    """A worker."""

    def __init__(self) -> None:
        """Prepare it."""
        compute.one_thread_each()

    @bentoml.api(route="/resize")
    def resize(
        self, photo: Annotated[Path, ContentType("image/jpeg")], /, context: bentoml.Context
    ) -> Annotated[Path, ContentType("image/jpeg")]:
        """Answer the resized photo."""
        made = Path(context.temp_dir) / "resized.jpg"
        made.write_bytes(compute.resized(photo.read_bytes()))
        return made
