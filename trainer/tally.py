"""Losses that stay on the device until somebody looks."""

from collections.abc import Sequence

import torch
from lightning_fabric import Fabric

from trainer.checkpoint import Place
from trainer.errors import NonFiniteLossError
from trainer.stages import Losses

FINITE = "Finite"


class Tally:
    """The losses of the steps since the last look, so that no step waits for them.

    Args:
        fabric: Launched.
        place: Told of the steps at each look.
    """

    def __init__(self, fabric: Fabric, place: Place) -> None:
        self._fabric, self._place = fabric, place
        self._steps: list[tuple[Sequence[str], Losses]] = []

    def add(self, files: Sequence[str], losses: Losses) -> None:
        """Counts a step with this batch."""
        self._steps.append((files, losses))

    def read(self) -> int:
        """Waits for the device, averages over processes, and advances the place.

        Returns:
            Steps since the last look.

        Raises:
            NonFiniteLossError: In one of them, whose batch it names.
        """
        rows = [torch.stack([of.float() for of in losses.values()]) for _, losses in self._steps]
        table = self._fabric.all_reduce(torch.stack(rows))
        assert isinstance(table, torch.Tensor)
        names = list(self._steps[0][1])
        for (files, _), values in zip(self._steps, table.tolist(), strict=True):
            losses = dict(zip(names, values, strict=True))
            # A mean over processes.
            if losses.pop(FINITE) < 1:
                raise NonFiniteLossError(
                    f"A loss was not finite in the batch of {', '.join(files)}."
                )
            self._place.add(losses)
        looked = len(self._steps)
        self._steps.clear()
        return looked
