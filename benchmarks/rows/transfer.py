"""Rows 8 and 9: how fast photos come in and results go out, against a plain FastAPI app that does the same."""

import io
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pybase64
from PIL import Image

from benchmarks import load
from benchmarks.harness import Goal, Measure, Scale, at_least, number, ratios, rounds
from benchmarks.stand import Darkroom, darkroom, photo, serving
from tests import lab

IN_FLIGHT = 4
RESULT_SIZE = (1344, 1024)
RESULT_GRAIN = 6.0
"""Standard deviation in grey levels: with it the PNG has 3 MB, as a result of the generation pool has."""
PEER = "benchmarks.peers.transfer_app:app"
BOUNDARY = "darkroom-benchmark"

RAW, FORM, JSON, AGAIN = "a raw body", "multipart", "base64 JSON", "a raw body, the same photo each time"
PLAIN = "plain FastAPI"
"""Sides, named by what they send or serve."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that is measured, and the status that it is answered with."""

    url: str
    request: bytes
    status: int = 200

    def outcome(self, seconds: float) -> load.Outcome:
        """Send it again and again for so long."""
        return load.run(self.url, self.request, in_flight=IN_FLIGHT, seconds=seconds, expect=self.status)


def measure(scale: Scale, rows: set[int]) -> Iterator[Measure]:
    """Yield the measures of some of the rows."""
    with darkroom() as ours, plain_app(ours) as plain:
        if 8 in rows:
            yield from uploads(scale, ours.url, plain)
        if 9 in rows:
            yield from downloads(scale, ours.url, plain)


@contextmanager
def plain_app(ours: Darkroom) -> Iterator[str]:
    """Run the peer beside Darkroom's gateway, with the same server, loop, image cache and folder; yield its address."""
    url = f"http://127.0.0.1:{lab.free_port()}"
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "uvicorn", PEER, "--port", port, "--no-access-log", "--loop", "uvloop"]
    with tempfile.TemporaryDirectory() as name, serving(command, f"{url}/empty", ours.environment, Path(name) / "log"):
        yield url


def uploads(scale: Scale, ours: str, plain: str) -> Iterator[Measure]:
    """Row 8: photos of 0.9 MB, each another one, are hashed and stored in the image cache and in the store's folder."""
    same = photo()
    whole = same + bytes(-len(same) % 3)  # so that in base64, too, what follows begins anew
    data = whole + load.NUMBER
    body = json.dumps({"image": pybase64.b64encode(whole).decode() + load.NUMBER.decode()}).encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    form = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    at, plain_at = f"{ours}/api/images", f"{plain}/images"
    sides = {
        RAW: Exchange(at, load.request("POST", at, data, content_type="image/jpeg"), 201),
        FORM: Exchange(
            at, load.request("POST", at, form, content_type=f"multipart/form-data; boundary={BOUNDARY}"), 201
        ),
        JSON: Exchange(at, load.request("POST", at, body, content_type="application/json"), 201),
        AGAIN: Exchange(at, load.request("POST", at, same, content_type="image/jpeg"), 201),
        PLAIN: Exchange(plain_at, load.request("POST", plain_at, body, content_type="application/json"), 201),
    }
    outcomes = measured(sides, scale)
    peer = "base64 JSON in a plain FastAPI app that hashes and stores the same in the same places"
    for side, goal in {FORM: at_least(4), RAW: at_least(8), JSON: None, AGAIN: None}.items():
        yield compared(8, f"upload of 0.9 MB as {side}", side, outcomes, goal, peer)


def downloads(scale: Scale, ours: str, plain: str) -> Iterator[Measure]:
    """Row 9: a result of 3 MB as a whole, and as an answer that it has not changed."""
    data = result()
    at, plain_at = f"{ours}/api/images", f"{plain}/images"
    for address, sent, kind in ((at, data, "image/png"), (plain_at, json_of(data), "application/json")):
        connection = load.Connection(address)
        name = json.loads(connection.body(load.request("POST", address, sent, content_type=kind)))["image_id"]
        connection.close()
    get, plain_get = f"{at}/{name}", f"{plain_at}/{name}"
    whole = {RAW: Exchange(get, load.request("GET", get)), PLAIN: Exchange(plain_get, load.request("GET", plain_get))}
    yield compared(9, "download of 3 MB", RAW, measured(whole, scale), at_least(6), "Starlette's FileResponse")
    empty = f"{plain}/empty"
    known = {
        RAW: Exchange(get, load.request("GET", get, if_none_match=f'"{name}"'), 304),
        PLAIN: Exchange(empty, load.request("GET", empty), 204),
    }
    yield compared(9, "304 for an image", RAW, measured(known, scale), at_least(0.9), "an empty route of plain FastAPI")


def measured(sides: Mapping[str, Exchange], scale: Scale) -> dict[str, list[load.Outcome]]:
    """Send each side's request in turn; return the outcomes by side, after a round that does not count."""
    seconds = scale.pick(full=1.5, quick=0.4)
    for each in sides.values():
        each.outcome(seconds / 4)
    return rounds(
        {side: lambda each=each: each.outcome(seconds) for side, each in sides.items()}, scale.pick(full=5, quick=2)
    )


def compared(
    row: int, what: str, side: str, outcomes: Mapping[str, list[load.Outcome]], goal: Goal | None, peer: str
) -> Measure:
    """Compare a side's throughput with the plain app's."""
    mine, theirs = ([each.per_second for each in outcomes[name]] for name in (side, PLAIN))
    told = (f"{number(sorted(each)[len(each) // 2])}/s" for each in (mine, theirs))
    times = (f"{number(1000 * sorted(one.p50 for one in outcomes[name])[len(mine) // 2])} ms" for name in (side, PLAIN))
    detail = f"{' : '.join(told)}, p50 {' : '.join(times)}, {IN_FLIGHT} in flight"
    return Measure(row, f"{what}: {peer}", ratios(mine, theirs), goal, detail)


def result() -> bytes:
    """Return a PNG of 3 MB."""
    with Image.open(io.BytesIO(photo())) as large:
        pixels = np.asarray(large.resize(RESULT_SIZE, Image.Resampling.LANCZOS), np.float32)
    grain = np.random.default_rng(2).normal(0, RESULT_GRAIN, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def json_of(data: bytes) -> bytes:
    """Return the body that uploads an image to the plain app."""
    return json.dumps({"image": pybase64.b64encode(data).decode()}).encode()
