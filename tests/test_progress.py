"""How far long work is, where nobody looks at a terminal."""

import pytest

from app.progress import counted


def test_line_tells_how_far_it_is_when_output_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    with counted("Photos", line_every_s=0) as advance:
        advance(1, 2000)
        advance(2000, 2000)
    told = capsys.readouterr()
    assert told.err == "Photos: 1 of 2,000\nPhotos: 2,000 of 2,000\n"
    assert not told.out


def test_nothing_is_told_when_the_work_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with counted("Photos") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")
