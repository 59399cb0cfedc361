"""Row 7: what the broker carries for a removal, for a small photo and for a large one."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import httpx
import numpy as np

from benchmarks.harness import Measure, Scale, at_most, number
from benchmarks.stand import PHOTO, darkroom
from tests import lab

SMALL = (480, 640)
SHORTEST = 200
"""Bytes; what is shorter that is pushed is an id in a list."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Messages of one job."""

    photo_bytes: int
    messages: tuple[int, ...]
    """Bytes of each, the command and the list's name included."""


def measure(scale: Scale) -> Iterator[Measure]:
    """Watch what is pushed while a removal runs."""
    large_size = scale.pick(full=(3000, 4000), quick=(1000, 1500))
    megapixels = number(large_size[0] * large_size[1] / 1e6)
    with darkroom("cpu -c 1", "a100") as stand:
        small, large = (_carried(stand.url, stand.environment["REDIS_URL"], *size) for size in (SMALL, large_size))
    detail = ", ".join(
        f"photo of {each.photo_bytes / 1e6:.1f} MB: {len(each.messages)} messages, {sum(each.messages):,} B in all"
        for each in (small, large)
    )
    yield Measure(
        7,
        f"largest message of a removal, {megapixels} megapixels",
        (max(large.messages) / 1000,),
        at_most(2, " KB"),
        f"{detail}; the one that is pushed at the acceptance has {number(large.messages[0])} B",
    )
    yield Measure(
        7,
        f"all messages of a removal: {megapixels} megapixels against 0.31",
        (sum(large.messages) / sum(small.messages),),
        at_most(1.01),
        detail,
    )


def _carried(url: str, broker: str, height: int, width: int) -> Carried:
    photo = cv2.resize(cv2.imread(str(PHOTO)), (width, height))
    mask = np.zeros((height, width), np.uint8)
    mask[10:60, 10:60] = 255
    body = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    ids = [_stored(url, body, "image/jpeg"), _stored(url, cv2.imencode(".png", mask)[1].tobytes(), "image/png")]
    edit = {"task_type": "removal", "input_image": ids[0], "conditional_images": ids[1:]}
    with lab.pushed_sizes(broker) as sizes:
        answer = httpx.post(f"{url}/api/generate", json=edit, timeout=120)
    answer.raise_for_status()
    return Carried(len(body), tuple(size for size in sizes if size >= SHORTEST))


def _stored(url: str, image: bytes, kind: str) -> str:
    answer = httpx.post(f"{url}/api/images", content=image, headers={"Content-Type": kind}, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["image_id"])
