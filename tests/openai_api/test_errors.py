"""What OpenAI's package is told when something is wrong."""

from typing import Any

import httpx
import openai as package
import pytest
from openai import OpenAI

from tasks.engines import EngineName
from tests.api.conftest import MakeServer
from tests.api.pictures import huge_header
from tests.api.workers import FakeWorker
from tests.lab import wait_for
from tests.openai_api.conftest import talking_to
from tests.openai_api.drawing import mask, photo

PHOTO = photo()
EDIT = {"model": "darkroom-removal", "image": PHOTO, "mask": mask(), "prompt": ""}
GENERATION = {"prompt": "a cup"}


def test_models_are_those_of_the_engine(make_server: MakeServer, openai: OpenAI) -> None:
    """A generative engine has all of them, the other one none for prompts; an unknown one is theirs to name."""
    all_of_them = {model.id for model in openai.models.list()}
    assert all_of_them == {
        "darkroom",
        "darkroom-removal",
        "darkroom-insertion",
        "darkroom-white-balance",
        "darkroom-text-to-image",
    }
    assert openai.models.retrieve("darkroom-removal").owned_by == "darkroom"
    with make_server(generation_engine=EngineName.OPENCV) as client:
        plain = talking_to(str(client.base_url).removesuffix("/"))
        assert {model.id for model in plain.models.list()} == all_of_them - {"darkroom-text-to-image"}
        with pytest.raises(package.NotFoundError):
            plain.models.retrieve("darkroom-text-to-image")
        with pytest.raises(package.BadRequestError) as caught:
            plain.images.generate(**GENERATION)  # type: ignore[arg-type]
        assert caught.value.code == "engine_unsupported"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"n": 11}, "n", "parameter_invalid"),
        ({"n": 2, "stream": True}, "n", "parameter_invalid"),
        ({"size": {}}, "size", "parameter_invalid"),
        ({"size": "1024"}, "size", "parameter_invalid"),
        ({"size": "1000x1000"}, "size", "parameter_invalid"),
        ({"size": "99999999999x1"}, "size", "parameter_invalid"),
        ({"size": "١x١"}, "size", "parameter_invalid"),
        ({"output_format": "gif"}, "output_format", "parameter_invalid"),
        ({"output_format": "png", "output_compression": 50}, "output_compression", "parameter_invalid"),
        ({"output_compression": 101}, "output_compression", "parameter_invalid"),
        ({"background": "transparent"}, "background", "parameter_invalid"),
        ({"partial_images": 2}, "partial_images", "parameter_invalid"),
        ({"stream": True, "response_format": "url"}, "response_format", "parameter_invalid"),
        ({"svg": {"model": "x"}}, "svg", "parameter_invalid"),
        ({"frame_count": 4}, "frame_count", "parameter_invalid"),
        ({"prompt": ""}, "prompt", "parameter_invalid"),
        ({"prompt": "x" * 4001}, "prompt", "parameter_invalid"),
        ({"model": "darkroom-removal"}, "model", "parameter_invalid"),
        ({"extra_body": {"sead": 7}}, "sead", "parameter_invalid"),
        ({"extra_body": {"image": "x"}}, "image", "parameter_invalid"),
    ],
)
def test_a_generation_that_cannot_be_is_refused_by_name(
    openai: OpenAI, worker: FakeWorker, changes: dict[str, Any], param: str, code: str
) -> None:
    """A bad request names its parameter and reaches no queue."""
    with pytest.raises(package.BadRequestError) as caught:
        openai.images.generate(**{**GENERATION, **changes})
    assert (caught.value.param, caught.value.code, caught.value.type) == (param, code, "invalid_request_error")
    assert worker.queued() == 0


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"image": b"no picture"}, "image", "image_invalid"),
        ({"image": PHOTO[:200]}, "image", "image_truncated"),
        ({"image": huge_header()}, "image", "image_too_large"),
        ({"image": []}, "image", "image_missing"),
        ({"image": [PHOTO, PHOTO]}, "image", "parameter_invalid"),
        ({"model": "darkroom-insertion"}, "image", "reference_missing"),
        ({"model": "darkroom-insertion", "image": [PHOTO, b"no picture"]}, "image[1]", "image_invalid"),
        ({"model": "darkroom", "mask": package.omit}, "mask", "mask_missing"),
        ({"mask": package.omit}, "mask", "mask_missing"),
        ({"model": "darkroom-white-balance"}, "mask", "parameter_invalid"),
        ({"model": "darkroom-text-to-image"}, "model", "parameter_invalid"),
        ({"mask": mask(120, 160)}, "mask", "mask_mismatch"),
        ({"mask": PHOTO}, "mask", "mask_empty"),
        ({"mask": mask(alpha=1)}, "mask", "mask_empty"),
        ({"mask": mask()[:150]}, "mask", "image_truncated"),
        ({"size": "1024x1024"}, "size", "parameter_invalid"),
        ({"markup": PHOTO}, "markup", "parameter_invalid"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_by_name(
    openai: OpenAI, worker: FakeWorker, changes: dict[str, Any], param: str, code: str
) -> None:
    """A bad image, mask or size names its parameter and reaches no queue."""
    with pytest.raises(package.BadRequestError) as caught:
        openai.images.edit(**{**EDIT, **changes})  # type: ignore[call-overload]
    assert (caught.value.param, caught.value.code) == (param, code)
    assert worker.queued() == 0


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "x" * 10_000])
def test_a_model_of_another_house_is_unknown(openai: OpenAI, model: str) -> None:
    """As there: 404, model_not_found."""
    with pytest.raises(package.NotFoundError) as caught:
        openai.images.generate(model=model, **GENERATION)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("images", "mask_given", "param"),
    [
        ([{"image_url": "https://example.org/a.png"}], None, "images.0"),
        ([{"file_id": "f" * 64}], {"file_id": "f" * 64}, None),
        ([{"file_id": "../../etc/passwd"}], {"file_id": "x"}, "image"),
        ([{"image_url": "data:,x", "file_id": "x"}], None, "images.0"),
        ([{}], None, "images.0"),
        ([[]], None, "images.0"),
        ([7], None, "images.0"),
        ({"a": 1}, None, "images.0"),
        (["x"] * 17, None, "images"),
    ],
)
def test_json_references_are_hostile_too(
    client: httpx.Client, worker: FakeWorker, images: Any, mask_given: Any, param: str | None
) -> None:
    """Nothing is fetched, no path is made of an id, and what is no reference is refused."""
    body = {"model": "darkroom-removal", "images": images, "mask": mask_given, "prompt": ""}
    answer = client.post("/v1/images/edits", json=body)
    assert answer.status_code == (404 if param is None else 400), answer.text
    assert answer.json()["error"]["param"] == param
    assert worker.queued() == 0


