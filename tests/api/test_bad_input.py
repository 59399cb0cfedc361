"""Bad input is a clear 4xx problem, and nothing is queued."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.settings import GatewaySettings
from tests.api.pictures import huge_header, mask, picture, text
from tests.api.servers import Server, serve
from tests.api.workers import FakeWorker

PHOTO, MASK = picture(), mask()
REMOVAL: dict[str, Any] = {"task_type": "removal", "input_image": text(PHOTO), "conditional_images": [text(MASK)]}
INSERTION: dict[str, Any] = {**REMOVAL, "task_type": "insertion"}
HEIC = b"\x00\x00\x00\x18ftypheic" + bytes(40)


@pytest.fixture(scope="module")
def shared_server(settings: GatewaySettings) -> Iterator[Server]:
    """One gateway for all of these: nothing that is refused leaves a trace in it."""
    with serve(settings) as running:
        yield running


@pytest.fixture
def server(shared_server: Server, broker: object) -> Server:
    """The shared gateway, before an empty broker."""
    return shared_server


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """The fields but these."""
    return {name: value for name, value in fields.items() if name not in names}


BAD_EDITS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "not an image": ({**REMOVAL, "input_image": text(b"hello, world")}, 422, "image_invalid", "input_image"),
    "empty image": ({**REMOVAL, "input_image": ""}, 422, "image_invalid", "input_image"),
    "number for an image": ({**REMOVAL, "input_image": 5}, 422, "image_invalid", "input_image"),
    "a truncated JPEG": ({**REMOVAL, "input_image": text(PHOTO[:-20])}, 422, "image_truncated", "input_image"),
    "a truncated PNG": ({**REMOVAL, "conditional_images": [text(MASK[:-20])]}, 422, "image_truncated", "conditional"),
    "60,000 pixels wide": ({**REMOVAL, "input_image": text(huge_header())}, 422, "image_too_large", "60000"),
    "HEIC": ({**REMOVAL, "input_image": text(HEIC)}, 422, "image_format_unsupported", "HEIC"),
    "wrong base64": ({**REMOVAL, "input_image": "%%%"}, 422, "base64_invalid", "input_image"),
    "base64 cut": ({**REMOVAL, "input_image": text(PHOTO)[:-1]}, 422, "base64_invalid", "input_image"),
    "base64 with text behind": ({**REMOVAL, "input_image": text(PHOTO[:10]) + "????"}, 422, "base64_invalid", ""),
    "base64 not ASCII": ({**REMOVAL, "input_image": "äöü="}, 422, "base64_invalid", "input_image"),
    "no photo": (without(REMOVAL, "input_image"), 422, "image_missing", "input_image"),
    "no mask": (without(REMOVAL, "conditional_images"), 422, "mask_missing", "conditional_images"),
    "null mask": ({**REMOVAL, "conditional_images": [None]}, 422, "mask_missing", "conditional_images"),
    "nine conditions": ({**REMOVAL, "conditional_images": [text(MASK)] * 9}, 422, "parameter_invalid", "conditional_"),
    "mask twice": ({**REMOVAL, "mask": text(MASK)}, 422, "parameter_invalid", "another name"),
    "empty mask": (
        {**REMOVAL, "conditional_images": [text(picture(image_format="PNG", colour="black"))]},
        422,
        "mask_empty",
        "white",
    ),
    "mask of another aspect": (
        {**REMOVAL, "conditional_images": [text(mask(100, 100))]},
        422,
        "mask_mismatch",
        "100 × 100",
    ),
    "no reference": (INSERTION, 422, "reference_missing", "reference_image"),
    "unknown operation": ({**REMOVAL, "task_type": "teleport"}, 422, "parameter_invalid", "task_type"),
    "no operation": (without(REMOVAL, "task_type"), 422, "parameter_invalid", "task_type"),
    "unknown image": ({**REMOVAL, "input_image": "0" * 64}, 404, "image_unknown", "0" * 64),
    "steps 0": ({**REMOVAL, "num_inference_steps": 0}, 422, "parameter_invalid", "num_inference_steps"),
    "width 17": ({**REMOVAL, "width": 17}, 422, "parameter_invalid", "width"),
    "seed -1": ({**REMOVAL, "seed": -1}, 422, "parameter_invalid", "seed"),
    "misspelt field": ({**REMOVAL, "guidence_scale": 3}, 422, "parameter_invalid", "did you mean guidance_scale?"),
    "text to image": ({"prompt": "a boat"}, 422, "engine_unsupported", "generative model"),
    "nothing at all": ({}, 422, "engine_unsupported", "text-to-image"),
}


def assert_refused(answer: httpx.Response, status: int, code: str, said: str, worker: FakeWorker) -> None:
    """The answer is a problem document, and nobody was given work."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.path
    assert problem["error_type"].endswith("Error")
    assert said in problem["detail"]
    assert worker.queued() == 0
    assert not worker.broker.keys("darkroom:job:*")


