"""Ray Serve: ``python -m benchmarks.peers.ray_serve PORT``."""

import signal
import sys

import ray
from fastapi import FastAPI, Request, Response
from ray import serve

from benchmarks.peers import compute

app = FastAPI()


@serve.deployment(num_replicas=compute.PROCESSES, ray_actor_options={"num_cpus": 1})
@serve.ingress(app)
class Resize:
    """A replica."""

    def __init__(self) -> None:
        """Prepare it."""
        compute.one_thread_each()

    @app.get("/health")
    async def health(self) -> None:
        """Say that it serves."""

    @app.post("/resize")
    async def resize(self, request: Request) -> Response:
        """Answer the resized photo; a replica computes one at a time."""
        return Response(compute.resized(await request.body()), media_type="image/jpeg")


if __name__ == "__main__":
    ray.init(num_cpus=compute.PROCESSES, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Resize.bind())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
