"""One machine: a worker per pool, with what a laptop changes."""

from dataclasses import replace

from worker_profiles import Profile, ProfileName, load

PROFILES: tuple[Profile, ...] = (
    # Events on, so that Flower shows every task of a job; one person does not need the last 38 %.
    replace(load(ProfileName.CPU), events=True),
    replace(load(ProfileName.T4), events=True),
    load(ProfileName.A100),
    load(ProfileName.JOBS),
)