@pytest.mark.parametrize("route", ["/api/generate", "/api/generate/async"])
@pytest.mark.parametrize("case", BAD_EDITS)
def test_a_bad_edit_is_refused_before_the_queue(
    client: httpx.Client, worker: FakeWorker, case: str, route: str
) -> None:
    """Each bad request has its code, a sentence that names what is wrong, and leaves every queue empty."""
    fields, status, code, said = BAD_EDITS[case]
    assert_refused(client.post(route, json=fields), status, code, said, worker)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_names_its_field(client: httpx.Client, worker: FakeWorker, value: str) -> None:
    """NaN in JSON is refused where it stands."""
    body = json.dumps(REMOVAL)[:-1] + f', "true_cfg_scale": {value}}}'
    answer = client.post("/api/generate/async", content=body, headers={"content-type": "application/json"})
    assert_refused(answer, 422, "parameter_invalid", "true_cfg_scale", worker)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"prompt": }', b"[]", b'"text"', b"\xff\xfe{}", b'{"a":' + b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(client: httpx.Client, worker: FakeWorker, body: bytes) -> None:
    """Malformed JSON is a 400 with its own code, however deep it nests."""
    answer = client.post("/api/generate", content=body, headers={"content-type": "application/json"})
    assert_refused(answer, 400, "json_invalid", "JSON", worker)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "image/jpeg"},
        {},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_other_media_types_are_refused(client: httpx.Client, worker: FakeWorker, headers: dict[str, str]) -> None:
    """An edit is JSON or a form, not compressed."""
    answer = client.post("/api/generate", content=b"{}", headers=headers)
    assert_refused(answer, 415, "media_type_unsupported", "application/json", worker)


def test_a_broken_form_is_refused(client: httpx.Client, worker: FakeWorker) -> None:
    """A form without its boundary, and one with too many fields, are the client's errors."""
    broken = client.post("/api/generate", content=b"x", headers={"content-type": "multipart/form-data"})
    assert_refused(broken, 422, "parameter_invalid", "form", worker)
    many = client.post(
        "/api/generate", files={"image": ("p.jpg", PHOTO)}, data={f"field{number}": "x" for number in range(100)}
    )
    assert_refused(many, 422, "parameter_invalid", "form", worker)


def test_all_wrong_fields_are_told_at_once(client: httpx.Client, worker: FakeWorker) -> None:
    """A client mends its request in one go."""
    answer = client.post("/api/generate/async", json={**REMOVAL, "width": 17, "seed": "x", "what": 1})
    assert_refused(answer, 422, "parameter_invalid", "width", worker)
    assert {each["field"] for each in answer.json()["errors"]} == {"width", "seed", "what"}


def test_what_the_frontend_sends_without_effect_is_ignored(client: httpx.Client, worker: FakeWorker) -> None:
    """A field on the documented list, and conditions behind the mask, change nothing and are no error."""
    sent = {**REMOVAL, "conditional_images": [text(MASK), "not read"], "request_id": "r", "seed": None}
    answer = client.post("/api/generate/async", json=sent)
    assert answer.status_code == 200
    assert worker.queued() == 1


