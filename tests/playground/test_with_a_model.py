"""The page on a gateway that asks for keys, in front of an engine with a model; the test plays the workers."""

import re
from collections.abc import Iterator

import pytest
import redis
from playwright.sync_api import Page, Route, expect

from api.settings import GatewaySettings
from tasks import ledger
from tasks.engines import EngineName
from tasks.keys import AccessMode
from tasks.ledger import Held
from tasks.queues import Queue
from tasks.settings import Settings
from tests.api.callers import Person, person
from tests.api.conftest import addresses, broker, settings, worker  # noqa: F401 - fixtures
from tests.api.pictures import picture
from tests.api.servers import serve
from tests.api.workers import FakeWorker
from tests.playground.conftest import OpenPage, axe

STEPS = 4
PROMPT = "a lighthouse at dusk"


@pytest.fixture
def gateway(
    settings: GatewaySettings,  # noqa: F811 - a fixture
    broker: "redis.Redis",  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A gateway with an engine that can do everything."""
    del broker
    able = Settings(generation_engine=EngineName.QWEN)  # type: ignore[call-arg]
    monkeypatch.setattr("tasks.submission.settings", lambda: able)
    changes = {"access": AccessMode.KEYS, "generation_engine": EngineName.QWEN}
    with serve(settings.model_copy(update=changes)) as running:
        yield running.url


@pytest.fixture
def somebody(broker: "redis.Redis") -> Person:  # noqa: F811 - a fixture
    """Somebody who may edit."""
    return person(broker)


@pytest.fixture
def page(open_page: OpenPage, somebody: Person) -> Page:
    """The page, to which somebody has given a key."""
    page = open_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("API key").fill(somebody.text)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    return page


def asked_for(page: Page, worker: FakeWorker) -> str:  # noqa: F811 - the fixture
    """Ask for a picture of a few words; return its job's id, once it is begun."""
    page.get_by_role("radio", name="Create").check()
    page.get_by_label("Describe the picture").fill(PROMPT)
    with page.expect_response("**/api/generate/async") as answer:
        page.locator("#submit").click()
    job_id = str(answer.value.json()["task_id"])
    assert worker.take(Queue.IMAGE_UTILS).id is not None
    worker.prepare(job_id)
    return job_id


def test_a_picture_is_made_of_words(page: Page, worker: FakeWorker, somebody: Person) -> None:  # noqa: F811
    """The key given once is on every request: steps, previews and the picture come, and it can be downloaded."""
    job_id = asked_for(page, worker)
    token = worker.start(job_id)
    owner = somebody.key.owner
    preview = worker.store.put(picture(64, 48), owner=owner, durable=False).id
    with page.expect_response(f"**/api/images/{preview}") as shown:
        worker.step(token, 2, STEPS, preview)
    assert shown.value.ok
    expect(page.locator("#job-detail")).to_have_text(re.compile(f"Step 2 of {STEPS}"))
    axe(page)
    worker.finish(token, picture(640, 480, "PNG"), owner=owner, model_used="qwen")
    expect(page.get_by_role("heading", name="Created")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("group", name="Download").get_by_role("button", name="PNG").click()
    assert download.value.path().stat().st_size > 0


def test_a_cancel_is_final_between_two_steps(page: Page, worker: FakeWorker) -> None:  # noqa: F811
    """Cancelled while it runs, the job is lost to its worker, and the words are still there to try again."""
    token = worker.start(asked_for(page, worker))
    worker.step(token, 1, STEPS)
    expect(page.locator("#job-detail")).to_have_text(re.compile(f"Step 1 of {STEPS}"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#submit")).to_be_visible()
    assert worker.ledger.apply(ledger.renew(token)) is Held.CANCELLED
    expect(page.get_by_label("Describe the picture")).to_have_value(PROMPT)


def test_a_cancel_reaches_a_job_that_is_only_being_accepted(page: Page, broker: "redis.Redis") -> None:  # noqa: F811
    """Cancelled before the gateway has answered, an edit is cancelled as soon as its job has a name."""
    held: list[Route] = []
    page.route("**/api/generate/async", lambda route: held.append(route))
    page.get_by_role("radio", name="Create").check()
    page.get_by_label("Describe the picture").fill(PROMPT)
    with page.expect_request("**/api/generate/async"):
        page.locator("#submit").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#submit")).to_be_visible()
    with page.expect_response(lambda response: response.request.method == "DELETE") as answer:
        held.pop().continue_()
    job_id = answer.value.url.rpartition("/")[2]
    assert broker.hget(f"darkroom:job:{job_id}", "state") == "cancelled"
