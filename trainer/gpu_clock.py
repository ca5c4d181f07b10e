"""How a step's time is spent, by the device's own clock."""

import time

import torch


class StepClock:
    """Milliseconds of each part of steps, without waiting for the device.

    Args:
        device: A GPU records when it reaches the end of a part; on a CPU parts end at once.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[str | None, torch.cuda.Event | float]] = []

    def start(self) -> None:
        """Begins the first part of a step."""
        self._mark(None)

    def end(self, part: str) -> None:
        """Ends a part and begins the next one."""
        self._mark(part)

    def wait(self) -> None:
        """Waits until the device has finished."""
        if self._cuda:
            torch.cuda.synchronize()

    def parts_ms(self) -> dict[str, float]:
        """The sum of each part over all steps; waits for the device."""
        self.wait()
        sums: dict[str, float] = {}
        for (_, before), (part, after) in zip(self._marks, self._marks[1:], strict=False):
            if part is not None:
                sums[part] = sums.get(part, 0.0) + _between_ms(before, after)
        return sums

    def _mark(self, part: str | None) -> None:
        if not self._cuda:
            self._marks.append((part, time.perf_counter()))
            return
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch has no types here
        event.record()
        self._marks.append((part, event))


def _between_ms(before: "torch.cuda.Event | float", after: "torch.cuda.Event | float") -> float:
    if isinstance(before, torch.cuda.Event) and isinstance(after, torch.cuda.Event):
        return float(before.elapsed_time(after))
    assert isinstance(before, float)
    assert isinstance(after, float)
    return 1000 * (after - before)
