"""Everything that happens to Darkroom in the soak, one function each. Each ends what it began."""

import os
import random
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import redis

from tasks.queues import Queue
from tests.chaos.proxy import Proxy
from tests.chaos.scale import LEASE_SECONDS
from tests.chaos.stand import Gateway, Stand, Watched


def pause(seconds: float) -> None:
    """Let things take their course."""
    threading.Event().wait(seconds)


@dataclass
class Scene:
    """What can be harmed. Steady processes are not killed, so that their memory can be watched."""

    stand: Stand
    broker_line: Proxy
    cache_line: Proxy
    victims: Mapping[str, Watched]
    """Workers that may be killed; a supervisor starts them again."""
    gateway: Gateway
    """The one that may be killed."""
    dice: random.Random

    @property
    def admin(self) -> "redis.Redis":
        """The broker, past the proxy."""
        return self.stand.broker.client

    def _victim(self) -> Watched:
        return self.victims[self.dice.choice(sorted(self.victims))]

    def _signal(self, number: signal.Signals) -> int:
        pid = self._victim().pid
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
        return pid

    def kill_worker(self) -> None:
        """SIGKILL, the whole process group."""
        self._signal(signal.SIGKILL)

    def stop_worker(self) -> None:
        """SIGTERM to the main process, as scale-in does it."""
        with suppress(ProcessLookupError):
            os.kill(self._victim().pid, signal.SIGTERM)

    def freeze_worker(self) -> None:
        """SIGSTOP for longer than a lease, then SIGCONT: a zombie."""
        pid = self._signal(signal.SIGSTOP)
        pause(LEASE_SECONDS + 1)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)

    def kill_gateway(self) -> None:
        """SIGKILL; another one takes the port."""
        self.gateway.kill()
        self.gateway = self.stand.gateway(self.gateway.port)

    def kill_broker(self) -> None:
        """SIGKILL; back after a second."""
        self.stand.broker.kill()
        pause(1)
        self.stand.broker.start()

    def kill_cache(self) -> None:
        """SIGKILL of the hot tier; back, empty, after a second."""
        self.stand.cache.kill()
        pause(1)
        self.stand.cache.start()

    def flush_cache(self) -> None:
        """Empty the hot tier."""
        self.stand.cache.client.flushall()

    def cut_clients(self) -> None:
        """CLIENT KILL of everybody."""
        for kind in ("normal", "pubsub"):
            self.admin.client_kill_filter(_type=kind, skipme=True)

    def reset_lines(self) -> None:
        """RST of every connection."""
        self.broker_line.reset()
        self.cache_line.reset()

    def deaden_lines(self) -> None:
        """Every connection goes dead; new ones work."""
        self.broker_line.black_hole(new=False)
        self.cache_line.black_hole(new=False)

    def silence(self) -> None:
        """No byte comes through for some seconds."""
        self.broker_line.black_hole()
        self.cache_line.black_hole()
        pause(4)
        self.broker_line.heal()
        self.cache_line.heal()

    def demote_broker(self) -> None:
        """A replica of nobody for a second."""
        self.admin.replicaof("127.0.0.1", 1)
        pause(1)
        self.admin.replicaof("NO", "ONE")

    def fill_broker(self) -> None:
        """Not a byte of memory left, for a second."""
        self.admin.config_set("maxmemory", 1)
        pause(1)
        self.admin.config_set("maxmemory", 0)

    def lose_messages(self) -> None:
        """A queue vanishes with all that waits in it."""
        self.admin.delete(self.dice.choice([Queue.IMAGE_UTILS, Queue.GENERATION]))

    def send_rubbish(self) -> None:
        """A message that is none."""
        queue = self.dice.choice([Queue.IMAGE_UTILS, Queue.GENERATION])
        self.admin.rpush(queue, '{"body": "[]", "headers": {}, "properties": {"delivery_tag": "rubbish"}}')

    def lose_store(self) -> None:
        """The durable tier is away for a second."""
        store, away = self.stand.folder / "images", self.stand.folder / "images-away"
        store.rename(away)
        store.write_text("no folder")
        pause(1)
        store.unlink()
        away.rename(store)

    def all(self) -> dict[str, Callable[[], None]]:
        """Return every fault by its name."""
        faults = (
            *(self.kill_worker, self.stop_worker, self.freeze_worker, self.kill_gateway, self.kill_broker),
            *(self.kill_cache, self.flush_cache, self.cut_clients, self.reset_lines, self.deaden_lines, self.silence),
            *(self.demote_broker, self.fill_broker, self.lose_messages, self.send_rubbish, self.lose_store),
        )
        return {fault.__name__: fault for fault in faults}
