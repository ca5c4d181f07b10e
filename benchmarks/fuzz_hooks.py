"""What schemathesis need not generate; `benchmarks.fuzz_api` tells it to load this."""

from typing import Any

import schemathesis


# Any: a body is whatever the API's description makes of it.
@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Leaves out forms that are valid although the value behind them is not.

    A form has no lists: an empty one is a field left out, and one with a single entry is that
    entry. A list of that kind in place of a number is not what the service gets to see.
    """
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    lists = [value for value in case.body.values() if isinstance(value, list)]
    return all(len(value) > 1 or any(isinstance(one, bytes) for one in value) for value in lists)
