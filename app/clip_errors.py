"""What goes wrong with a video file; see app.errors."""

from app.errors import FarsightError


class UnreadableClipError(FarsightError):
    """The bytes are not a video that can be decoded."""

    code = "unreadable_clip"
    title = "The clip cannot be read"


class ClipTooLargeError(FarsightError):
    """A clip of more bytes, seconds or pixels than the limits."""

    code = "clip_too_large"
    title = "The clip is too large"
