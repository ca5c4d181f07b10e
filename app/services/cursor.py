"""Cursors: where the next page of a list begins, as text that callers pass back unchanged."""

import base64
import re
from collections.abc import Sequence

from app.errors import InvalidRequestError

_ROW_ID = re.compile(r"[0-9]{1,18}")  # what fits a 64-bit column


def cursor_after(places: Sequence[str | int], limit: int) -> str | None:
    """Where the page after this one begins; None on the last one.

    Args:
        places: Of the rows, one more than the page has if there are that many.
        limit: Rows of the page.
    """
    if len(places) <= limit:
        return None
    return base64.urlsafe_b64encode(str(places[limit - 1]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """The place that a cursor stands for.

    Raises:
        InvalidRequestError: Not a cursor.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except ValueError as error:
        raise InvalidRequestError("Invalid cursor. Pass next_cursor unchanged.") from error


def read_row_id(cursor: str) -> int:
    """The same, of a list whose rows have numbers.

    Raises:
        InvalidRequestError: Not a cursor, or one of another list.
    """
    row_id = read_cursor(cursor)
    if not _ROW_ID.fullmatch(row_id):
        raise InvalidRequestError("Invalid cursor. Pass next_cursor unchanged.")
    return int(row_id)
