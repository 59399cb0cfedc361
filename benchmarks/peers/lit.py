"""LitServe: ``python -m benchmarks.peers.lit PORT``."""

import sys
from typing import Annotated

import litserve
from fastapi import Body, Response

from benchmarks.peers import compute


class Resize(litserve.LitAPI):
    """Resizes one photo at a time in each of its workers."""

    def setup(self, device: str) -> None:
        """Prepare a worker."""
        compute.one_thread_each()

    def predict(self, x: bytes) -> bytes:
        """Resize."""
        return compute.resized(x)

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        """Take the body as it is."""
        return request

    def encode_response(self, output: bytes) -> Response:
        """Answer with a picture."""
        return Response(output, media_type="image/jpeg")


if __name__ == "__main__":
    server = litserve.LitServer(
        Resize(api_path="/resize"), accelerator="cpu", workers_per_device=compute.PROCESSES, fast_queue=True
    )
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, num_api_servers=1)