UTILITY = "/api/image-utils"
IMAGE = {"image": text(PHOTO)}
BAD_UTILITIES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "resize to nothing": ("resize", IMAGE, "parameter_invalid", "width"),
    "resize to zero": ("resize", {**IMAGE, "width": 0}, "parameter_invalid", "width"),
    "unknown fit": ("resize", {**IMAGE, "width": 5, "fit": "squeeze"}, "parameter_invalid", "fit"),
    "crop without a box": ("crop", IMAGE, "parameter_invalid", "box"),
    "crop of three numbers": ("crop", {**IMAGE, "box": [1, 2, 3]}, "parameter_invalid", "box"),
    "negative crop": ("crop", {**IMAGE, "box": [-5, 0, 50, 50]}, "crop_outside", "120 × 80"),
    "crop outside": ("crop", {**IMAGE, "box": [0, 0, 121, 80]}, "crop_outside", "120 × 80"),
    "empty crop": ("crop", {**IMAGE, "box": [10, 10, 10, 20]}, "crop_outside", "empty"),
    "NaN": ("crop", {**IMAGE, "box": [0, 0, "NaN", 5]}, "parameter_invalid", "box.2"),
    "no format": ("encode", IMAGE, "parameter_invalid", "format"),
    "unknown format": ("encode", {**IMAGE, "format": "tga"}, "parameter_invalid", "format"),
    "no image": ("canny", {}, "image_missing", "image"),
    "one threshold": ("canny", {**IMAGE, "low": 5}, "parameter_invalid", "threshold"),
    "a mask for canny": ("canny", {**IMAGE, "mask": text(MASK)}, "parameter_invalid", "mask"),
    "no mask": ("mae", IMAGE, "mask_missing", "mask"),
    "mask of another aspect": ("mae", {**IMAGE, "mask": text(mask(80, 80))}, "mask_mismatch", "80 × 80"),
    "empty mask": ("mae", {**IMAGE, "mask": text(picture(colour="black"))}, "mask_empty", "white"),
    "even blur": ("add-shadow-preview", {**IMAGE, "blur": 4}, "parameter_invalid", "odd"),
    "misspelt option": ("extract-object", {**IMAGE, "backgroud": "white"}, "parameter_invalid", "mean background?"),
    "not an image": ("resize", {"image": text(b"GIF"), "width": 5}, "image_invalid", "image"),
}


@pytest.mark.parametrize("case", BAD_UTILITIES)
def test_a_bad_utility_request_is_refused_before_the_queue(client: httpx.Client, worker: FakeWorker, case: str) -> None:
    """Options are checked at the gateway, so that a worker sees only what it can do."""
    name, fields, code, said = BAD_UTILITIES[case]
    assert_refused(client.post(f"{UTILITY}/{name}", json=fields), 422, code, said, worker)


CLICK = "/api/smart-mask"
POINT: dict[str, Any] = {**IMAGE, "points": [[10, 20]]}
BAD_CLICKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing pointed at": (IMAGE, "parameter_invalid", "points, a bbox, brush strokes as mask, or auto_detect"),
    "empty prompts": ({**IMAGE, "points": [], "bbox": [], "auto_detect": False}, "parameter_invalid", "auto_detect"),
    "no photo": ({"points": [[1, 2]]}, "image_missing", "image_id"),
    "two photos": ({**POINT, "image_id": "0" * 64}, "parameter_invalid", "image and image_id"),
    "an id that is none": ({"image_id": "abc", "points": [[1, 2]]}, "parameter_invalid", "image_id"),
    "not an image": ({**POINT, "image": text(b"hello")}, "image_invalid", "image"),
    "a truncated photo": ({**POINT, "image": text(PHOTO[:-20])}, "image_truncated", "image"),
    "a huge photo": ({**POINT, "image": text(huge_header())}, "image_too_large", "60000"),
    "a point of three numbers": ({**IMAGE, "points": [[1, 2, 3]]}, "parameter_invalid", "points.0"),
    "half a point": ({**IMAGE, "points": [10]}, "parameter_invalid", "x and y"),
    "a point that is no number": ({**IMAGE, "points": [["NaN", 2]]}, "parameter_invalid", "points.0.0"),
    "101 points": ({**IMAGE, "points": [[1, 2]] * 101}, "parameter_invalid", "points"),
    "a point outside": ({**IMAGE, "points": [[10, 20], [122, 5]]}, "prompt_outside", "points.1: (122, 5)"),
    "a point far left": ({**IMAGE, "points": [[-2, 20]]}, "prompt_outside", "120 × 80"),
    "a box outside": ({**IMAGE, "bbox": [0, 0, 120, 82]}, "prompt_outside", "upright photo"),
    "a box of three numbers": ({**IMAGE, "bbox": [1, 2, 3]}, "parameter_invalid", "bbox"),
    "a box from right to left": ({**IMAGE, "bbox": [50, 10, 10, 40]}, "parameter_invalid", "x0 < x1"),
    "an empty box": ({**IMAGE, "bbox": [10, 10, 10, 40]}, "parameter_invalid", "x0 < x1"),
    "more labels than points": ({**POINT, "labels": [1, 0]}, "parameter_invalid", "one label for each point"),
    "a label of 2": ({**POINT, "labels": [2]}, "parameter_invalid", "labels.0"),
    "only points that are not meant": ({**POINT, "labels": [0]}, "parameter_invalid", "label 1"),
    "strokes of another aspect": ({**IMAGE, "mask": text(mask(80, 80))}, "mask_mismatch", "80 × 80"),
    "no strokes": ({**IMAGE, "mask": text(picture(colour="black"))}, "mask_empty", "mask"),
    "unknown model": ({**POINT, "model_type": "sam2"}, "parameter_invalid", "model_type"),
    "a border of metres": ({**POINT, "border_adjustment": 1000}, "parameter_invalid", "border_adjustment"),
    "a bad request id": ({**POINT, "request_id": "a b"}, "parameter_invalid", "request_id"),
    "misspelt field": ({**POINT, "lables": [1]}, "parameter_invalid", "did you mean labels?"),
}


