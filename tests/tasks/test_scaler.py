"""The scaler: what it reads from the ledger, what it tells AWS, and what it does when AWS does not want to."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.stub import Stubber

from tasks import aws_groups, ledger, scaler
from tasks.errands import PATIENCE_SECONDS
from tasks.groups import Groups, GroupsError, GroupState, GroupsUnusable, Metric, open_groups
from tasks.jobs import Stage
from tasks.leadership import Leadership
from tasks.ledger import Ledger, PoolCapacity
from tasks.queues import Priority, Queue, list_key
from tasks.scaler import Backoff, PoolLoad, Scaler, load_of
from tasks.scaling import Demand
from tasks.settings import Settings, settings
from tests.aws import REGION, Aws, aws
from tests.lab import wait_for
from worker_profiles import ProfileName

A100, T4, CPU = ProfileName.A100, ProfileName.T4, ProfileName.CPU
NAMES = {CPU: "cpu-group", T4: "t4-group", A100: "a100-group"}


@dataclass
class FakeGroups:
    """Groups whose machines are there at once, unless AWS is told to be in a bad mood."""

    states: dict[ProfileName, GroupState] = field(
        default_factory=lambda: {profile: GroupState(0, 0, 0, 10) for profile in NAMES}
    )
    trouble: str = ""
    reads: int = 0
    tries: int = 0
    """Calls that were to change something, refused ones too."""
    calls: list[tuple[ProfileName, int]] = field(default_factory=list)
    published: list[Mapping[ProfileName, Mapping[Metric, float]]] = field(default_factory=list)

    def read(self) -> Mapping[ProfileName, GroupState]:
        self.reads += 1
        self._fail()
        return dict(self.states)

    def set_desired(self, profile: ProfileName, machines: int) -> None:
        self.tries += 1
        self._fail()
        self.calls.append((profile, machines))
        before = self.states[profile]
        self.states[profile] = GroupState(machines, machines, before.least, before.most)

    def publish(self, metrics: Mapping[ProfileName, Mapping[Metric, float]]) -> None:
        self._fail()
        self.published.append(metrics)

    def _fail(self) -> None:
        if self.trouble:
            raise GroupsError(self.trouble)


@pytest.fixture
def own(book: Ledger) -> Ledger:
    """The ledger, empty."""
    book.client.flushdb()
    return book


@pytest.fixture
def groups() -> FakeGroups:
    """Groups that this process can look into."""
    return FakeGroups()


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set settings of this process's scaler."""

    def change(**changes: Any) -> None:
        changed = settings().model_copy(update={"scaling_groups": NAMES, **changes})
        monkeypatch.setattr(scaler, "settings", lambda: changed)

    change()
    return change


@pytest.fixture
def one(own: Ledger, groups: FakeGroups, scaling: Callable[..., None]) -> Scaler:
    """A scaler that looks when it is told to."""
    return Scaler(own, groups)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    """AWS with a group for each pool."""
    with aws() as running:
        for name in NAMES.values():
            running.make_group(name)
        yield running


def announce(book: Ledger, name: str, *, state: str = "ready", active: int = 0, taken: int = 0, **more: float) -> None:
    """Tell of a worker, which has been there for long; its profile is in its name."""
    told = {"name": name, "profile": name.partition("@")[0], "service": "generation", "state": state}
    counts = {"active": active, "slots": 1, "taken": taken, "started_at": 0, **more}
    book.apply(ledger.announce(name, {**told, **counts}, 15))


def capacity(book: Ledger, profile: ProfileName) -> PoolCapacity:
    """Return what everybody can read of a pool."""
    return book.apply(ledger.overview()).capacity[profile]


def load(book: Ledger, profile: ProfileName) -> PoolLoad:
    """Return a pool's load."""
    return load_of(book.apply(ledger.overview()), profile)


def test_the_job_of_a_killed_last_worker_keeps_its_pool(own: Ledger, submitted: Callable[[], str]) -> None:
    """A job that a worker holds is in flight; when the worker is gone it is backlog, though every list is empty."""
    job_id = submitted()
    token = ledger.new_token(job_id)
    own.apply(ledger.claim(token, Stage.OPENING, "cpu"))
    own.apply(ledger.launch(token, ledger.new_token(job_id), 0, {}))
    own.apply(ledger.claim(ledger.new_token(job_id), Stage.BODY, "a100"))
    announce(own, "a100@host:1", state="busy", active=1)
    assert load(own, A100).demand == Demand(0, 1, 0)
    own.apply(ledger.announce("a100@host:1", {}, 0))
    assert load(own, A100).demand == Demand(1, 0, 12)
    assert load(own, CPU).demand == Demand(0, 0, 0)


