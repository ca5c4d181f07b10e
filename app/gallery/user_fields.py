"""What a user's id, name and metadata may be, wherever they come in.

The patterns are of whole values, without anchors: the libraries that check them anchor in different
ways.
"""

import hashlib
import re
import unicodedata

MAX_USER_ID_CHARS = 64
USER_ID_PATTERN = rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{MAX_USER_ID_CHARS - 1}}}"
USER_ID_DESCRIPTION = f"1 to {MAX_USER_ID_CHARS} letters, digits, `.`, `_`, `@`, `-`"

MAX_GROUPS = 32
GROUP_PATTERN = USER_ID_PATTERN
"""Without quotes, so that a name can be found in a list that is stored as JSON."""

MAX_DISPLAY_NAME_CHARS = 200
DISPLAY_NAME_PATTERN = r"[^\x00-\x1f\x7f]+"

Metadata = dict[str, bool | int | float | str | None]
"""A client's own notes on a user."""

MAX_METADATA_ENTRIES = 32
MAX_METADATA_KEY_CHARS = 64
METADATA_KEY_PATTERN = r"[^\x00]+"
MAX_METADATA_TEXT_CHARS = 500
METADATA_TEXT_PATTERN = r"[^\x00]*"
LARGEST_METADATA_NUMBER = 2**53
"""In either direction. Beyond it, some JSON readers lose an integer's last digits."""

_MAX_READABLE_CHARS = 40


def derived_user_id(name: str, attempt: int = 0) -> str:
    """A `user_id` for someone of whom a name alone is known; the same for the same name.

    Args:
        name: Any text.
        attempt: Another one for each, for when an id is taken by somebody of another name.

    Returns:
        What can be read of the name, and a part of its hash: `ada-lovelace-0c8e0a1f`.
    """
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:_MAX_READABLE_CHARS]
    digest = hashlib.sha256(f"{attempt}:{name}".encode()).hexdigest()[:8]
    return f"{readable.strip('-') or 'user'}-{digest}"
