"""What operators look at tells the truth: figures, health, `darkroom top`, Flower; and what is built upon it fits."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import FAMILIES
from tasks.errors import ErrorCode
from tasks.metrics import Kind
from tests import lab
from tests.conftest import QUICK
from tests.observability.worker import FAIL, GATE_VARIABLE, LIBRARY
from tests.tasks import pictures

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra/observability"
RULES = yaml.safe_load((INFRA / "rules.yml").read_text())["groups"]
DASHBOARD = json.loads((INFRA / "grafana/dashboards/darkroom.json").read_text())
LOGIN = ("viewer", "secret")
FROM_PROMETHEUS = {"up": {"job", "instance"}}
"""Series that Prometheus makes itself."""
OF_A_SCRAPE = {"job", "instance"}
"""Labels that it adds to every series."""
FINISHED = {"done": 2, "error": 1}


@dataclass(frozen=True, slots=True)
class Running:
    """A Darkroom with three workers; the segmentation pool sleeps."""

    gateway: httpx.Client
    flower: httpx.Client
    environment: dict[str, str]
    gate: Path

    def scrape(self) -> "Scraped":
        """Return what Prometheus would get."""
        return Scraped(self.gateway.get("/metrics").text)

    def health(self) -> dict[str, Any]:
        """Return system health."""
        answer: dict[str, Any] = self.gateway.get("/api/system/health").json()
        return answer

    def top(self) -> dict[str, Any]:
        """Return what `darkroom top --once --json` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "darkroom", "top", "--once", "--json"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        view: dict[str, Any] = json.loads(done.stdout)
        return view

    def submit(self, prompt: str) -> str:
        """Ask for a picture."""
        answer = self.gateway.post("/api/generate/async", json={"prompt": prompt, "width": 64, "height": 64})
        return str(answer.raise_for_status().json()["task_id"])


class Scraped:
    """One scrape."""

    def __init__(self, text: str) -> None:
        """Read it."""
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the series that have these labels."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str) -> set[str]:
        """Return the labels of a series' name; empty for one without any, or that is not there."""
        return {label for sample in self.samples if sample.name == name for label in sample.labels}

    def values(self, name: str, label: str) -> set[str]:
        """Return the values that a label of a series' name has."""
        return {sample.labels[label] for sample in self.samples if sample.name == name and label in sample.labels}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start servers of this module's own, three workers, the gateway and Flower."""
    folder: Path = tmp_path_factory.mktemp("observability")
    ports = {name: lab.free_port() for name in ("gateway", "flower")}
    with ExitStack() as stack:
        gate = folder / "gate"
        environment = {
            **stack.enter_context(lab.valkeys(folder)),
            **QUICK,
            "DARKROOM_METRICS_SECONDS": "0.2",
            "GENERATION_ENGINE": "qwen",
            GATE_VARIABLE: str(gate),
        }
        flowers = {"FLOWER_BASIC_AUTH": ":".join(LOGIN)}
        # Before the workers: what it knows of them comes from their events.
        flower = ("darkroom", "flower", "--port", str(ports["flower"]), "--history", str(folder / "history"))
        stack.enter_context(started(flower, {**environment, **flowers}, folder / "flower.log"))
        stack.enter_context(
            started(("darkroom", "gateway", "--port", str(ports["gateway"])), environment, folder / "gateway.log")
        )
        clients = {
            name: stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
            for name, port in ports.items()
        }
        clients["flower"].auth = LOGIN
        lab.wait_for(partial(answers, clients["flower"], "/healthcheck"), "Flower")
        lab.wait_for(partial(answers, clients["gateway"], "/api/health/live"), "the gateway")
        workers = [
            lab.WorkerProcess("cpu", environment, folder / "cpu.log", "-E", "-c", "1"),
            lab.WorkerProcess("a100", environment, folder / "a100.log", module="tests.observability.worker"),
            lab.WorkerProcess("jobs", environment, folder / "jobs.log"),
        ]
        for worker in workers:
            stack.callback(worker.stop)
            stack.callback(worker.process.terminate)
        for worker in workers:
            worker.wait_until_ready()
        yield Running(clients["gateway"], clients["flower"], environment, gate)


