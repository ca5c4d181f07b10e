"""The log names nobody, also when something goes wrong (issue 14)."""

import asyncio
import errno
import gc
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from app.observability import configure_logging
from app.recognition.recognizer import Recognizer
from tests.databases import execute, is_file

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]

Log = Callable[[], str]


@pytest.fixture(params=["text", "json"])
def log(
    request: pytest.FixtureRequest, root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> Log:
    """What was logged since it was asked last; of JSON the values, one a line."""
    written = StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging("DEBUG", request.param)

    def read() -> str:
        lines = written.getvalue().splitlines(keepends=True)
        written.seek(0)
        written.truncate()
        lines = [line for line in lines if "httpx2" not in line]  # the test's own client
        if request.param == "text":
            return "".join(lines)
        return "".join(f"{value}\n" for line in lines for value in json.loads(line).values())

    return read


@contextmanager
def _failing_disk(_service: "Service") -> Iterator[None]:
    def fail(_connection: Connection) -> None:
        raise OSError(errno.EIO, "failed", "/people/anna-secret.db")

    event.listen(Engine, "begin", fail)
    yield
    event.remove(Engine, "begin", fail)


@contextmanager
def _read_only(service: "Service") -> Iterator[None]:
    on_file = is_file(service.settings.database)
    read_only = "PRAGMA query_only=ON" if on_file else "SET TRANSACTION READ ONLY"

    def forbid(connection: Connection, cursor: DBAPICursor, statement: str, *_more: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            cursor.execute(read_only)

    event.listen(Engine, "before_cursor_execute", forbid)
    yield
    event.remove(Engine, "before_cursor_execute", forbid)


@contextmanager
def _other_tables(service: "Service") -> Iterator[None]:
    execute(service.settings.database, "ALTER TABLE users RENAME COLUMN display_name TO name")
    yield


@pytest.mark.both
@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (_failing_disk, "OSError: Input/output error"),
        (_other_tables, "(OperationalError: SQLITE_ERROR|UndefinedColumn: 42703)"),
        (_read_only, ""),  # may be foreseen, and then is not logged
    ],
)
def test_log_names_nobody_when_the_database_fails(
    service: "Service",
    people: People,
    log: Log,
    trouble: Callable[["Service"], AbstractContextManager[None]],
    told: str,
) -> None:
    named = {"display_name": "Anna Secret", "metadata": json.dumps({"note": "secret"})}
    assert service.register("anna-secret", people[ANNA][:3], **named).status_code == 201
    log()
    with trouble(service):
        answers = [
            service.register("bert-secret", people[BERT][:3], **named),
            service.client.patch("/v1/users/anna-secret", json={"display_name": "Secret"}),
            service.client.delete("/v1/users/anna-secret"),
        ]
    assert {answer.status_code for answer in answers} <= {500, 507}
    text = log()
    assert len(re.findall(told, text)) >= 3
    assert "secret" not in text.lower()


def test_log_names_nobody_when_the_input_is_wrong_or_photos_cannot_be_read(
    service: "Service", people: People, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [(f"anna-secret-{number}.jpg", people[ANNA][number]) for number in range(3)]
    assert service.register("anna-secret", photos).status_code == 201
    answers = [
        service.register("anna-secret", photos),
        service.register("bert-secret", photos),
        service.register("secret/secret", photos, metadata='{"secret": ["secret"]}', secret="1"),
        service.client.get("/v1/users/secret", params={"secret": "secret"}),
        service.client.get("/secret"),
    ]
    assert {answer.status_code for answer in answers} == {404, 409, 422}

    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError("anna-secret")

    monkeypatch.setattr(Recognizer, "find", fail)
    assert service.register("bert-secret", photos).status_code == 500
    text = log()
    assert "ValueError\n" in text
    assert "secret" not in text.lower()


async def test_log_names_nobody_when_tasks_callbacks_and_threads_die(log: Log) -> None:
    def fail(error: type[Exception], name: str) -> None:
        raise error(name)

    async def fail_in_task() -> None:
        fail(ValueError, "anna-secret")

    task = asyncio.create_task(fail_in_task())
    asyncio.get_running_loop().call_soon(fail, KeyError, "anna-secret")
    await asyncio.wait([task])
    del task
    gc.collect()
    thread = threading.Thread(target=fail, args=[RuntimeError, "anna-secret"])
    thread.start()
    thread.join()
    text = log()
    assert text.count("failed: ValueError\n") == text.count("failed: KeyError\n") == 1
    assert text.count("a thread died\n") == text.count("RuntimeError\n") == 1
    assert "secret" not in text
