"""What `evaluate` writes: report.json for programs, report.md and plots for people."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from app.evaluation.comparison import FEW_PAIRS, Interval
from app.evaluation.pooled import ONE_BY_ONE, Pooling
from app.evaluation.protocols import Contestant, Evaluation, SizeResult
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR, roc_from_counts

_HISTOGRAM_BINS_AT_ONCE = 16
_LINES = ("-", "--", ":", "-.")

Row = tuple[str, ...]
COLUMNS: Row = (
    *("weights", "size", "route", "TAR 1e-2", "TAR 1e-3", "TAR 1e-4", "EER", "accuracy"),
    *("rank-1", "impostors", "no face"),
)


def write_report(evaluation: Evaluation, command: str, folder: Path) -> None:
    """Writes report.json, report.md, roc.png, histograms.png and sizes.png.

    Args:
        evaluation: What was measured.
        command: What a person types to get the same figures.
        folder: Created if missing; files of these names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.encode(evaluation.document())
    (folder / "report.json").write_bytes(msgspec.json.format(document, indent=2) + b"\n")
    (folder / "report.md").write_text(_markdown(evaluation, command), encoding="utf-8")
    plots: dict[str, Callable[[Sequence[SizeResult]], Figure]] = {
        "roc.png": _plot_roc,
        "histograms.png": _plot_histograms,
        "sizes.png": _plot_sizes,
    }
    with mpl.rc_context({"figure.dpi": 120, "axes.grid": True, "grid.alpha": 0.3}):
        for name, plot in plots.items():
            # No software version inside: the same figures give the same bytes.
            plot(evaluation.results).savefig(folder / name, metadata={"Software": None})


def rows(evaluation: Evaluation) -> list[Row]:
    """One row of COLUMNS per result; rates in per cent, `*` where few impostor pairs decide."""
    return [_row(result) for result in evaluation.results]


def _row(result: SizeResult) -> Row:
    figures = result.figures
    tars = [
        _percent(tar) + ("*" if FALSE_ACCEPT_RATES[far] * figures.n_impostor < FEW_PAIRS else "")
        for far, tar in figures.tar_at_far.items()
    ]
    impostors = "-"
    if figures.impostor_mean is not None and figures.impostor_std is not None:
        impostors = f"{figures.impostor_mean:.3f} ± {figures.impostor_std:.3f}"
    return (
        _name(result.contestant),
        result.size,
        result.route,
        *tars,
        _percent(figures.eer),
        _percent(figures.accuracy),
        "-" if figures.rank1 is None else _percent(figures.rank1),
        impostors,
        str(result.n_undetected),
    )


def _markdown(evaluation: Evaluation, command: str) -> str:
    first = evaluation.results[0].figures
    lines = [
        f"# Evaluation: {evaluation.protocol}",
        "",
        f"{evaluation.n_photos} photos of {evaluation.n_people} people, sharp gallery side"
        f"{_pooled(evaluation.pooling)}; "
        f"{first.n_genuine:,} genuine and {first.n_impostor:,} impostor pairs per size.",
        "",
        f"    {command}",
        "",
        "Rates in per cent, impostors' similarities as mean ± standard deviation. `*`: the rate "
        f"rests on fewer than {FEW_PAIRS} impostor pairs.",
        "",
        *_table(COLUMNS, rows(evaluation)),
        "",
        "## 95 % intervals (people resampled)",
        "",
        *_table(
            ("weights", "size", "TAR 1e-2", "TAR 1e-3", "TAR 1e-4", "EER", "accuracy", "rank-1"),
            [_interval_row(result) for result in evaluation.results],
        ),
        "",
        "## Thresholds (similarity) and open-set identification",
        "",
        *_table(
            ("weights", "size", *(f"FAR {far}" for far in FALSE_ACCEPT_RATES), "DIR at FPIR"),
            [_threshold_row(result) for result in evaluation.results],
        ),
    ]
    if evaluation.without_face:
        lines += ["", f"No face was found at full size in {len(evaluation.without_face)} photos:"]
        lines += [f"- {name}" for name in evaluation.without_face]
    return "\n".join(lines) + "\n"


def _pooled(pooling: Pooling) -> str:
    if pooling == ONE_BY_ONE:
        return ""
    return f", templates of {pooling.template_photos} and probes of {pooling.frames} photos"


