"""What may be logged, and the stopwatch."""

import ast
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import errors
from app.api.problems import STATUSES
from app.observability import Stopwatch, configure_logging, request_id, without_input

APP = Path(__file__).parents[1] / "app"


def test_libraries_stay_silent_when_the_level_is_debug(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")
    logging.getLogger("aiosqlite").debug("INSERT of a name")
    logging.getLogger("app.any").debug("ours")
    token = request_id.set("request-7")
    logging.getLogger("app.any").info("of a request")
    request_id.reset(token)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == [
        "DEBUG app.any [-] ours",
        "INFO app.any [request-7] of a request",
    ]


def test_less_is_logged_when_the_level_is_higher(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("WARNING")
    for name in ("app.any", "uvicorn.error"):
        logging.getLogger(name).info("not shown")
        logging.getLogger(name).warning("shown")
    assert capsys.readouterr().err.count("shown") == 2


def test_every_line_is_an_object_when_logs_are_json(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    log = logging.getLogger("app.any")
    token = request_id.set("request-7")
    log.info('a "quoted"\nline with %d', 7)
    log.error("it failed", exc_info=KeyError("anna"))
    request_id.reset(token)
    logging.getLogger("uvicorn.error").warning("trouble: %s", OSError("anna"))
    first, second, third = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.now(UTC) - datetime.fromisoformat(first.pop("time")) < timedelta(minutes=1)
    assert first == {
        "level": "INFO",
        "logger": "app.any",
        "request_id": "request-7",
        "message": 'a "quoted"\nline with 7',
    }
    assert (second["request_id"], second["message"]) == ("request-7", "it failed")
    assert second["error"] == "KeyError"
    assert (third["request_id"], third["message"]) == ("-", "trouble: OSError")
    assert "anna" not in f"{second}{third}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            FileNotFoundError(2, "No such file", "anna.jpg"),
            "FileNotFoundError: No such file or directory",
        ),
        (OSError("anna"), "OSError"),
        (KeyError("anna"), "KeyError"),
        (errors.UserExistsError("anna"), "UserExistsError: The user_id is taken"),
        (errors.BundleError("It is broken."), "BundleError: It is broken."),
    ],
)
def test_text_is_told_only_when_no_caller_can_have_sent_it(error: Exception, told: str) -> None:
    assert without_input(error) == told


def test_every_log_line_is_a_literal_with_values_that_are_no_details() -> None:
    calls = [
        call
        for path in APP.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("_log.")
    ]
    assert len(calls) > 15
    for call in calls:
        assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
        for value in map(ast.unparse, call.args[1:]):  # an exception is told without its text
            assert not value.endswith((".detail", ".facts")), value
            assert not value.startswith(("str(", "repr(")), value


def test_stages_are_summed_when_they_run_again() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("a"):
            pass
    once = watch.timings_ms["a"]
    watch.add({"a": 1000.0, "b": 1.0})
    assert watch.timings_ms == {"a": once + 1000.0, "b": 1.0}


def test_stage_is_timed_when_it_fails() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="no"), watch.stage("a"):
        raise ValueError("no")
    assert set(watch.timings_ms) == {"a"}


def test_warning_is_one_line_a_minute_when_it_repeats(
    root_logger: logging.Logger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logging("INFO")
    log = logging.getLogger("uvicorn.error")
    for _ in range(1000):
        log.warning("too many open files")
        log.info("an answer")
    assert len(capsys.readouterr().err.splitlines()) == 1001
    monkeypatch.setattr("app.observability._REPEAT_AFTER_S", 0)
    log.warning("too many open files")
    assert "too many open files (999 more since this was last told)" in capsys.readouterr().err
    for _ in range(2):  # failures of requests are looked up by their id
        logging.getLogger("app.api").error("request failed", exc_info=ValueError())
    assert capsys.readouterr().err.count("request failed") == 2


def test_errors_are_in_one_place_when_callers_can_meet_them() -> None:
    assert len(STATUSES) > 30
    modules = {"app.errors", "app.storage_errors", "app.clip_errors"}
    assert {kind.__module__ for kind in STATUSES} == modules