def test_a_job_counts_in_both_pools_that_it_needs(own: Ledger, submitted: Callable[[], str]) -> None:
    """As soon as a job is accepted its generation machine boots, beside the one that prepares it."""
    submitted()
    assert [load(own, profile).demand.backlog for profile in (CPU, T4, A100)] == [1, 0, 1]


def test_utilities_and_clicks_count_as_messages(own: Ledger) -> None:
    """What is no job is counted in the queues, at both priorities."""
    own.client.lpush(list_key(Queue.SEGMENTATION, Priority.INTERACTIVE), "click", "click")
    own.client.lpush(list_key(Queue.IMAGE_UTILS, Priority.BATCH), "utility")
    assert load(own, T4).demand == Demand(2, 0, 1)
    assert load(own, CPU).demand == Demand(1, 0, 0.25)


def test_work_is_counted_in_learned_seconds(own: Ledger, submitted: Callable[[], str]) -> None:
    """Once jobs were done, those that wait are taken to last as long as those did."""
    job_id = submitted()
    token = ledger.new_token(job_id)
    own.apply(ledger.claim(token, Stage.OPENING, "cpu"))
    own.apply(ledger.launch(token, ledger.new_token(job_id), 0, {}))
    body = ledger.new_token(job_id)
    own.apply(ledger.claim(body, Stage.BODY, "a100"))
    own.client.hincrbyfloat(f"darkroom:job:{job_id}", "body_started_at", -100)
    own.apply(ledger.succeed(body, {}))
    submitted()
    submitted()
    assert load(own, A100).demand.backlog_seconds == pytest.approx(200, rel=0.1)


def test_slots_are_those_of_workers_that_serve(own: Ledger) -> None:
    """Workers that load or drain take no work; a machine's workers are told by their host."""
    announce(own, "a100@one:1")
    announce(own, "a100@one:2", state="busy", active=1)
    announce(own, "a100@one:3", state="loading")
    announce(own, "a100@two:1", state="draining", active=1)
    found = load(own, A100)
    assert (found.serving_slots, found.slots_of_a_machine, found.demand.in_flight) == (2, 3, 2)


def test_a_job_wakes_its_pools_and_everybody_can_read_why(
    one: Scaler, own: Ledger, groups: FakeGroups, submitted: Callable[[], str]
) -> None:
    """One look asks for a machine of each pool that the job needs, and none else; the next look asks for nothing."""
    one.look()
    assert groups.calls == []
    submitted()
    one.look()
    assert capacity(own, A100).reason == "1 waiting (about 12 s of work), 0 running, asleep: needs 1"
    one.look()
    assert groups.calls == [(CPU, 1), (A100, 1)]
    assert capacity(own, A100).reason.endswith("1 will do, 1 of them booting")
    assert (capacity(own, T4).desired, capacity(own, T4).reason) == (0, "nothing to do")


def test_a_click_that_nobody_saw_keeps_its_pool(one: Scaler, own: Ledger) -> None:
    """What came and went between two looks is demand: the workers have counted it."""
    announce(own, "t4@one:1", taken=7)
    one.look()
    one.look()
    assert capacity(own, T4).reason == "nothing to do"
    announce(own, "t4@one:1", taken=8)
    one.look()
    assert capacity(own, T4).reason.startswith("0 waiting (about 0 s of work), 1 running")


def test_a_minute_with_one_click_is_not_idle(
    one: Scaler, own: Ledger, groups: FakeGroups, scaling: Callable[..., None]
) -> None:
    """What is told of work in flight is the most since the last time, so an alarm on idle machines sees a click."""
    announce(own, "t4@one:1", taken=7)
    one.look()
    announce(own, "t4@one:1", taken=8)
    one.look()
    scaling(scaling_publish_seconds=1e-9)
    one.look()
    one.look()
    assert [told[T4][Metric.IN_FLIGHT] for told in groups.published] == [0, 1, 0]