def _interval_row(result: SizeResult) -> Row:
    intervals = result.figures.ci95
    tars = [_range(interval) for interval in intervals.tar_at_far.values()]
    rest = [_range(it) for it in (intervals.eer, intervals.accuracy, intervals.rank1)]
    return (_name(result.contestant), result.size, *tars, *rest)


def _threshold_row(result: SizeResult) -> Row:
    figures = result.figures
    thresholds = [f"{threshold:.3f}" for threshold in figures.threshold_at_far.values()]
    rates = [f"{_percent(rate)} at {fpir}" for fpir, rate in figures.dir_at_fpir.items()]
    return (_name(result.contestant), result.size, *thresholds, ", ".join(rates) or "-")


def _table(header: Row, body: Sequence[Row]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ("---",) * len(header), *body)]


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _range(interval: Interval | None) -> str:
    return "-" if interval is None else f"{_percent(interval[0])} to {_percent(interval[1])}"


def _name(contestant: Contestant) -> str:
    return contestant.bundle + (f", {contestant.baseline}" if contestant.baseline else "")


def _contestants(results: Sequence[SizeResult]) -> list[str]:
    return list(dict.fromkeys(_name(result.contestant) for result in results))


def _plot_roc(results: Sequence[SizeResult]) -> Figure:
    figure, axes = _figure(1)
    sizes = list(dict.fromkeys(result.size for result in results))
    contestants = _contestants(results)
    for result in results:
        histogram = result.histogram
        roc = roc_from_counts(histogram.edges, histogram.genuine, histogram.impostor)
        seen = roc.far > 0  # a logarithm has no place for zero
        axes[0].plot(
            roc.far[seen],
            roc.tar[seen],
            _LINES[contestants.index(_name(result.contestant)) % len(_LINES)],
            color=f"C{sizes.index(result.size)}",
            label=f"{_name(result.contestant)}, {_px(result.size)}",
        )
    axes[0].set(xscale="log", xlabel="false-accept rate", ylabel="true-accept rate", title="ROC")
    axes[0].legend(fontsize="small")
    return figure


def _plot_histograms(results: Sequence[SizeResult]) -> Figure:
    figure, axes = _figure(len(results))
    for axis, result in zip(axes, results, strict=True):
        histogram = result.histogram
        # The first bin also holds the pairs that could not be compared.
        edges = histogram.edges[1::_HISTOGRAM_BINS_AT_ONCE]
        for kind, counts in (("genuine", histogram.genuine), ("impostor", histogram.impostor)):
            fine = counts[1 : 1 + (len(edges) - 1) * _HISTOGRAM_BINS_AT_ONCE]
            wide = fine.reshape(-1, _HISTOGRAM_BINS_AT_ONCE).sum(axis=1)
            share = wide / counts.sum()
            axis.stairs(share, edges, fill=True, alpha=0.5, label=kind)
        title = f"{_name(result.contestant)}, {_px(result.size)}"
        axis.set(xlim=(-0.5, 1.0), xlabel="similarity", ylabel="share of pairs", title=title)
        axis.legend(fontsize="small")
    return figure


def _plot_sizes(results: Sequence[SizeResult]) -> Figure:
    figure, axes = _figure(2)
    for name in _contestants(results):
        own = [result for result in results if _name(result.contestant) == name]
        places = [_px(result.size) for result in own]
        axes[0].plot(places, [result.figures.accuracy for result in own], "o-", label=name)
        tars = [result.figures.tar_at_far[USUAL_FAR] for result in own]
        axes[1].plot(places, tars, "o-", label=name)
    axes[0].set(xlabel="face size", ylabel="accuracy")
    axes[1].set(xlabel="face size", ylabel=f"TAR at FAR {USUAL_FAR}")
    axes[1].legend(fontsize="small")
    return figure


def _px(size: str) -> str:
    return size if size == "hr" else f"{size} px"


def _figure(count: int) -> tuple[Figure, list[Axes]]:
    """A picture with that many plots, without a screen: no pyplot, hence Agg."""
    across = min(count, 3)
    down = -(-count // across)
    figure = Figure(figsize=(5.5 * across, 4.0 * down), layout="constrained")
    return figure, [figure.add_subplot(down, across, place + 1) for place in range(count)]
