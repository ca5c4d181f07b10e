"""What schemathesis need not generate, here and in tests/api."""

from typing import Any

import schemathesis

_FRAMING = ("content-length", "transfer-encoding")


# Any: a body is whatever the API's description makes of it.
@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Leaves out what never reaches the service as it was meant.

    A form has no lists: an empty one is a field left out, one with a single entry is that entry,
    and anything in place of a list is a list of that. The service sees no difference. And what
    says wrongly where a body ends is refused by the server, in its own words.
    """
    if any(name.lower() in _FRAMING for name in case.headers or ()):
        return False
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    lists = _lists(case)
    return all(_is_told_apart(value, name in lists) for name, value in case.body.items())


def _lists(case: "schemathesis.Case[Any]") -> set[str]:
    """Names of the fields that are lists."""
    form = next(each for each in case.operation.body if each.media_type == case.media_type)
    fields = form.definition["schema"].get("properties", {})
    return {
        name
        for name, field in fields.items()
        if "array" in {field.get("type"), *(each.get("type") for each in field.get("anyOf", ()))}
    }


def _is_told_apart(value: object, is_list: bool) -> bool:
    if isinstance(value, list):
        return len(value) > 1 or any(isinstance(one, bytes) for one in value)
    return not is_list
