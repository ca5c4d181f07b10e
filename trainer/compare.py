"""`python -m trainer compare`: runs side by side, by their differences and results."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional, arg

from trainer.errors import RunError
from trainer.run_folder import read_settings
from trainer.runlog import METRICS_NAME

_TAR = "val_tar_"


@dataclass(frozen=True, slots=True)
class _Result:
    """The best epoch of a run's last stage, by the score that chooses the weights.

    Attributes:
        settings: By name.
        stage: The stage's name.
        epochs: Epochs that were validated.
        best: The record of the best of them.
        score: Its TAR at FAR 1e-3, averaged over sizes.
    """

    settings: dict[str, object]
    stage: str
    epochs: int
    best: dict[str, float]
    score: float


def compare(runs: Positional[Annotated[list[Path], arg(metavar="RUN...")]]) -> None:
    """Show runs side by side: the settings in which they differ, and validation at each size.

    A run counts with its best epoch, whose weights it keeps. To compare classification alone with
    contrastive + classification, run `finetune` twice, once with `--contrastive-weight 0`, and name
    both runs here.

    Args:
        runs: Folders of runs.
    """
    results = [_read(run) for run in runs]
    table = Table("", *(str(run) for run in runs))
    for name, values in _differing([result.settings for result in results]).items():
        table.add_row(name, *values)
    table.add_section()
    table.add_row("best epoch", *(f"{_epoch(of)} of {of.epochs}, {of.stage}" for of in results))
    table.add_row("TAR at FAR 1e-3, mean", *(f"{result.score:.4f}" for result in results))
    for name in results[0].best:
        if name.startswith(_TAR):
            label = f"  probes of {name.removeprefix(_TAR)} px"
            table.add_row(label, *(_cell(result, name) for result in results))
    table.add_row("rank-1", *(_cell(result, "val_acc") for result in results))
    table.add_row(
        "impostors",
        *(f"{_cell(of, 'val_impostor_mean')} ± {_cell(of, 'val_impostor_std')}" for of in results),
    )
    # As wide as needed: a table written to a file is not cut at 80 characters.
    Console(width=max(80, 40 * (len(runs) + 1))).print(table)


def _read(run: Path) -> _Result:
    """Reads the results of a run.

    Raises:
        RunError: It is not a run, or none of its epochs ended.
    """
    settings = read_settings(run)
    try:
        lines = (run / METRICS_NAME).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RunError(f"{run} has no {METRICS_NAME}.") from error
    records = [json.loads(line) for line in lines]
    validated = [record for record in records if "val_loss" in record]
    if not validated:
        raise RunError(f"No epoch of {run} has ended yet.")
    stage = validated[-1]["stage"]
    epochs = [record for record in validated if record["stage"] == stage]
    # The last one among equals, as in the loop.
    best = max(reversed(epochs), key=_score)
    return _Result(settings, stage, len(epochs), best, _score(best))


def _score(record: dict[str, float]) -> float:
    rates = [value for name, value in record.items() if name.startswith(_TAR)]
    return sum(rates) / len(rates)


def _epoch(result: _Result) -> int:
    return int(result.best["epoch"]) + 1


def _cell(result: _Result, name: str) -> str:
    return f"{result.best[name]:.4f}" if name in result.best else ""


def _differing(settings: list[dict[str, object]]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for of in settings for name in of)
    rows = {name: [str(of.get(name, "")) for of in settings] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}