@contextmanager
def started(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a program of Darkroom until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a server answers there."""
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def while_held(running: Running) -> dict[str, dict[str, Any]]:
    """Return what each of the four says of three workers, one running job and two that wait behind it."""
    health, scrape, top = running.health(), running.scrape(), running.top()
    generation, pools = health["services"]["generation"], {each["pool"]: each for each in top["pools"]}
    flower = running.flower.get("/workers?json=1").json()["data"]
    return {
        "health": {
            "workers": sum(len(each["workers"]) for each in health["services"].values()),
            "asleep": [name for name, each in health["services"].items() if each["status"] == "asleep"],
            "running": generation["in_flight"],
            "waiting": generation["queue_depth"],
            "open": health["open_jobs"],
        },
        "metrics": {
            "workers": scrape.value("darkroom_workers"),
            "asleep": ["segmentation"] * (scrape.value("darkroom_workers", pool="t4") == 0),
            "running": scrape.value("darkroom_pool_in_flight", pool="a100"),
            "processing": scrape.value("darkroom_jobs_open", state="processing"),
            "waiting": scrape.value("darkroom_queue_waiting_jobs", queue="generation"),
            "messages": scrape.value("darkroom_queue_messages", queue="generation"),
            "open": scrape.value("darkroom_jobs_open"),
        },
        "top": {
            "workers": sum(each["workers"] for each in pools.values()),
            "asleep": [each["service"] for each in pools.values() if each["status"] == "asleep"],
            "running": pools["a100"]["in_flight"],
            "processing": sum(job["state"] == "processing" for job in top["jobs"]),
            "waiting": pools["a100"]["waiting_jobs"],
            "messages": pools["a100"]["messages"],
            "open": len(top["jobs"]),
        },
        "flower": {
            "workers": sum(each["status"] for each in flower),
            "running": sum(each["active"] or 0 for each in flower if each["hostname"].startswith("a100@")),
            "processing": len(running.flower.get("/api/tasks?state=STARTED&taskname=tasks.generation.generate").json()),
        },
    }


def when_done(running: Running) -> dict[str, dict[str, float]]:
    """Return how many jobs have ended how, as each of those says that tells it."""
    scrape, top = running.scrape(), running.top()
    tasks = running.flower.get("/api/tasks?taskname=tasks.generation.generate").json().values()
    states = [task["state"] for task in tasks]
    return {
        "metrics": {state: scrape.value("darkroom_jobs_finished_total", state=state) for state in FINISHED},
        "tasks": {
            state: scrape.value("darkroom_tasks_total", task="tasks.generation.generate", outcome=outcome)
            for state, outcome in {"done": "success", "error": "failure"}.items()
        },
        "top": {state: sum(each.get(state, 0) for each in top["finished"].values()) for state in FINISHED},
        "flower": {"done": states.count("SUCCESS"), "error": states.count("FAILURE")},
    }


HELD = {"workers": 3, "asleep": ["segmentation"], "running": 1, "processing": 1, "waiting": 2, "messages": 2, "open": 3}


@pytest.fixture(scope="module")
def worked(running: Running) -> Running:
    """Three jobs have run, one of them in vain, and everything agreed on the way."""
    running.gate.touch()
    jobs = [running.submit(prompt) for prompt in ("one", FAIL, "two")]
    agree(partial(while_held, running), HELD)
    view = running.top()
    assert [job["message"] for job in view["jobs"] if job["state"] == "processing"] == ["held"]
    assert {job["id"] for job in view["jobs"]} == set(jobs)
    running.gate.unlink()
    agree(partial(when_done, running), FINISHED)
    files = {"image": ("photo.jpg", pictures.encoded(pictures.photo(), "JPEG"), "image/jpeg")}
    assert running.gateway.post("/api/image-utils/canny", files=files).is_success
    lab.wait_for(lambda: running.scrape().value("darkroom_tasks_total", pool="cpu", outcome="success"), "the child")
    return running


def agree(look: Callable[[], dict[str, dict[str, Any]]], truth: dict[str, Any]) -> None:
    """Wait until all say the truth, as far as they say it: they are asked one after the other, and events lag."""
    seen: dict[str, dict[str, Any]] = {}

    def all_agree() -> bool:
        seen.update(look())
        return all(truth[what] == said for each in seen.values() for what, said in each.items())

    try:
        lab.wait_for(all_agree, "the truth", 40)
    except AssertionError:
        raise AssertionError(seen) from None


def test_all_views_tell_the_same_truth(worked: Running) -> None:
    """While jobs run and when they have ended, Flower, /metrics, `darkroom top` and health agree."""
    assert worked.health()["open_jobs"] == 0
    [failed] = worked.top()["failures"]
    assert (failed["code"], failed["operation"]) == ("out_of_memory", "text-to-image")
    assert failed["worker"].startswith("a100@")


def test_workers_count_without_events(worked: Running) -> None:
    """What happens inside workers, pool children too, reaches the gateway: times, starts, bytes, codes, the GPU."""
    scrape = worked.scrape()
    edit = {"operation": "text-to-image"}
    assert scrape.value("darkroom_job_errors_total", **edit, code="out_of_memory") == 1
    assert scrape.value("darkroom_task_errors_total", task="tasks.generation.generate", code="out_of_memory") == 1
    assert scrape.values("darkroom_job_stage_seconds_count", "stage") == {
        "preparation",
        "waiting",
        "load",
        "edit",
        "encode",
        "store",
    }
    assert scrape.value("darkroom_job_stage_seconds_count", **edit, stage="edit") == 2
    assert scrape.value("darkroom_task_seconds_count", task="tasks.image_utils.canny") == 1
    assert scrape.values("darkroom_cold_start_seconds_count", "pool") == {"cpu", "a100", "jobs"}
    for pool in ("gateway", "cpu", "a100"):
        assert scrape.value("darkroom_image_bytes_total", pool=pool, direction="written") > 0, pool
    assert scrape.value("darkroom_gpu_memory_used_bytes", pool="a100", gpu=LIBRARY.gpu) == LIBRARY.memory_used
    assert scrape.value("darkroom_gpu_utilisation_ratio", pool="a100") == LIBRARY.utilisation


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every query of the rules and of the dashboard, with where it stands."""
    for group in RULES:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]