@pytest.mark.parametrize("case", BAD_CLICKS)
def test_a_bad_click_is_refused_before_the_queue(client: httpx.Client, worker: FakeWorker, case: str) -> None:
    """Prompts are checked against the photo's size at the gateway; nothing is queued."""
    fields, code, said = BAD_CLICKS[case]
    assert_refused(client.post(CLICK, json=fields), 422, code, said, worker)


@pytest.mark.parametrize("prompt", [{"points": [[1, 2]]}, {"bbox": [1, 2, 3, 4]}, {"mask": text(MASK)}])
def test_the_main_object_needs_no_prompt(client: httpx.Client, worker: FakeWorker, prompt: dict[str, Any]) -> None:
    """A prompt at /detect would be without effect, so it is refused by name."""
    answer = client.post(f"{CLICK}/detect", json={**IMAGE, **prompt})
    assert_refused(answer, 422, "parameter_invalid", f"{next(iter(prompt))}: The main object", worker)


def test_an_empty_request_is_a_click_without_a_photo(client: httpx.Client, worker: FakeWorker) -> None:
    """A body may be absent where the query names a stored photo; where it does not, the photo is missing."""
    assert_refused(client.post(f"{CLICK}?points=1,2"), 422, "image_missing", "image_id", worker)
    assert_refused(client.post(f"{CLICK}?points=1,2", content=b"{}"), 415, "media_type_unsupported", "image", worker)


def test_the_id_of_a_cancel_is_checked(client: httpx.Client, worker: FakeWorker) -> None:
    """What cannot be a request's id is no key of the broker."""
    assert_refused(client.post(f"{CLICK}/cancel/a%20b"), 422, "parameter_invalid", "request_id", worker)
    assert worker.broker.keys("darkroom:cancelled:*") == []


def test_routes_and_methods_that_do_not_exist_are_problems(client: httpx.Client, worker: FakeWorker) -> None:
    """404 and 405 look like every other error; 405 says what is allowed."""
    assert_refused(client.get("/api/nothing"), 404, "route_unknown", "/api/nothing", worker)
    answer = client.put("/api/generate/async")
    assert_refused(answer, 405, "method_not_allowed", "PUT", worker)
    assert answer.headers["allow"]


def test_an_unforeseen_error_tells_nothing_of_the_code(client: httpx.Client, worker: FakeWorker) -> None:
    """A bug is a 500 problem with a request id and without its traceback."""
    answer = client.get("/test/broken")
    assert_refused(answer, 500, "internal", "log", worker)
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]
