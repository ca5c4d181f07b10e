"""What the service counts, for Prometheus (docs/monitoring.md); one registry per application.

Labels have few values, all of them ours: no user, key, address or photo is named, and of what faces
look like only similarities are counted, in classes.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from app.evaluation.sizes import SIZE_RANGES

_STAGE_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_SIMILARITIES = (-0.1, 0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)

# A third of all series otherwise, which no alert needs. For the whole process: the library has no
# other way.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it


class Metrics:
    """Counters and histograms of one application; from any thread.

    Attributes:
        registry: Theirs alone, so that two applications in a process do not collide.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests", "Answers by operation and status.", "operation", "status"
        )
        self._request_s = self._histogram(
            "request_seconds", "From a request to its answer.", _REQUEST_BUCKETS_S, "operation"
        )
        self._stage_s = self._histogram(
            "stage_seconds",
            "Work alone, without waiting: decode, detect, align per photo, embed per batch, "
            "search per request.",
            _STAGE_BUCKETS_S,
            "stage",
        )
        self._reader_wait_s = self._histogram(
            "reader_wait_seconds", "Photos waiting for a reader.", _WAIT_BUCKETS_S
        )
        self._network_wait_s = self._histogram(
            "network_wait_seconds", "Crops waiting for the networks.", _WAIT_BUCKETS_S, "lane"
        )
        self._batch_crops = self._histogram(
            "batch_crops", "Crops embedded at once.", _BATCH_SIZES, "lane"
        )
        self._faces = self._counter("faces", "Faces found and aligned, by size.", "face_px")
        self._decisions = self._counter(
            "decisions",
            "Whose face it is, by face size and bundle.",
            "outcome",
            "face_px",
            "bundle",
        )
        self._similarity = self._histogram(
            "similarity", "Of a face to the most similar user.", _SIMILARITIES, "outcome"
        )
        self._photos = self._counter("photos_accepted", "Photos used for a user.")
        self._rejected = self._counter("photos_rejected", "Photos not used, by reason.", "reason")

    def answered(self, operation: str, status: int, spent_s: float) -> None:
        """Counts a request; `operation` is a method and a route's pattern."""
        self._requests.labels(operation, str(status)).inc()
        self._request_s.labels(operation).observe(spent_s)

    def spent(self, timings_ms: Mapping[str, float]) -> None:
        """Counts what a stopwatch has measured."""
        for stage, spent_ms in timings_ms.items():
            self._stage_s.labels(stage).observe(spent_ms / 1000)

    def read(self, timings_ms: Mapping[str, float], faces_px: Iterable[float]) -> None:
        """Counts a photo that was read, and its faces by `face_px`."""
        self.spent(timings_ms)
        for face_px in faces_px:
            self._faces.labels(size_class(face_px)).inc()

    def waited_for_reader(self, wait_s: float) -> None:
        """Counts how long a photo has waited for its turn."""
        self._reader_wait_s.observe(wait_s)

    def embedded(
        self, crops: int, waits_s: Iterable[float], spent_s: float, *, background: bool
    ) -> None:
        """Counts a batch, and for each call in it how long it has waited."""
        lane = "background" if background else "requests"
        self._batch_crops.labels(lane).observe(crops)
        for wait_s in waits_s:
            self._network_wait_s.labels(lane).observe(wait_s)
        self._stage_s.labels("embed").observe(spent_s)

    def decided(
        self, face_px: float, bundle: str, similarity: float | None, *, is_named: bool
    ) -> None:
        """Counts the answer for a face; no similarity means that nobody is enrolled."""
        if similarity is None:
            outcome = "nobody_enrolled"
        else:
            outcome = "named" if is_named else "stranger"
            self._similarity.labels(outcome).observe(similarity)
        self._decisions.labels(outcome, size_class(face_px), bundle).inc()

    def judged(self, reasons: Iterable[str | None]) -> None:
        """Counts photos uploaded for a user by why they are not used; None where they are."""
        for reason in reasons:
            if reason is None:
                self._photos.inc()
            else:
                self._rejected.labels(reason).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"farsight_{name}_total", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(
            f"farsight_{name}", text, labels, buckets=tuple(buckets), registry=self.registry
        )


def size_class(face_px: float) -> str:
    """The range of sizes that a face falls into, such as `14-20`: thresholds hold for these."""
    begin, end = next(of[:2] for of in SIZE_RANGES if of[1] is None or face_px < of[1])
    return f"{begin:g}+" if end is None else f"{begin:g}-{end:g}"
