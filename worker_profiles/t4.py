"""T4 pool: smart masks."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.T4,
    service=Service.SEGMENTATION,
    queues=(Queue.SEGMENTATION,),
    pool=Pool.THREADS,
)
