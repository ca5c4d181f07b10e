"""What a user's id, name and metadata may be, wherever they come in.

The patterns are of whole values, without anchors: the libraries that check them anchor in different
ways.
"""

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
