"""A100 pool: generation, one job at a time per GPU."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.A100,
    service=Service.GENERATION,
    queues=(Queue.GENERATION,),
    pool=Pool.THREADS,
    # A step gives the job back. Who is past the last one stores the picture and commits it, to a broker that may be
    # away: the longest step, one request to the store, and DARKROOM_COMMIT_SECONDS.
    drain_seconds=165,
    generates=True,
    gpu=True,
)