@pytest.mark.parametrize(
    ("fields", "files", "param", "code"),
    [
        ({}, [("image[]", PHOTO)] * 9, None, "parameter_invalid"),
        ({"n": "many"}, [("image", PHOTO)], "n", "parameter_invalid"),
        ({"stream": "perhaps"}, [("image", PHOTO)], "stream", "parameter_invalid"),
        ({"svg[model]": "x"}, [("image", PHOTO)], "svg[model]", "parameter_invalid"),
        ({"image": "../../etc/passwd"}, [("mask", mask())], "image", "base64_invalid"),
        ({"model": "darkroom-white-balance", "seed": "-1"}, [("image", PHOTO)], "seed", "parameter_invalid"),
        ({"prompt": "x"}, [("image", PHOTO), ("mask", mask()), ("mask", mask())], "mask", "image_invalid"),
        ({"prompt": "x"}, [("mask", mask())], "image", "image_missing"),
    ],
)
def test_forms_are_hostile_too(
    client: httpx.Client,
    worker: FakeWorker,
    fields: dict[str, str],
    files: list[tuple[str, bytes]],
    param: str | None,
    code: str,
) -> None:
    """What the package would not send is refused by name, too."""
    named = [(field, ("photo.png", data)) for field, data in files]
    answer = client.post("/v1/images/edits", data=fields, files=named)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["error"]["param"], answer.json()["error"]["code"]) == (param, code)
    assert worker.queued() == 0


def test_requests_are_counted_by_their_routes(client: httpx.Client) -> None:
    """/metrics has the templates of these routes, and the codes of their errors."""
    client.get("/v1/models/gpt-image-1")
    figures = client.get("/metrics").text
    assert 'darkroom_http_requests_total{method="GET",route="/v1/models/{model}",status="404"}' in figures
    assert 'darkroom_http_problems_total{code="model_not_found"}' in figures


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1", None, 404, "route_unknown"),
        ("GET", "/v1/chat/completions", None, 404, "route_unknown"),
        ("POST", "/v1/images/variations", b"{}", 404, "route_unknown"),
        ("GET", "/v1/images/edits", None, 405, "method_not_allowed"),
        ("POST", "/v1/images/generations", b"{", 400, "json_invalid"),
        ("POST", "/v1/images/generations", b"[]", 400, "json_invalid"),
        ("POST", "/v1/images/generations", b" " * 50_000_001, 413, "body_too_large"),
    ],
)
def test_each_error_has_their_shape(
    client: httpx.Client, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    """Also what no route answers: unknown paths, broken bodies, and those that are too long."""
    answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert set(error) == {"message", "type", "param", "code"}
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_full_queue_says_when_to_come_back(make_server: MakeServer, worker: FakeWorker) -> None:
    """503 with Retry-After, which the package waits for; it may try again, as there is no job yet."""
    with make_server(max_waiting_jobs=1) as client:
        client.post("/api/generate/async", json={"prompt": "a cup"})
        worker.prepare(worker.take().id)
        wait_for(lambda: client.post("/api/generate/async", json=GENERATION).status_code == 503, "a full queue")
        answer = client.post("/v1/images/generations", json=GENERATION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")
    assert int(answer.headers["retry-after"]) >= 1
    assert "x-should-retry" not in answer.headers
