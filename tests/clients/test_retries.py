"""A busy service is asked again where that is safe, within the client's patience."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from farsight_client import ApiError, AsyncClient, Client
from tests.answering import Asked, Reply, answering, problem

USER: dict[str, object] = {
    "user_id": "ada",
    "display_name": None,
    "metadata": {},
    "groups": [],
    "photo_count": 3,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
ANSWERS = {
    "/v1/users": {"user": USER, "photos": [], "near_users": []},
    "/v1/admin/rollback": {"bundle": "b", "space": "s"},
    "/version": {"version": "1", "bundle": "b", "space": "s", "gallery_revision": 0},
}


@dataclass
class BusyService:
    """Answers 503 so many times, then 200; remembers what it was sent."""

    url: str = ""
    busy_times: int = 0
    status: int = 503
    retry_after: str | None = "0"
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.seen.append((asked.path, asked.headers["idempotency-key"]))
        if len(self.seen) > self.busy_times:
            return Reply(200, ANSWERS.get(asked.path, {}))
        when = {} if self.retry_after is None else {"Retry_After": self.retry_after}
        return problem(self.status, "overloaded", "16 requests are waiting.", **when)


@pytest.fixture
def busy() -> Iterator[BusyService]:
    service = BusyService()
    with answering(service.answer) as service.url:
        yield service


def test_registration_is_sent_again_with_its_key_when_the_service_is_busy(
    busy: BusyService,
) -> None:
    busy.busy_times = 2
    with Client(busy.url, "key") as farsight:
        assert farsight.register("ada", [("1.jpg", b"1")]).user.user_id == "ada"
        assert farsight.register("bob", [("1.jpg", b"1")]).user.user_id == "ada"
    keys = [key for _, key in busy.seen]
    assert len(keys) == 4
    assert keys[0] is not None
    assert keys[0] == keys[1] == keys[2] != keys[3]


async def test_async_client_asks_again_when_the_service_is_busy(busy: BusyService) -> None:
    busy.busy_times = 2
    async with AsyncClient(busy.url, "key") as farsight:
        assert (await farsight.version()).bundle == "b"
    assert len(busy.seen) == 3


def test_any_request_is_sent_again_when_the_key_wanted_too_much(busy: BusyService) -> None:
    busy.busy_times, busy.status = 2, 429
    with Client(busy.url, "key") as farsight:
        assert farsight.rollback().bundle == "b"
    assert len(busy.seen) == 3


@pytest.mark.parametrize(
    "unsafe",
    [
        lambda farsight: farsight.add_photos("ada", [("1.jpg", b"1")]),
        lambda farsight: farsight.delete_photo("ada", "1"),
        lambda farsight: farsight.erase_user("ada"),
        lambda farsight: farsight.import_gallery(b"1"),
        lambda farsight: farsight.ready(),
        lambda farsight: farsight.reload("other"),
        lambda farsight: farsight.rollback(),
    ],
)
def test_request_is_sent_once_when_repeating_it_is_not_safe(
    busy: BusyService, unsafe: Callable[[Client], object]
) -> None:
    busy.busy_times = 2
    with Client(busy.url, "key") as farsight, pytest.raises(ApiError) as error:
        unsafe(farsight)
    assert (error.value.status, error.value.code) == (503, "overloaded")
    assert (error.value.request_id, error.value.retry_after_s) == ("r1", 0)
    assert len(busy.seen) == 1


@pytest.mark.parametrize(("retry_after", "attempts"), [("3600", 1), ("0", 6), (None, 1)])
def test_client_gives_up_when_its_patience_ends(
    busy: BusyService, retry_after: str | None, attempts: int
) -> None:
    busy.busy_times = 1000
    busy.retry_after = retry_after
    with Client(busy.url, "key", patience_s=0.55) as farsight, pytest.raises(ApiError) as error:
        farsight.version()
    assert error.value.code == "overloaded"
    assert len(busy.seen) == attempts


def test_error_says_so_when_nothing_answers() -> None:
    with Client("http://127.0.0.1:9", "key") as farsight, pytest.raises(ApiError) as error:
        farsight.version()
    assert (error.value.status, error.value.code) == (None, "unreachable")
