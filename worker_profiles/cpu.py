"""CPU pool: image utilities and the preparation of every job."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.CPU,
    service=Service.IMAGE_UTILS,
    queues=(Queue.IMAGE_UTILS,),
    pool=Pool.PREFORK,
    # The tasks that run (time_limit), 2 s, and room for a machine under load.
    drain_seconds=30,
    concurrency=None,
    # The slowest utility (AVIF at 40 MP) stays under 10 s on one core; a client waits 30 s at most.
    soft_time_limit=15,
    time_limit=20,
    # Codecs fragment memory: a fresh child now and then, and one that holds over 2 GiB at once.
    max_tasks_per_child=1000,
    max_memory_per_child_kib=2_000_000,
    events=False,
)
