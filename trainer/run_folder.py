"""The folder of a run: its settings, its data, its origin, and its results.

```
config.json  data_list.txt  provenance.json   written once, before the first step
checkpoint.pt  metrics.jsonl  tensorboard/     written while it trains
dsr.safetensors  edgeface.safetensors          its result
```
"""

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from lightning_fabric import Fabric

from app.vision.manifest import MANIFEST_NAME
from trainer.config import Config, settings, to_json
from trainer.crops import CropSet
from trainer.errors import RunError
from trainer.options import flat

CONFIG_NAME = "config.json"
DATA_LIST_NAME = "data_list.txt"
PROVENANCE_NAME = "provenance.json"

# Settings that a resumed run may change: they change no result.
_FREE = {"workers"}
# What may become more: the last stage goes on.
_MAY_GROW = {"epochs", "stage2_epochs"}
_REPOSITORY = Path(__file__).parents[1]


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The origin of a run, so that it can be repeated.

    Attributes:
        command: As typed.
        commit: Of the code; followed by "-changed" if the work tree differed from the commit.
        config_sha256: Of config.json.
        data_list_sha256: Of data_list.txt.
        start_sha256: By network, the weights that it started from.
        parent: The bundle among them, by its name.
        earlier: The runs that made these weights, oldest first.
    """

    command: str
    commit: str
    config_sha256: str
    data_list_sha256: str
    start_sha256: dict[str, str]
    parent: str | None = None
    earlier: tuple["Provenance", ...] = ()


def open_run(
    fabric: Fabric,
    run: Path,
    config: Config,
    train: CropSet,
    start: Mapping[str, tuple[Path, str]],
    resume: bool,
) -> None:
    """Creates the run's folder, after all checks.

    Args:
        fabric: Launched.
        run: The folder.
        config: The settings.
        train: The data.
        start: The networks that the run starts from: by kind, where they were read and the SHA-256
            of their weights.
        resume: Whether to continue an existing run, which must be the same one.

    Raises:
        RunError: It exists and --resume was not given, or the other way round, or it was started
            with other settings, other data or other weights (which are named).
    """
    if not resume and run.exists():
        raise RunError(f"{run} exists already; continue it with --resume.")
    paths = [path for path, _ in start.values()]
    provenance = Provenance(
        command=typed_command(),
        commit=_commit(),
        config_sha256=hashlib.sha256(to_json(config).encode()).hexdigest(),
        data_list_sha256=train.data_list_sha256,
        start_sha256={name: sha256 for name, (_, sha256) in start.items()},
        parent=next((path.name for path in paths if (path / MANIFEST_NAME).is_file()), None),
        earlier=_earlier(paths),
    )
    if resume:
        then = _refuse_change(run, config, provenance)
        if then.config_sha256 == provenance.config_sha256 or not _has_grown(run, config):
            return
        # Both are runs that made the result: the longer one follows the other in the record.
        alone = msgspec.structs.replace(then, earlier=())
        provenance = msgspec.structs.replace(provenance, earlier=(*then.earlier, alone))
    fabric.barrier()
    if fabric.is_global_zero:
        run.mkdir(parents=True, exist_ok=resume)
        _write(run / CONFIG_NAME, to_json(config).encode())
        _write(run / DATA_LIST_NAME, train.data_list.encode())
        document = msgspec.json.format(msgspec.json.encode(provenance), indent=2)
        _write(run / PROVENANCE_NAME, document)
    fabric.barrier()


def typed_command() -> str:
    """The running command, as typed."""
    return shlex.join(["python", "-m", "trainer", *sys.argv[1:]])


def read_provenance(run: Path) -> Provenance:
    """The origin of a run.

    Raises:
        RunError: The folder is not a run's.
    """
    try:
        return msgspec.json.decode((run / PROVENANCE_NAME).read_bytes(), type=Provenance)
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{run} is not a run: {PROVENANCE_NAME} is missing or damaged.") from error


def read_settings(run: Path) -> dict[str, object]:
    """The settings of a run by their names; older runs have them in a tree.

    Raises:
        RunError: The folder is not a run's.
    """
    try:
        return flat(json.loads((run / CONFIG_NAME).read_bytes()))
    except (OSError, ValueError) as error:
        raise RunError(f"{run} is not a run: {CONFIG_NAME} is missing or damaged.") from error


def _refuse_change(run: Path, config: Config, now: Provenance) -> Provenance:
    """Where the run comes from that is to go on, if it is the same one or a longer one."""
    then = read_provenance(run)
    old, new = read_settings(run), settings(config)
    changed = [
        f"{name} was {old.get(name)}, is {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and name not in _FREE and not _grows(name, old, new)
    ]
    if then.data_list_sha256 != now.data_list_sha256:
        changed.append("the training data differs")
    if then.start_sha256 != now.start_sha256:
        changed.append("the initial weights differ")
    if changed:
        raise RunError(
            f"{run} can only be resumed unchanged, or with more epochs: {'; '.join(changed)}."
        )
    return then


def _has_grown(run: Path, config: Config) -> bool:
    old, new = read_settings(run), settings(config)
    return any(_grows(name, old, new) for name in _MAY_GROW)


def _grows(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    before, after = old.get(name), new.get(name)
    return (
        name in _MAY_GROW and isinstance(before, int) and isinstance(after, int) and before < after
    )


def _write(path: Path, content: bytes) -> None:
    incoming = path.with_suffix(".incoming")
    incoming.write_bytes(content)
    incoming.replace(path)


def _earlier(start: Sequence[Path]) -> tuple[Provenance, ...]:
    """The runs behind the weights, each once, oldest first."""
    found: list[Provenance] = []
    for path in start:
        if (path / PROVENANCE_NAME).is_file():
            of = read_provenance(path)
            alone = msgspec.structs.replace(of, earlier=())
            found += [run for run in (*of.earlier, alone) if run not in found]
    return tuple(found)


def _commit() -> str:
    def git(*words: str) -> str:
        answer = subprocess.run(  # noqa: S603 - fixed words
            ["git", *words],  # noqa: S607 - git is where the user has it
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        return answer.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "app/vision", "trainer")
        return git("rev-parse", "HEAD") + ("-changed" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
