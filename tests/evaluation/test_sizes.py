"""Lists of sizes, as people and reports write them."""

import pytest

from app.errors import EvaluationError
from app.evaluation.sizes import USUAL_SIZES, format_sizes, parse_sizes


def test_sizes_are_read_when_listed() -> None:
    assert parse_sizes("hr,32, 24,16") == (None, 32, 24, 16)
    assert format_sizes(parse_sizes("HR,8")) == "hr,8"
    assert parse_sizes(format_sizes(USUAL_SIZES)) == USUAL_SIZES


@pytest.mark.parametrize("text", ["", "hr,", "hr;32", "-8", "16.5", "3", "113", "16,16", "hr,HR"])
def test_sizes_are_refused_when_malformed(text: str) -> None:
    with pytest.raises(EvaluationError):
        parse_sizes(text)
