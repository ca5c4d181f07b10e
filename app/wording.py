"""Messages for mistakes: which name was probably meant, and what is wrong with a value.

Both the API and the settings are checked by pydantic, whose own messages are about Python.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from os.path import commonprefix
from typing import Any

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_NAMES_TOLD = 10

_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "uuid_parsing": "must be a UUID",
    "json_invalid": "must be JSON",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "extra_forbidden": "does not exist",
    "too_long": "must have at most {max_length} entries",
    "union_tag_invalid": "must be text, a number, true, false or null",
    "union_tag_not_found": "must be text, a number, true, false or null",
}
"""By pydantic's type of error; `{}` are taken from its context."""

_ANY_OTHER = "is not valid"


def told(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, to be read after its name.

    Args:
        error: One of pydantic's `errors()`.
    """
    context = error.get("ctx", {})
    if error["type"] == "value_error":  # of a validator of ours
        return str(context["error"])
    return _SENTENCES.get(error["type"], _ANY_OTHER).format_map(context)


def no_such_name(name: str, known: Collection[str], kind: str = "field") -> str:
    """A sentence for a name that does not exist; it names the nearest one that does.

    Args:
        name: As given. Repeated only where it is a plain one.
        known: The right names.
        kind: What it should have been the name of.
    """
    if not _PLAIN_NAME.fullmatch(name):
        return f"No {kind} has this name.{_all(known)}"
    # A common prefix makes any two similar, and case makes any two differ.
    shared = commonprefix([name, *known])  # noqa: RUF071 - they are no paths
    alike = shared.rfind("_") + 1
    by_rest = {each[alike:].lower(): each for each in known}
    near = get_close_matches(name[alike:].lower(), by_rest, n=1)
    meant = f" Did you mean {by_rest[near[0]]!r}?" if near else _all(known)
    return f"There is no {kind} {name!r}.{meant}"


def _all(known: Collection[str]) -> str:
    return f" There are: {', '.join(sorted(known))}." if 0 < len(known) <= _MOST_NAMES_TOLD else ""
