"""When jobs come and how long they take: seeded, so that every run sees the same.

Service times are those of the a100 pool: four of five edits with the preset ``fast`` (4 steps: 4 s), the others with
``quality`` (45 s), each spread by a tenth (docs/performance.md; the floors there, plus what is not denoising).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 86_400.0
FAST, QUALITY, QUALITY_SHARE = 4.0, 45.0, 0.2


@dataclass(frozen=True, slots=True)
class Trace:
    """Jobs in the order in which they come."""

    name: str
    arrivals: NDArray[np.float64]
    seconds: NDArray[np.float64]
    """Work of each job, on one slot."""
    length: float

    @property
    def work(self) -> float:
        """Of all jobs together."""
        return float(self.seconds.sum())


def edits(name: str, arrivals: NDArray[np.float64], length: float, rng: np.random.Generator) -> Trace:
    """Give each arrival the work of an edit."""
    arrivals = np.sort(arrivals[arrivals < length])
    mean = np.where(rng.random(len(arrivals)) < QUALITY_SHARE, QUALITY, FAST)
    return Trace(name, arrivals, mean * rng.normal(1, 0.1, len(arrivals)).clip(0.5, 1.5), length)


def uniform(name: str, arrivals: NDArray[np.float64], length: float, mean: float, rng: np.random.Generator) -> Trace:
    """Give each arrival work that is spread as log-normal around a mean, with a tail to four times of it."""
    arrivals = np.sort(arrivals[arrivals < length])
    sigma = 0.5
    work = rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, len(arrivals)).clip(mean / 4, mean * 4)
    return Trace(name, arrivals, work, length)


def poisson(rate: float, length: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return arrivals of a Poisson process; ``rate`` per second."""
    return np.sort(rng.random(rng.poisson(rate * length)) * length)


def thinned(
    rate: Callable[[NDArray[np.float64]], NDArray[np.float64]], most: float, length: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return arrivals of a Poisson process whose rate changes, by thinning (Lewis and Shedler 1979)."""
    candidates = poisson(most, length, rng)
    return candidates[rng.random(len(candidates)) * most < rate(candidates)]


def diurnal(per_day: float, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return arrivals whose rate follows the day: three times the mean after noon, a fiftieth of it at night."""

    def shape(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(2.0 * np.cos(2 * np.pi * (at / DAY - 0.6)))

    mean = float(shape(np.linspace(0, DAY, 1441)).mean())
    scale = per_day / DAY / mean
    return thinned(lambda at: scale * shape(at), scale * float(np.exp(2.0)), days * DAY, rng)


def bursts(per_day: float, each: int, a_day: int, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a thin stream, with bursts of ``each`` jobs within a minute at random times."""
    starts = rng.random(a_day * days) * days * DAY
    jobs = (starts[:, None] + rng.random((len(starts), each)) * 60).ravel()
    return np.concatenate((poisson(per_day / DAY, days * DAY, rng), jobs))


def heavy_tailed(per_day: float, clients: int, days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the arrivals of clients as different as the applications of Azure Functions in July 2019.

    Shahrad et al., "Serverless in the Wild", USENIX ATC 2020: most are called rarely, and rates span eight orders of
    magnitude. Here they are log-normal with a sigma of 4. That each client's gaps are log-normal with a coefficient of
    variation of 4 is an assumption, and what a job takes is this pool's, not that paper's.
    """
    rates = rng.lognormal(0, 4, clients)
    # One client alone is no crowd: none makes more than a fifth.
    rates = np.minimum(rates, np.sort(rates)[-5])
    rates *= per_day / DAY / rates.sum()
    sigma = np.sqrt(np.log(1 + 4.0**2))
    streams = []
    for rate in rates:
        count = int(rate * days * DAY * 1.3) + 20
        gaps = rng.lognormal(-np.log(rate) - sigma**2 / 2, sigma, count)
        times = np.cumsum(gaps) - rng.random() / rate
        streams.append(times[(times >= 0) & (times < days * DAY)])
    return np.concatenate(streams)


def standard(*, short: bool = False) -> Mapping[str, Trace]:
    """Return the traces of docs/scale.md; the short ones are for tests."""
    rng = np.random.default_rng(20190715)
    cut = 0.1 if short else 1.0

    def days(full: int) -> int:
        return max(1, round(full * cut))

    made = [
        edits("quiet, 10 a day", poisson(10 / DAY, days(60) * DAY, rng), days(60) * DAY, rng),
        edits("steady, 1,000 a day", poisson(1000 / DAY, days(7) * DAY, rng), days(7) * DAY, rng),
        edits("steady, 100,000 a day", poisson(cut * 1e5 / DAY, DAY, rng), DAY, rng),
        edits("diurnal, 40,000 a day", diurnal(cut * 4e4, days(2), rng), days(2) * DAY, rng),
        edits("bursts of 300, 8 a day", bursts(200, round(300 * cut), 8, days(4), rng), days(4) * DAY, rng),
        edits("heavy tail, 20,000 a day", heavy_tailed(cut * 2e4, 300, days(3), rng), days(3) * DAY, rng),
    ]
    return {trace.name: trace for trace in made}
