"""What can go wrong, told in words that a caller may see.

Every error has a stable `code` (for programs), a `title` (one sentence for the kind) and a detail
(this case). None of them knows HTTP: `app.api.problems` gives each its status.
"""

from typing import ClassVar


class FarsightError(Exception):
    """Parent of every error that Farsight raises on purpose.

    Args:
        detail: What happened and what to do, without paths, secrets or biometric data.
        facts: Further members for the problem document, JSON values.
    """

    code: ClassVar[str] = "farsight_error"
    title: ClassVar[str] = "Something Farsight refuses to do"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class UnreadableImageError(FarsightError):
    """The bytes are not an image that can be decoded."""

    code = "unreadable_image"
    title = "The photo cannot be read"


class ImageTooLargeError(FarsightError):
    """The header announces more pixels than the limit; nothing was decoded."""

    code = "image_too_large"
    title = "The photo has too many pixels"


class BundleError(FarsightError):
    """A bundle is missing, damaged, or does not fit."""

    code = "bundle_invalid"
    title = "The bundle cannot be used"


class DeviceError(FarsightError):
    """The device asked for is not there."""

    code = "device_unavailable"
    title = "The device cannot be used"
