"""Settings of the gateway. Read once by ``api.app.create_app``; everything below gets values."""

from typing import Annotated, Self

import limits
from pydantic import AfterValidator, Field, model_validator

from tasks.keys import AccessMode
from tasks.settings import Settings


def _rate(text: str) -> str:
    limits.parse(text)
    return text


Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Rate = Annotated[str, AfterValidator(_rate)]
"""Requests in a time, such as ``60/minute`` or ``5 per 10 seconds``."""


class GatewaySettings(Settings):
    """Environment variables: ``DARKROOM_`` and the name in upper case, beside those that workers share."""

    sync_wait_seconds: Seconds = 120.0
    """How long POST /api/generate holds the line before it answers 202: proxies in front usually give up after 60 to
    180 s, and a 40-step job on an A100 takes about 60 s."""
    images_wait_seconds: Seconds = 540.0
    """How long POST /v1/images/… holds the line: that API has no other answer than the picture, a pool that sleeps
    needs three to five minutes, and OpenAI's clients give up after 600 s of silence."""
    utility_wait_seconds: Seconds = 30.0
    """How long an image utility or a part of a smart mask may take, its time in the queue included; its message
    expires at the same moment, but for a photo's segmentation, which later clicks will need."""
    resend_seconds: Seconds = 10.0
    """An image utility that was not answered by then, and whose message is in no queue, is sent once more: a worker
    that is alive has answered, and one whose connection had died has a new one."""

    max_body_bytes: Count = 50_000_000
    """A 37 MB photo as base64, or three of 12 MB."""
    max_held_bytes: Count = 54_000_000
    """Of all bodies that a gateway process holds at once, until their images are in the store: one of the longest and
    some photos. While they are parsed and decoded they take up to as much again."""
    max_checked_mask_pixels: Count = 4_000_000
    """Of a larger mask the workers find out whether it marks anything: decoding takes the gateway up to 8 bytes a pixel
    for each of its body threads."""
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
    scrape_seconds: Seconds = 2.0
    """How long a scrape of /metrics waits for the broker before it says that the broker is away. Prometheus gives up
    after 10 s, unless told otherwise, and then nothing is known of the gateway either."""
    broker_connections: Count = 64
    """More do not help: one event loop keeps about this many commands in flight."""

    body_threads: Count = 2
    """Bodies that are parsed and checked at once; each may hold three times its size in memory."""
    store_threads: Count = 16
    """Images that are read from or written to the store at once; these threads mostly wait."""

    cors_origins: tuple[str, ...] = ("http://localhost:3000",)
    """Pages that may call from a browser; ``next dev`` listens on 3000."""

    access: AccessMode = AccessMode.OPEN
    """``open``: no keys, on loopback only. ``keys``: each request brings an API key (docs/access.md)."""
    key_refresh_seconds: Seconds = 5.0
    """How often the keys are read again: a revoked one is refused so long after at the latest, and a check costs no
    round trip. One read of them all, 300 bytes a key."""
    key_outage_seconds: Seconds = 60.0
    """How long the keys that were read last are believed while the broker is away; after that nobody is let in. An
    outage that lasts longer is no restart any more, and a key could have been revoked meanwhile."""
    token_max_seconds: Count = 3600
    """The longest life of a signed token: it stands in an address, where histories and proxies see it."""
    rate_edits: Rate = "60/minute"
    """Edits that a key may submit; a person clicks less, and a machine computes 1 to 15 in that time."""
    rate_utilities: Rate = "600/minute"
    """Image utilities and clicks: ten a second while somebody drags a box; a CPU machine does about 50."""
    rate_uploads: Rate = "120/minute"
    """Uploads: a folder of photos at two a second; each may have 50 MB."""
    rate_reads: Rate = "1200/minute"
    """Everything else, such as status, results and cancels: 20 jobs that are polled each second."""
    max_open_jobs_per_owner: Count = 100
    """Jobs of one owner that have not ended, where keys are asked for; a fifth of what may wait at all."""

    head_seconds: Seconds = 10.0
    """From a connection, or from the first byte of a further request on it, to the end of the request's headers; they
    fit into a packet or two."""
    slow_seconds: Seconds = 20.0
    """How long a client may take before its speed counts: a train goes through a tunnel."""
    slow_bytes_per_second: Count = 16_000
    """A client that sends its body, or takes its answer, slower than this is cut off: 128 kbit/s, less than any mobile
    network that loads a page."""
    max_connections: Count = 900
    """Connections of a gateway process, idle ones and event streams too: a process may usually have 1,024 files open,
    and needs some for the broker and the store."""

    @model_validator(mode="after")
    def _room_for_one(self) -> Self:
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("DARKROOM_MAX_HELD_BYTES has to be at least DARKROOM_MAX_BODY_BYTES.")
        return self

    @model_validator(mode="after")
    def _no_open_door(self) -> Self:
        if self.access is AccessMode.OPEN and "*" in self.cors_origins:
            raise ValueError("DARKROOM_CORS_ORIGINS may hold * only where DARKROOM_ACCESS is keys.")
        return self