@pytest.mark.parametrize("told", [1, 12])
def test_a_machine_is_taken_for_what_its_workers_tell(
    one: Scaler, own: Ledger, scaling: Callable[..., None], submitted: Callable[[], str], told: int
) -> None:
    """Twelve jobs of two minutes need two machines of six slots, whether fewer or more were set for one."""
    scaling(scaling_slots={A100: told})
    announce(own, "a100@one:1", slots=6)
    own.client.hset("darkroom:jobs:seconds", Queue.GENERATION, 120)
    for _ in range(12):
        submitted()
    one.look()
    assert " needs 2" in capacity(own, A100).reason


def test_a_machine_that_starts_is_taken_for_what_is_set(own: Ledger) -> None:
    """The first of its workers does not stand for all; a minute later they are all there."""
    now = time.time()
    announce(own, "a100@one:1", started_at=now)
    assert load(own, A100).slots_of_a_machine == 0
    for pid in (1, 2, 3):
        announce(own, f"a100@one:{pid}", started_at=now - scaler.SETTLED_SECONDS - pid)
    announce(own, "a100@one:4", started_at=now)
    assert load(own, A100).slots_of_a_machine == 4


def test_a_decision_is_unknown_after_a_minute(one: Scaler, own: Ledger) -> None:
    """What no scaler has confirmed for a minute is not shown."""
    one.look()
    told = own.client.hget(scaler.CAPACITY_KEY, A100)
    age = PoolCapacity(0, 0, "nothing to do", capacity(own, A100).decided_at - 61)
    own.client.hset(scaler.CAPACITY_KEY, A100, told.replace(str(capacity(own, A100).decided_at), str(age.decided_at)))
    assert set(own.apply(ledger.overview()).capacity) == {CPU, T4}


def test_what_stays_is_not_written_again(one: Scaler, own: Ledger) -> None:
    """A look that changes nothing writes nothing, until the last word gets old."""
    one.look()
    own.client.delete(scaler.CAPACITY_KEY)
    one.look()
    assert own.client.exists(scaler.CAPACITY_KEY) == 0


