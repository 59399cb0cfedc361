"""The always-on worker: sweeps up what was lost and expires what is old."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.JOBS,
    service=Service.JOB_MANAGER,
    queues=(Queue.JOBS,),
    pool=Pool.THREADS,
    sweeps=True,
    may_sleep=False,
)
