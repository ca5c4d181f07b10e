"""What options have in common: limits of numbers, and a file to read them from.

Commands are functions. tyro makes options from their arguments and from the fields of their
settings, and help from the docstrings.
"""

import argparse
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from tyro.constructors import PrimitiveConstructorSpec

from app.vision.detector_choice import DetectorName
from trainer.errors import SettingsError

Number = TypeVar("Number", int, float)


def number(
    kind: type[Number], low: float, high: float = float("inf")
) -> PrimitiveConstructorSpec[Number]:
    """An option that takes a number between two limits, which the help shows."""
    limits = f">={low:g}" if high == float("inf") else f" {low:g}..{high:g}"

    def read(words: list[str]) -> Number:
        value = kind(words[0])
        if not low <= value <= high:
            raise ValueError(f"{words[0]} is outside{limits}.")
        return value

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{kind.__name__.upper()}{limits}",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, int | float),
        str_from_instance=lambda value: [f"{value:g}"],
    )


Count = Annotated[int, number(int, 1)]
CountOrZero = Annotated[int, number(int, 0)]
Amount = Annotated[float, number(float, 0)]
Share = Annotated[float, number(float, 0, 1)]
FacePx = Annotated[float, number(float, 6, 112)]


def _offline() -> bool:
    return os.environ.get("FARSIGHT_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions:
    """What finds the faces.

    Attributes:
        detector: yunet finds more; auto uses it if its file is there or can be downloaded,
            otherwise centerface, which comes in a package.
        detectors: Folder of the detectors' files.
        offline: Download no detector. FARSIGHT_OFFLINE=1 makes this permanent.
    """

    detector: DetectorName = "auto"
    detectors: Path = Path("data/detectors")
    offline: bool = field(default_factory=_offline)


def with_config_file(words: Sequence[str]) -> list[str]:
    """Puts the options from the file that `--config` names before those that were typed.

    A typed option replaces the file's.

    Args:
        words: The command and its options.

    Raises:
        SettingsError: The file cannot be read.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", type=Path)
    try:
        path: Path | None = finder.parse_known_args(words)[0].config
    except argparse.ArgumentError:
        # No file follows it; tyro says so.
        path = None
    if path is None:
        return list(words)
    typed = {_name(word) for word in words if word.startswith("--")}
    filed = [
        word
        for name, value in flat(_read(path)).items()
        if not {_name(name), f"no-{_name(name)}"} & typed
        for word in _words(_name(name), value)
    ]
    return [*words[:1], *filed, *words[1:]]


def flat(tree: Mapping[str, object]) -> dict[str, object]:
    """The values of a tree by their own names, like options; tables only group them."""
    values: dict[str, object] = {}
    for name, value in tree.items():
        values |= flat(value) if isinstance(value, dict) else {name: value}
    return values


def _name(word: str) -> str:
    """An option's name, however it is written: `--batch_size=4` is `batch-size`."""
    return word.removeprefix("--").partition("=")[0].replace("_", "-")


def _words(name: str, value: object) -> Iterator[str]:
    """An option as it would be typed."""
    if isinstance(value, bool):
        yield f"--{name}" if value else f"--no-{name}"
        return
    for part in value if isinstance(value, list) else [value]:
        yield f"--{name}"
        yield str(part)


def _read(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"--config {path} cannot be read: {error}.") from error
    if not isinstance(tree, dict):
        raise SettingsError(f"--config {path} does not contain options by name.")
    return tree
