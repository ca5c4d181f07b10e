"""Chance for batches: one draw per face, all from one generator on the device."""

import torch
from torch import Generator, Tensor


class Draw:
    """Chance for a batch; of each call's result the first axis are the faces.

    Args:
        count: Faces.
        chance: Where it all comes from.
        device: Where it goes.
    """

    def __init__(self, count: int, chance: Generator, device: torch.device) -> None:
        self.count, self.chance, self.device = count, chance, device

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(count,) between two limits."""
        share = torch.rand(self.count, generator=self.chance, device=self.device)
        return low + (high - low) * share

    def normal(self) -> Tensor:
        """(count,) of mean 0 and deviation 1."""
        return torch.randn(self.count, generator=self.chance, device=self.device)

    def noise(self, shape: tuple[int, ...]) -> Tensor:
        """The same in any shape."""
        return torch.randn(shape, generator=self.chance, device=self.device)

    def odds(self, share: float) -> Tensor:
        """(count,) 1 for this share, 0 for the others."""
        return (self.uniform() < share).float()

    def choice(self, odds: tuple[float, ...]) -> Tensor:
        """(count,) int64 indices, drawn by their odds, which sum to 1."""
        limits = torch.tensor(odds, device=self.device).cumsum(0)[:-1]
        return torch.bucketize(self.uniform(), limits)

    def none(self) -> Tensor:
        """(count,) zeros: no chance at all."""
        return torch.zeros(self.count, device=self.device)
