"""Which thresholds are in use, and how often they take a stranger for somebody."""

from dataclasses import dataclass

from app.recognition.serving import Serving


@dataclass(frozen=True, slots=True)
class ThresholdInUse:
    """For faces of one range of sizes.

    Attributes:
        min_face_px: The range's beginning.
        max_face_px: Its end, not included; None for no end.
        similarity: From this on, a face is somebody's; a usual one, where thresholds follow faces.
        false_accept_rate: The share of comparisons with strangers above it, on the people that the
            bundle's threshold was chosen on; None for the setting's threshold, which nobody
            measured.
        strangers_named: The share of strangers who would be taken for somebody in this gallery;
            None likewise.
    """

    min_face_px: float
    max_face_px: float | None
    similarity: float
    false_accept_rate: float | None
    strangers_named: float | None


def thresholds_in_use(serving: Serving) -> list[ThresholdInUse]:
    """The thresholds by which the service identifies now, smallest faces first.

    A stranger is compared with every user, so a rate per comparison grows with the gallery:
    1 - (1 - rate)^users, as if comparisons were independent.
    """
    rate, any_rate = serving.rate_of_search, serving.false_identification_rate is not None
    ranges = {
        of.min_face_px: of.max_face_px
        for of in serving.manifest.thresholds
        if any_rate or of.false_accept_rate == rate
    }
    if not ranges:
        return [ThresholdInUse(0.0, None, serving.default_threshold, None, None)]
    named = 1 - (1 - rate) ** len(serving.gallery)
    return [
        ThresholdInUse(
            low, high, serving.search_threshold(low, None, serving.template_px([low])), rate, named
        )
        for low, high in sorted(ranges.items())
    ]
