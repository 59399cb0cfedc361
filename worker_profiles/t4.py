"""T4 pool: smart masks."""

from tasks.queues import Queue
from worker_profiles import Pool, Profile, ProfileName, Service

PROFILE = Profile(
    name=ProfileName.T4,
    service=Service.SEGMENTATION,
    queues=(Queue.SEGMENTATION,),
    pool=Pool.THREADS,
    # A photo is read from a slow store, waits for one batch, is in the next, and its masks are written to that store.
    drain_seconds=40,
    # As many as one inference takes: each thread decodes its photo, and the engine computes what waits in one batch.
    concurrency=8,
    # FastSAM's own; half of it misses small objects.
    segmentation_size=1024,
    events=False,
    gpu=True,
)
