"""Settings of the gateway. Read once by ``api.app.create_app``; everything below gets values."""

from typing import Annotated

from pydantic import Field

from tasks.settings import Settings

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class GatewaySettings(Settings):
    """Environment variables: ``DARKROOM_`` and the name in upper case, beside those that workers share."""

    sync_wait_seconds: Seconds = 120.0
    """How long POST /api/generate holds the line before it answers 202: proxies in front usually give up after 60 to
    180 s, and a 40-step job on an A100 takes about 60 s."""
    utility_wait_seconds: Seconds = 30.0
    """How long an image utility or a part of a smart mask may take, its time in the queue included; its message
    expires at the same moment, but for a photo's segmentation, which later clicks will need."""
    resend_seconds: Seconds = 10.0
    """An image utility that was not answered by then, and whose message is in no queue, is sent once more: a worker
    that is alive has answered, and one whose connection had died has a new one."""

    max_body_bytes: Count = 50_000_000
    """A 37 MB photo as base64, or three of 12 MB."""
    body_drain_seconds: Seconds = 5.0
    """How long the rest of a body that is too large is read and dropped, so that its client gets to read the 413
    instead of a reset connection."""

    max_waiting_jobs: Count = 500
    """Jobs that wait for the generation pool; at 4 s a job on ten machines the last one waits 200 s."""
    max_waiting_messages: Count = 1000
    """Messages on the queue of the image utilities: a CPU machine does about 50 a second."""
    max_waiting_photos: Count = 500
    """Messages on the queue of the segmentation pool; one that is being started finds the clicks of some minutes."""

    heartbeat_seconds: Seconds = 15.0
    """Between two lines of an event stream; proxies cut connections that are silent for 30 to 60 s."""
    reread_seconds: Seconds = 5.0
    """A wait reads its record this often without being woken: pub/sub promises no delivery, and places in the queue
    change without an event."""
    outage_seconds: Seconds = 2.5
    """How long waits ride out a broker that is away, from its last sign of life on. A restart takes 1 to 2 s."""
    stream_retry_milliseconds: Count = 1000
    """When a client of a stream that ended early should come back."""

    broker_memory_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """How full the broker may be before new work is refused. The rest is for what was accepted: its messages, its
    events and its results have to be written, too."""
    broker_timeout_seconds: Seconds = 1.5
    """How long an answer of the broker is waited for; every command takes milliseconds. With what else a request may
    wait for, a connection to the broker or the hot image tier, a dead broker costs a client less than 3 s."""
    broker_connect_seconds: Seconds = 1.0
    """Until a connection to the broker stands, or one of those that are open is free."""
    silence_seconds: Seconds = 1.0
    """A listener that heard nothing for so long asks for a sign of life, and after as long again takes its connection
    for dead; half-open ones give none."""
    broker_connections: Count = 64
    """More do not help: one event loop keeps about this many commands in flight."""

    body_threads: Count = 2
    """Bodies that are parsed and checked at once; each may hold three times its size in memory."""
    store_threads: Count = 16
    """Images that are read from or written to the store at once; these threads mostly wait."""

    cors_origins: tuple[str, ...] = ("http://localhost:3000",)
    """Pages that may call from a browser; ``next dev`` listens on 3000."""
