"""A100 pool: generation, one job at a time per GPU."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.A100,
    service=Service.GENERATION,
    queues=(Queue.GENERATION,),
    pool=Pool.THREADS,
    generates=True,
)
