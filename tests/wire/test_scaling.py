"""The scaler with a worker's rights, and nobody else's."""

from collections.abc import Mapping
from contextlib import closing

import pytest

from darkroom.acl import Server
from tasks import ledger, scaler
from tasks.groups import GroupState, Metric
from tasks.scaler import Scaler
from tasks.settings import settings
from tests.wire.conftest import nothing_needed_was_refused
from tests.wire.servers import Wire
from worker_profiles import ProfileName


class NoGroups:
    """Groups that have nothing and take everything."""

    def read(self) -> Mapping[ProfileName, GroupState]:
        return {ProfileName.A100: GroupState(0, 0, 0, 1)}

    def set_desired(self, profile: ProfileName, machines: int) -> None: ...

    def publish(self, metrics: Mapping[ProfileName, Mapping[Metric, float]]) -> None: ...


def test_a_worker_may_scale_and_a_gateway_may_show_it(servers: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leading, looking, telling and resigning need no right that a worker lacks; the gateway reads what was told."""
    changed = settings().model_copy(update={"scaling_groups": {ProfileName.A100: "one"}, "scaling_look_seconds": 0.01})
    monkeypatch.setattr(scaler, "settings", lambda: changed)
    servers.refusals(Server.BROKER)
    with (
        closing(ledger.connect(servers.url(Server.BROKER, "worker")).client) as worker,
        closing(ledger.connect(servers.url(Server.BROKER, "gateway")).client) as gateway,
    ):
        one = Scaler(ledger.Ledger(worker), NoGroups())
        one.look()
        one.start()
        one.stop()
        one.join(30)
        assert not one.is_alive()
        told = ledger.Ledger(gateway).apply(ledger.overview()).capacity
        assert (set(told), told["a100"].running) == ({"a100"}, 0)
    nothing_needed_was_refused(servers)