RECORDED = {
    rule["record"]: promql.parse(rule["expr"]) for group in RULES for rule in group["rules"] if "record" in rule
}
QUERIES = dict(expressions())


def nodes(query: Any) -> list[Any]:
    """Return every part of a query."""
    found: list[Any] = []
    promql.walk(query, pre_visit=lambda node: found.append(node))
    return found


def labels_of(scrape: Scraped, name: str) -> set[str]:
    """Return the labels that a series has; fail for one that is not there."""
    if name in FROM_PROMETHEUS:
        return FROM_PROMETHEUS[name]
    if name in RECORDED:
        return next(named_labels(part) for part in nodes(RECORDED[name]) if is_aggregate(part))
    family = next((each for each in FAMILIES if name in shown_names(each)), None)
    assert family is not None, f"{name} is no metric"
    assert family.name in scrape.families, f"{name} is in no scrape"
    there = scrape.labels(name)
    assert not there or there - {"le"} == set(family.labels), name
    return there | set(family.labels) | OF_A_SCRAPE


def shown_names(family: Any) -> set[str]:
    """Return the names of a family's series."""
    if family.kind is Kind.HISTOGRAM:
        return {f"{family.name}{end}" for end in ("_bucket", "_sum", "_count")}
    return {family.shown}


@pytest.mark.parametrize("where", QUERIES)
def test_every_query_finds_what_it_asks_for(worked: Running, where: str) -> None:
    """In a real scrape there is each metric that rules and dashboard use, with the labels and values that they name."""
    scrape = worked.scrape()
    parts = nodes(promql.parse(QUERIES[where].replace("$__rate_interval", "5m")))
    selectors = [part for part in parts if isinstance(part, promql.VectorSelector)]
    assert selectors
    known: set[str] = set()
    for selector in selectors:
        labels = labels_of(scrape, selector.name)
        known |= labels
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels, matcher.name
            require_value(scrape, selector.name, matcher)
    for part in parts:
        assert named_labels(part) <= known, str(part)


def is_aggregate(part: Any) -> bool:
    """Whether a part of a query is a sum or the like."""
    return isinstance(part, promql.AggregateExpr)


def named_labels(part: Any) -> set[str]:
    """Return the labels by which a part groups or joins."""
    if is_aggregate(part):
        return set(part.modifier.labels) if part.modifier else set()
    matching = part.modifier.matching if isinstance(part, promql.BinaryExpr) and part.modifier else None
    return set(matching.labels) if matching else set()


def require_value(scrape: Scraped, name: str, matcher: Any) -> None:
    """Fail for a value of a label that no series can have."""
    wanted = set(matcher.value.split("|"))
    if matcher.name == "code":
        assert wanted <= set(ErrorCode)
    elif matcher.name == "status":
        assert any(re.fullmatch(matcher.value, status) for status in ("200", "404", "503"))
    elif name in FROM_PROMETHEUS:
        assert matcher.name == "job"
        assert matcher.value == yaml.safe_load((INFRA / "prometheus.yml").read_text())["scrape_configs"][0]["job_name"]
    elif name in RECORDED:
        assert wanted <= scrape.values("darkroom_workers", matcher.name)
    else:
        assert wanted <= scrape.values(name, matcher.name), matcher.value


def test_what_an_alert_says_is_in_its_labels(worked: Running) -> None:
    """Each alert has a severity and sentences whose labels its query keeps."""
    alerts = [rule for group in RULES for rule in group["rules"] if "alert" in rule]
    assert len(alerts) >= 10
    for rule in alerts:
        assert rule["labels"]["severity"] in {"page", "warn"}
        words = "".join(rule["annotations"][name] for name in ("summary", "description"))
        named = set(re.findall(r"\$labels\.(\w+)", words))
        kept = {label for part in nodes(promql.parse(rule["expr"])) for label in named_labels(part)}
        whole = {
            label
            for part in nodes(promql.parse(rule["expr"]))
            if isinstance(part, promql.VectorSelector)
            for label in labels_of(worked.scrape(), part.name)
        }
        assert named <= (kept or whole), rule["alert"]
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}


def test_the_dashboard_can_be_loaded() -> None:
    """Ids are unique, panels do not overlap, each has a query, a unit and a sentence, and asks the chosen source."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource"]


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    """Nothing is counted that nobody looks at."""
    used = {
        part.name
        for query in QUERIES.values()
        for part in nodes(promql.parse(query))
        if isinstance(part, promql.VectorSelector)
    }
    assert {family.name for family in FAMILIES if not shown_names(family) & used} == set()
