"""Damaged and hostile photos, and their cost: `make fuzz`.

Each file takes the way of an upload: into a decoder process, with the service's limits. Every
answer must be pixels or one of the two errors, no process may break, and none may take more
seconds or memory than the limits say. Prints the outcomes and the most expensive files.
"""

import logging
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.errors import ImageTooLargeError, UnreadableImageError
from app.recognition.decoders import Decoders
from app.recognition.reading import MOST_BYTES_PER_PX
from app.setting_groups import LimitSettings
from app.vision.photo_file import ImageLimits
from benchmarks.fuzz_files import bombs, sound_files
from benchmarks.material import show

_LIMITS = LimitSettings()
_MOST_BYTES = MOST_BYTES_PER_PX * _LIMITS.max_photo_pixels
# A process is killed by its own clock; the rest is for reporting that.
_SPARE_S = 1.0
# What a process has before it decodes, and may take beyond what a header suggests.
_BASE_MB = 150
_DEAREST = 8
# Most of what a decoder relies on is in the first bytes.
_HEAD_BYTES, _HEAD_SHARE, _CUT_SHARE = 400, 0.6, 0.15
_STRANGE_BYTES = (0, 1, 2, 127, 128, 254, 255)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one file, `data`."""

    name: str
    data: bytes
    outcome: str
    seconds: float
    megabytes: float

    @property
    def seconds_per_kb(self) -> float:
        """Seconds of computing per kB that somebody must send."""
        return self.seconds / len(self.data) * 1e3

    def line(self) -> str:
        """A line for the table."""
        kb = len(self.data) / 1e3
        return (
            f"{self.name:24} {kb:8.1f} kB {self.outcome:16} {self.seconds:5.2f} s "
            f"{self.megabytes:4.0f} MB {self.seconds_per_kb:8.4f} s/kB "
            f"{self.megabytes / kb:8.2f} MB/kB"
        )


class Meter:
    """Measures the one decoder process of this process."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._limits = ImageLimits(_LIMITS.max_photo_bytes, _LIMITS.max_photo_pixels)

    def cost(self, name: str, data: bytes) -> Cost:
        """Decodes a file as the service would, at full size."""
        before = _reset_peak()
        began_s, outcome = time.perf_counter(), "decoded"
        try:
            photo = self._decoders.open(data, self._limits)
            if photo.header.decoding_bytes() > _MOST_BYTES:
                outcome = ImageTooLargeError.code
            else:
                photo.decode()
        except (ImageTooLargeError, UnreadableImageError) as error:
            outcome = error.code
        after = _reading()
        # A killed process can no longer be asked: it took what the clock says.
        if before is None or after is None or before[0] != after[0]:
            return Cost(name, data, outcome, time.perf_counter() - began_s, 0.0)
        return Cost(name, data, outcome, after[1] - before[1], after[2] - before[2])


class Breakages(logging.Handler):
    """Keeps what the decoders log: unexpected errors, and processes that broke."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one."""
        self.lines.append(record.getMessage())


def decoder_processes(process_id: int) -> set[int]:
    """Decoder processes that a process has started and not waited for."""
    found = set()
    for children in Path(f"/proc/{process_id}/task").glob("*/children"):
        for pid in children.read_text().split():
            if b"decoder_process" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(int(pid))
    return found


def _reading() -> tuple[int, float, float] | None:
    """Of the decoder process: its id, seconds of computing so far, and most MB since the reset."""
    for pid in decoder_processes(os.getpid()):
        ticks = Path(f"/proc/{pid}/schedstat").read_text().split()[0]
        status = Path(f"/proc/{pid}/status").read_text()
        peak_kb = int(status.partition("VmHWM:")[2].split()[0])
        return pid, int(ticks) / 1e9, peak_kb / 1e3
    return None


def _reset_peak() -> tuple[int, float, float] | None:
    for pid in decoder_processes(os.getpid()):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _reading()


def mutated(sound: dict[str, bytes], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Files without end: bytes changed, parts cut, doubled, moved from one file to another."""
    names = sorted(sound)
    while True:
        name = chance.choice(names)
        data = bytearray(sound[name])
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            reach = _HEAD_BYTES if chance.random() < _HEAD_SHARE else len(data)
            at = chance.randrange(min(len(data), reach))
            match chance.randrange(6):
                case 0 | 1:
                    data[at] = chance.choice(_STRANGE_BYTES)
                case 2:
                    data[at] ^= 1 << chance.randrange(8)
                case 3:
                    data[at : at + 4] = chance.randbytes(4)
                case 4:
                    part = data[at : at + chance.randrange(1, 400)]
                    data[at:at] = part * chance.choice((1, 2, 50))
                case _:
                    other = sound[chance.choice(names)]
                    start = chance.randrange(len(other))
                    data[at:at] = other[start : start + chance.randrange(1, 400)]
        if chance.random() < _CUT_SHARE:  # only once, or nothing would be left to cut
            del data[chance.randrange(1, len(data)) :]
        yield name, bytes(data)


def _show(costs: list[Cost]) -> None:
    outcomes = Counter((cost.name.split()[1], cost.outcome) for cost in costs)
    show(f"\n{len(costs)} damaged files")
    for (name, outcome), count in sorted(outcomes.items()):
        show(f"{name:10} {outcome:18} {count:6}")
    for title, key in (
        ("most seconds", lambda cost: cost.seconds),
        ("most seconds per kB", lambda cost: cost.seconds_per_kb),
        ("most memory", lambda cost: cost.megabytes),
    ):
        show(f"\n{title}")
        for cost in sorted(costs, key=key, reverse=True)[:_DEAREST]:
            show(cost.line())


def main(
    seconds: Annotated[float, typer.Option(help="How long to try damaged files.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of the damage.")] = 0,
    keep: Annotated[
        Path, typer.Option(help="Folder for files that cost or break too much.")
    ] = Path("runs/fuzz"),
) -> None:
    """Decodes bombs, then damaged files, and ends with status 1 if one costs or breaks too much."""
    decoders = Decoders(_LIMITS.max_decoding_s)
    meter, sound, breakages = Meter(decoders), sound_files(), Breakages()
    logging.getLogger("app.recognition.decoders").addHandler(breakages)
    most_mb = 1.2 * _MOST_BYTES / 1e6 + _BASE_MB
    meter.cost("start", next(iter(sound.values())))
    made = [meter.cost(name, data) for name, data in bombs().items()]
    for cost in made:
        show(cost.line())
    costs = []
    began_s = time.monotonic()
    for name, data in mutated(sound, random.Random(seed)):  # noqa: S311 - no secret
        if time.monotonic() - began_s > seconds:
            break
        costs.append(meter.cost(f"damaged {name}", data))
    decoders.close()
    _show(costs)
    bad = [
        cost
        for cost in made + costs
        if cost.seconds > _LIMITS.max_decoding_s + _SPARE_S or cost.megabytes > most_mb
    ]
    shutil.rmtree(keep, ignore_errors=True)
    for number, cost in enumerate(bad):
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{number}.bin").write_bytes(cost.data)
        show(f"TOO DEAR, kept as {keep / str(number)}.bin: {cost.line()}")
    for line, count in Counter(breakages.lines).items():
        show(f"BROKEN {count} times: {line}")
    sys.exit(bool(bad or breakages.lines))


if __name__ == "__main__":
    typer.run(main)