def test_trouble_with_aws_is_shown_and_retried(
    one: Scaler,
    own: Ledger,
    groups: FakeGroups,
    submitted: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While AWS refuses, every look goes on and health has the reason; the call is made when it is time again."""
    one.look()
    groups.trouble = "AWS refused SetDesiredCapacity: Throttling"
    submitted()
    for _ in range(3):
        one.look()
    told = capacity(own, A100)
    assert told.desired == 1
    assert told.reason.endswith("needs 1. AWS refused SetDesiredCapacity: Throttling")
    assert (groups.reads, groups.tries) == (1, 1)
    groups.trouble = ""
    monkeypatch.setattr(Backoff, "may_try", lambda *_: True)
    one.look()
    assert (dict(groups.calls)[A100], groups.reads) == (1, 2)
    assert capacity(own, A100).reason.endswith("needs 1")


def test_without_any_answer_of_aws_the_need_is_shown(
    one: Scaler, own: Ledger, groups: FakeGroups, submitted: Callable[[], str]
) -> None:
    """What is there is unknown, what is needed is not."""
    groups.trouble = "AWS refused DescribeAutoScalingGroups: AccessDenied"
    submitted()
    one.look()
    told = capacity(own, A100)
    assert (told.desired, told.running, groups.calls) == (1, None, [])
    assert told.reason.endswith("AccessDenied")


def test_a_group_that_does_not_exist_is_said_to(one: Scaler, own: Ledger, groups: FakeGroups) -> None:
    """A wrong name in the settings shows in health, and the other pools are scaled."""
    del groups.states[T4]
    one.look()
    assert capacity(own, T4).reason == "nothing to do. AWS knows no such group"
    assert capacity(own, A100).reason == "nothing to do"


def test_metrics_are_told_once_a_minute_and_their_trouble_stops_nothing(
    one: Scaler, own: Ledger, groups: FakeGroups, submitted: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog without a slot shows as such; what CloudWatch refuses leaves the machines alone."""
    submitted()
    one.look()
    one.look()
    assert groups.published == [
        {
            profile: dict(zip(Metric, values, strict=True))
            for profile, values in {CPU: (1, 0, 0, 1, 0.25, 1), T4: (0,) * 6, A100: (1, 0, 0, 1, 12, 1)}.items()
        }
    ]
    announce(own, "a100@one:1")
    assert load(own, A100).metrics[Metric.BACKLOG_WITHOUT_CAPACITY] == 0

    other = FakeGroups()

    def refuse(_: object) -> None:
        raise GroupsError("AWS refused PutMetricData: AccessDenied")

    monkeypatch.setattr(other, "publish", refuse)
    Scaler(own, other).look()
    assert dict(other.calls) == {CPU: 1, A100: 1}
    assert "PutMetricData" not in capacity(own, A100).reason


@pytest.mark.parametrize("silent", ["read", "publish"])
def test_a_silent_aws_holds_up_no_decision(
    one: Scaler,
    own: Ledger,
    groups: FakeGroups,
    submitted: Callable[[], str],
    scaling: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    silent: str,
) -> None:
    """While a reading or a telling hangs, a job has its machine asked for; each is made once, and then used."""
    one.look()
    scaling(scaling_read_seconds=1e-9, scaling_publish_seconds=1e-9)
    answered, calls = threading.Event(), []
    answer = getattr(groups, silent)

    def hang(*arguments: Any) -> Any:
        calls.append(answered.wait(30))
        return answer(*arguments)

    monkeypatch.setattr(groups, silent, hang)
    try:
        one.look()
        submitted()
        began = time.monotonic()
        one.look()
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert (dict(groups.calls)[A100], calls) == (1, [])
    finally:
        answered.set()
    wait_for(lambda: one.look() is None and len(calls) > 1, "the next call")
    assert capacity(own, A100).desired == 1


def test_what_was_read_before_a_change_is_not_believed(
    one: Scaler, own: Ledger, groups: FakeGroups, submitted: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow answer that still says zero does not have the machine of a moment ago asked for again."""
    one.look()
    monkeypatch.setattr(one, "_read_at", float("-inf"))
    answered, old, read = threading.Event(), dict(groups.states), groups.read
    monkeypatch.setattr(groups, "read", lambda: (answered.wait(30), old)[1])
    one.look()
    submitted()
    one.look()
    answered.set()
    monkeypatch.setattr(groups, "read", read)
    for _ in range(3):
        time.sleep(0.01)
        one.look()
    assert groups.calls == [(CPU, 1), (A100, 1)]
    assert capacity(own, A100).running == 1


def test_waits_between_tries_grow_and_end() -> None:
    """Each failure waits longer, a minute and a fifth at most, and a success forgets them."""
    backoff = Backoff()
    waits = []
    for _ in range(10):
        backoff.failed(GroupsError("no"), 0)
        waits.append(next(second for second in range(1000) if backoff.may_try(second / 10)) / 10)
    assert 1 <= waits[0] <= 1.3
    assert waits[:6] == sorted(waits[:6])
    assert 60 <= max(waits) <= 72.1
    backoff.succeeded()
    assert backoff.may_try(0)
    assert backoff.error is None


def test_one_leads_and_the_next_one_follows_at_once(own: Ledger) -> None:
    """Of two candidates one holds the key, as long as it renews; when it resigns the other one has it."""
    first, second = (Leadership(own.client, "darkroom:scaler", name, 30) for name in ("one", "two"))
    assert [first.held(), second.held(), first.held()] == [True, False, True]
    second.resign()
    assert not second.held()
    first.resign()
    assert second.held()
    own.client.delete("darkroom:scaler")
    assert first.held()


def test_only_the_leader_looks(own: Ledger, scaling: Callable[..., None]) -> None:
    """Of two scalers that run one looks; when it stops the other one takes over, long before its leadership ends."""
    scaling(scaling_look_seconds=0.01, scaling_read_seconds=0.001)
    both = [FakeGroups(), FakeGroups()]
    scalers = [Scaler(own, each) for each in both]
    try:
        scalers[0].start()
        wait_for(lambda: both[0].reads, "the first one's look")
        scalers[1].start()
        seen = both[0].reads
        wait_for(lambda: both[0].reads > seen + 20, "more of them")
        assert both[1].reads == 0
        scalers[0].stop()
        wait_for(lambda: both[1].reads, "the second one's look", seconds=scaler.LEADER_SECONDS * 2 / 3)
        assert not scalers[0].is_alive()
    finally:
        for each in scalers:
            each.stop()
        for each in filter(threading.Thread.is_alive, scalers):
            each.join(30)


def test_a_broker_that_is_away_ends_no_scaler(own: Ledger, scaling: Callable[..., None]) -> None:
    """A scaler whose broker does not answer goes on, and looks when it is back."""
    scaling(scaling_look_seconds=0.01)
    groups = FakeGroups()
    nowhere = ledger.connect("redis://127.0.0.1:1/0", patience_seconds=0)
    lost = Scaler(nowhere, groups)
    lost.start()
    lost.join(0.3)
    assert lost.is_alive()
    assert groups.reads == 0
    lost.stop()
    lost.join(30)
    assert not lost.is_alive()


def test_aws_is_read_and_told(cloud: Aws) -> None:
    """By boto3's own requests: bounds and machines are read, machines asked for, metrics have their dimensions."""
    opened = open_groups(Settings(scaling_groups=NAMES, deployment="test", aws_region=REGION))
    opened.set_desired(A100, 2)
    assert opened.read()[A100] == GroupState(desired=2, running=2, least=0, most=10)
    opened.publish({A100: {Metric.BACKLOG: 3, Metric.EXPECTED_SECONDS: 36.0}})
    told = cloud.client("cloudwatch").list_metrics(Namespace="Darkroom")["Metrics"]
    assert {metric["MetricName"] for metric in told} == {"Backlog", "ExpectedSeconds"}
    dimensions = [{"Name": "Deployment", "Value": "test"}, {"Name": "Pool", "Value": "a100"}]
    assert all(sorted(metric["Dimensions"], key=lambda each: each["Name"]) == dimensions for metric in told)


def test_machines_that_boot_or_drain_are_not_in_service(cloud: Aws) -> None:
    """Only ``InService`` counts as running, whatever else a hook holds."""
    client = cloud.client("autoscaling")
    states = ("InService", "Pending:Wait", "Terminating:Wait", "Warmed:Stopped")
    machine = {"AvailabilityZone": "a", "HealthStatus": "Healthy", "ProtectedFromScaleIn": False}
    bounds = {"MinSize": 0, "MaxSize": 5, "DesiredCapacity": 3, "DefaultCooldown": 0}
    group = {
        **bounds,
        "AutoScalingGroupName": NAMES[T4],
        "AvailabilityZones": ["a"],
        "HealthCheckType": "EC2",
        "CreatedTime": 0,
        "Instances": [{**machine, "InstanceId": f"i-{n}", "LifecycleState": state} for n, state in enumerate(states)],
    }
    with Stubber(client) as stub:
        stub.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [group]})
        found = aws_groups.AwsGroups(client, None, NAMES, "test").read()
    assert found == {T4: GroupState(desired=3, running=1, least=0, most=5)}


