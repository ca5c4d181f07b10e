"""Held-out figures made up for the purpose."""

from app.vision.manifest import SizeMetrics


def measured(
    size: str = "hr",
    tar: float | None = 0.95,
    impostor_mean: float = 0.02,
    n_genuine: int = 20_000,
) -> SizeMetrics:
    """Of faces of one size; without TAR at FAR 1e-3 where that is None."""
    return SizeMetrics(
        size=size,
        n_genuine=n_genuine,
        n_impostor=100,
        eer=0.1,
        tar_at_far={} if tar is None else {"1e-3": tar},
        rank1=0.9,
        impostor_mean=impostor_mean,
        impostor_std=0.08,
    )
