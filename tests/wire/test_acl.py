"""What each user may do and, above all, what not; asked of a real server."""

import json
from collections.abc import Iterator

import pytest
import redis

from darkroom import acl
from darkroom.acl import Server
from tests.wire.servers import PASSWORDS, Wire

DANGEROUS = [
    *("FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "CONFIG GET dir", "CONFIG SET dir /etc", "DEBUG SLEEP 9"),
    *("SHUTDOWN", "MODULE LIST", "MODULE LOAD /tmp/x.so", "ACL LIST", "ACL SETUSER eve on", "SCRIPT FLUSH", "SAVE"),
    *("BGREWRITEAOF", "REPLICAOF 10.0.0.1 6379", "MONITOR", "CLIENT LIST", "CLIENT KILL TYPE normal", "SWAPDB 0 1"),
    *("FUNCTION LIST", "EVAL return 0", "SLOWLOG GET", "INFO", "SORT darkroom:x", "MIGRATE h 1 darkroom:x 0 1"),
    *("RESTORE darkroom:x 0 x", "CLUSTER INFO", "LATENCY RESET", "PSUBSCRIBE *", "SUBSCRIBE anything"),
    *("PUBLISH /0.celery.pidbox shutdown", "GET somebody:elses", "SET somebody:elses 1", "OBJECT FREQ somebody:elses"),
]
"""What nobody but an operator may do on the broker."""

EXCEPT = {"gateway": {"INFO"}, "worker": {"INFO"}}
"""The gateway refuses new work while there is still memory for what was accepted, and has to know how much that is; it
stands in the ledger's overview, which the scaler of a worker reads too."""

REFUSED = {
    "gateway": [
        *("RPOP generation", "BRPOP generation 1", "LRANGE image-utils 0 -1", "LINDEX generation 0", "LTRIM jobs 0 0"),
        *(
            "DEL generation",
            "HGETALL unacked",
            "GET unacked_mutex",
            "SET celery-task-meta-1 x",
            "SUBSCRIBE /0.celeryev",
        ),
        *("SMEMBERS celery-taskset-meta-1.d", "PUBLISH /0.celeryev/task.sent x", "EXPIRE generation 1"),
    ],
    "worker": [
        *("HGETALL darkroom:keys", "HSET darkroom:keys k v", "DEL darkroom:keys", "GET darkroom:keys:one"),
        *("GET darkroom:secret", "SET darkroom:secret x", "DEL darkroom:secrets", "COPY darkroom:keys darkroom:x"),
        *("DEL generation", "LTRIM generation 0 0", "RENAME darkroom:x darkroom:keys"),
    ],
    "flower": [
        *("GET darkroom:job:1", "HGETALL darkroom:job:1", "HGETALL darkroom:stores", "GET celery-task-meta-1"),
        *("LPUSH generation x", "LRANGE generation 0 -1", "RPOP generation", "PUBLISH celery-task-meta-1 x"),
        *(
            "INFO",
            "HGETALL unacked",
            "PSUBSCRIBE celery-task-meta-*",
            "SADD _kombu.binding.other x",
            "GET darkroom:keys",
        ),
    ],
    "client": [
        *(
            "HGETALL darkroom:keys",
            "HSET darkroom:keys k v",
            "RPOP generation",
            "LRANGE generation 0 -1",
            "GET LIMITS:1",
        ),
        *("SET celery-task-meta-1 x", "HGETALL unacked", "DEL generation", "GET darkroom:secret"),
    ],
}
"""What a user may not do although another may."""

USERS = [user.name for user in acl.users(Server.BROKER) if user.name != "operator"]


@pytest.fixture(scope="module")
def operators(servers: Wire) -> "Iterator[dict[Server, redis.Redis]]":
    """Somebody who may ask what others may."""
    clients = {server: redis.Redis.from_url(url, decode_responses=True) for server, url in servers.operators.items()}
    yield clients
    for client in clients.values():
        client.close()


def may(operator: "redis.Redis", user: str, command: str) -> bool:
    """Whether a user may run a command, by the server's own judgement."""
    return bool(operator.acl_dryrun(user, *command.split(" ")) == "OK")


@pytest.mark.parametrize("user", USERS)
def test_no_service_may_do_what_is_dangerous(operators: "dict[Server, redis.Redis]", user: str) -> None:
    """No user of the broker may read or change the server, its users, its scripts, or keys that are nobody's."""
    allowed = {command for command in DANGEROUS if may(operators[Server.BROKER], user, command)}
    assert allowed == EXCEPT.get(user, set())


@pytest.mark.parametrize("user", USERS)
def test_no_user_may_do_what_is_another_ones(operators: "dict[Server, redis.Redis]", user: str) -> None:
    """The gateway takes no message and stores no reply, workers see no API keys, Flower sees no job."""
    assert [command for command in REFUSED[user] if may(operators[Server.BROKER], user, command)] == []


OWN = ("job:1", "jobs:open", "events:1", "stores", "segmenter", "sweeper", "kept", "secure", "worker:1")


@pytest.mark.parametrize("user", ["gateway", "worker", "client"])
def test_all_other_keys_of_ours_are_shared(operators: "dict[Server, redis.Redis]", user: str) -> None:
    """What the patterns leave out is what the gateway alone keeps: keys whose names only begin alike are not."""
    assert [name for name in OWN if not may(operators[Server.BROKER], user, f"GETDEL darkroom:{name}")] == []


def test_the_operator_may_do_everything(operators: "dict[Server, redis.Redis]") -> None:
    """The lists above name real commands: the one user who may do everything may do each."""
    everything = [*DANGEROUS, *(command for refused in REFUSED.values() for command in refused)]
    assert [command for command in everything if not may(operators[Server.BROKER], "operator", command)] == []


def test_the_image_cache_has_one_user_for_images(operators: "dict[Server, redis.Redis]") -> None:
    """It reads and writes images, deletes none, and sees nothing else."""
    cache = operators[Server.CACHE]
    assert may(cache, "images", "GETEX image:1 EX 5")
    assert may(cache, "images", "SET derived:1:masks x EX 5")
    refused = [*DANGEROUS, "DEL image:1", "SET other 1", "LPUSH image:1 x"]
    assert [command for command in refused if may(cache, "images", command)] == []


@pytest.mark.parametrize("server", Server)
def test_nobody_gets_in_without_a_name(servers: Wire, server: Server) -> None:
    """The default user is off."""
    with redis.Redis.from_url(servers.url(server, "default", "")) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_file_holds_no_password() -> None:
    """Passwords stand in the file as hashes, and a missing one is named."""
    text = acl.file_of(Server.BROKER, PASSWORDS)
    assert not any(password in text for password in PASSWORDS.values())
    with pytest.raises(KeyError, match="DARKROOM_FLOWER_PASSWORD"):
        acl.file_of(Server.BROKER, {**PASSWORDS, "DARKROOM_FLOWER_PASSWORD": ""})


def test_users_without_a_password_of_their_own_are_left_out() -> None:
    """There is an operator, and a user for Python clients, only where somebody asked for one."""
    needed = {user.variable: "x" for server in Server for user in acl.users(server) if not user.optional}
    text = acl.file_of(Server.BROKER, needed)
    assert "user operator" not in text
    assert "user client" not in text
    assert set(json.loads(acl.rules_of(Server.BROKER))) == {"gateway", "worker", "flower", "client"}