def test_errors_of_aws_are_named_without_the_account(cloud: Aws) -> None:
    """A refusal is told by its code alone, an AWS that is away by the kind of failure."""
    client = cloud.client("autoscaling")
    with Stubber(client) as stub:
        stub.add_client_error("set_desired_capacity", "AccessDenied", "User: arn:aws:iam::123456789012:user/x may not")
        with pytest.raises(GroupsError) as refused:
            aws_groups.AwsGroups(client, None, NAMES, "test").set_desired(A100, 1)
    assert str(refused.value) == "AWS refused SetDesiredCapacity: AccessDenied"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        away: Groups = aws_groups.connect(NAMES, "test", REGION)
    with pytest.raises(GroupsError, match=r"did not answer DescribeAutoScalingGroups: EndpointConnectionError"):
        away.read()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, or without a region, a sentence says what to do."""
    some = Settings(scaling_groups=NAMES)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(GroupsUnusable, match="set AWS_REGION"):
        open_groups(some.model_copy(update={"aws_region": None}))
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "tasks.aws_groups")
    with pytest.raises(GroupsUnusable, match=r"boto3 is not installed: pip install 'darkroom\[aws\]'"):
        open_groups(some)


def test_groups_and_slots_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names them by profile; what is no profile, or has no name, is refused."""
    monkeypatch.setenv("DARKROOM_SCALING_GROUPS", "cpu=one, a100=two")
    monkeypatch.setenv("DARKROOM_SCALING_SLOTS", "a100=4")
    read = Settings()
    assert (read.scaling_groups, read.scaling_slots) == ({CPU: "one", A100: "two"}, {A100: 4})
    for wrong in ("h100=one", "cpu", "jobs=one"):
        monkeypatch.setenv("DARKROOM_SCALING_GROUPS", wrong)
        with pytest.raises(ValueError, match="scaling_groups"):
            Settings()


def test_nobody_loads_boto3_who_scales_nothing() -> None:
    """A worker without groups, and everything that clients and gateways import, leaves boto3 alone."""
    code = (
        "import tasks.worker, tasks.scaler, api.app, sys; print([m for m in ('boto3', 'botocore') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
