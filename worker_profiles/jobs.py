"""The always-on worker: sweeps up what was lost, expires what is old, and tells webhooks how jobs ended."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.JOBS,
    service=Service.JOB_MANAGER,
    queues=(Queue.JOBS,),
    pool=Pool.THREADS,
    # A webhook to a silent receiver; and a sweep, or what came of the webhook, told to a broker that restarts.
    drain_seconds=30,
    # Its tasks wait for others' servers, up to 10 s each: silent ones must not hold up the rest. The sweeper is a
    # thread of its own.
    concurrency=8,
    sweeps=True,
    may_sleep=False,
)
