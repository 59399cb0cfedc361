"""What a pool's machines are like. Each figure says where it comes from; none of the boot times was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.scaling import POLICIES, Policy
from worker_profiles import ProfileName


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of machine."""

    profile: ProfileName
    slots: int
    gpus: int
    launch: float
    """From the call to a running Docker."""
    image: float
    """Pulling and unpacking the pool's image."""
    weights: float
    """From S3 to the disk and to the GPUs."""
    warm: float
    """Compiling, or the first slow run."""
    price: float
    """Dollars an hour, on demand, Linux, us-east-1: list prices, to be checked before they are believed."""
    spot_share: float = 0.0
    spot_price: float = 0.4
    """Of the price on demand."""
    spot_losses_per_hour: float = 0.05
    """Of one spot machine; a hard month for GPUs."""

    @property
    def boot(self) -> float:
        """From asking for a machine to its first job."""
        return self.launch + self.image + self.weights + self.warm

    @property
    def mixed_price(self) -> float:
        """Dollars an hour of a machine that is a spot one as often as they are: the first one too."""
        return self.price * (1 - self.spot_share * (1 - self.spot_price))

    @property
    def policy(self) -> Policy:
        """What the pool is scaled by."""
        return POLICIES[self.profile]


SHAPES: Mapping[ProfileName, Shape] = {
    # 54 GiB of weights (docs/models.md) at 1 GB/s from S3 and another 30 s to eight GPUs.
    ProfileName.A100: Shape(ProfileName.A100, 8, 8, 40, 60, 90, 50, 27.45, spot_share=0.5),
    ProfileName.T4: Shape(ProfileName.T4, 8, 1, 40, 60, 10, 10, 0.526, spot_share=0.5),
    ProfileName.CPU: Shape(ProfileName.CPU, 8, 0, 40, 20, 0, 0, 0.357, spot_share=0.5),
}
"""p4de.24xlarge, g4dn.xlarge, c7i.2xlarge."""

MINIMUM_BILLED = 60.0
"""EC2 bills by the second from a minute on."""
