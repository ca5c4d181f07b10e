"""The picture that `calibrate --plot` draws; matplotlib comes with the `train` extra."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from app.services.calibration import Calibration, CalibrationError

_BINS = np.linspace(-0.5, 1, 76)
_ACROSS = 3


def require_matplotlib() -> None:
    """Refuses before any work is done.

    Raises:
        CalibrationError: It is not installed.
    """
    if find_spec("matplotlib") is None:
        raise CalibrationError(
            "--plot needs matplotlib, which a service does without: pip install 'farsight[train]', "
            "or leave out --plot."
        )


def write_plot(found: Calibration, path: Path) -> None:
    """Genuine and impostor similarities of every size, with the thresholds proposed.

    Args:
        found: With sizes.
        path: The PNG to write.

    Raises:
        CalibrationError: It cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - not installed with the service

    drawn = [(size, size.compared) for size in found.sizes if size.compared is not None]
    down = max(1, -(-len(drawn) // _ACROSS))
    figure = Figure(figsize=(5 * _ACROSS, 3.5 * down), layout="constrained", dpi=110)
    for place, (size, compared) in enumerate(drawn, start=1):
        axes = figure.add_subplot(down, _ACROSS, place)
        genuine = compared.genuine[~np.isnan(compared.genuine)]
        for label, values in (("other users", compared.impostor), ("own user", genuine)):
            share = np.full(len(values), 1 / max(1, len(values)))
            axes.hist(values, _BINS.tolist(), weights=share, alpha=0.5, label=label)
        if size.proposal is not None and size.proposal.supported:
            threshold, rate = size.proposal.similarity, size.proposal.false_accept_rate
            axes.axvline(threshold, color="k", label=f"{threshold:.3f} for {rate:g}")
        upper = " and more" if size.max_face_px is None else f" to {size.max_face_px:g}"
        seen = "similarity" if size.likeness is None else "similarity, as if each face were usual"
        axes.set(title=f"face_px {size.min_face_px:g}{upper}", xlabel=seen, ylabel="share")
        axes.legend(fontsize="small")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise CalibrationError(f"The plot cannot be written to {path}: {error}.") from error
