"""What one process learns of what others did to the rows, whatever keeps it from writing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice
from uuid import uuid4

import pytest

from app.db.migration import open_sessions
from app.db.repositories import pointer, users
from app.db.session import WriteSession
from app.db.tables import utc_now
from app.errors import DuplicatePersonError, JobNotFoundError, NotReadyError
from app.gallery.gallery import Enrolled
from app.graph import Graph, open_graph
from app.services.job_diary import State
from app.services.registration import NewUser
from app.services.reviewed_photo import Upload
from app.services.switching import read_gallery, require_everybody
from app.setting_groups import RegistrationSettings
from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.databases import writing
from tests.rotated import enrol
from tests.services.job_rows import add_running_job

pytestmark = pytest.mark.both


@pytest.fixture
def crops(crops: dict[str, list[Pixels]]) -> dict[str, list[Pixels]]:
    """Of eight people."""
    return dict(islice(crops.items(), 8))


def _impatient(settings: Settings) -> Settings:
    changes = {
        "database": settings.database.model_copy(update={"timeout_s": 0.2}),
        "registration": RegistrationSettings(min_photos=1),
        "quality": {"max_similarity_without_eyes": 1.1},  # some wear dark glasses
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def graph(settings: Settings) -> AsyncIterator[Graph]:
    """Follows nothing but when a test says so."""
    async with open_graph(_impatient(settings)) as opened:
        yield opened


@pytest.fixture
async def knowing(settings: Settings, crops: dict[str, list[Pixels]]) -> AsyncIterator[Graph]:
    """The same, and knows eight people."""
    await asyncio.to_thread(enrol, settings, crops)
    async with open_graph(_impatient(settings)) as opened:
        yield opened


async def _erase(settings: Settings, user_id: str) -> None:
    """As another process does."""

    async def work(session: WriteSession) -> None:
        user = await users.get(session, user_id)
        await users.erase(session, {user_id: user.id})
        await pointer.count_gallery_change(session)

    async with open_sessions(settings.database) as sessions:
        await sessions.write(work)


async def test_erased_person_is_forgotten_when_the_write_lock_is_held_elsewhere(
    knowing: Graph, settings: Settings, crops: dict[str, list[Pixels]]
) -> None:
    erased = next(iter(crops))
    gallery = knowing.current.serving.gallery
    await _erase(settings, erased)
    assert gallery.template(erased) is not None
    with writing(settings.database):
        await knowing.following.look()
    assert gallery.template(erased) is None
    assert len(gallery) == len(crops) - 1


async def test_what_was_read_before_a_change_of_this_process_does_not_undo_it(
    knowing: Graph, settings: Settings, crops: dict[str, list[Pixels]]
) -> None:
    """The rows were looked at, then this process erased somebody, then the look is told."""
    first, second, *_ = crops
    serving = knowing.current.serving
    await _erase(settings, first)
    read_at = serving.gallery.changes
    async with knowing.sessions.read() as session:
        old = await read_gallery(session, serving.space_id)
    template = old.template(second)
    assert template is not None
    enrolled = Enrolled(template)
    await knowing.users.erase("test", second)
    assert not serving.gallery.catch_up(
        {second: enrolled}, set(crops) - {first}, old.revision, read_at=read_at
    )
    assert serving.gallery.template(second) is None
    await knowing.following.catch_up()
    assert (serving.gallery.template(first), serving.gallery.template(second)) == (None, None)
    # And the other way round: what is told late of the past does not bring anybody back.
    knowing.current.follow({serving.space_id: {second: enrolled}}, serving.gallery.revision)
    assert serving.gallery.template(second) is None


async def test_rows_are_not_read_again_when_they_were_just_looked_at(
    knowing: Graph,
    settings: Settings,
    crops: dict[str, list[Pixels]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read() -> None:
        raise AssertionError("the rows are read")

    await knowing.following.look()
    await knowing.following.complete()
    with monkeypatch.context() as patched:
        patched.setattr(knowing.sessions, "read", read)
        await knowing.following.complete()
    # Somebody came, so others may be missing in a space.
    await _erase(settings, next(iter(crops)))
    await knowing.following.look()
    with monkeypatch.context() as patched:
        patched.setattr(knowing.sessions, "read", read)
        with pytest.raises(AssertionError, match="are read"):
            await knowing.following.complete()


async def test_abandoned_job_is_taken_over_when_its_last_sign_of_life_is_in_the_future(
    graph: Graph,
) -> None:
    job_id = uuid4()
    with pytest.raises(JobNotFoundError):
        await graph.jobs.get(job_id)
    await add_running_job(
        graph.sessions,
        "a dead process",
        id=job_id,
        attempts=3,
        updated_at=utc_now() + timedelta(hours=1),
    )
    await graph.reload.take_over()
    job = await graph.jobs.get(job_id)
    assert job.state == State.FAILED
    assert job.error is not None
    assert job.error["code"] == "process_died"


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Graph]:
    """Another process, for all that the database knows."""
    async with open_graph(_impatient(settings)) as opened:
        yield opened


async def _register(graph: Graph, user_id: str, photo: Pixels) -> bool:
    """Whether it was registered; False where somebody else has the face."""
    prepared = await graph.registration.prepare(
        graph.current.serving,
        "test",
        NewUser(user_id, None, {}, allow_duplicate=False),
        [await Upload.take(None, encode_png(photo))],
        detect=False,
    )
    try:
        await graph.registration.store(prepared)
    except DuplicatePersonError:
        return False
    return True


async def test_one_person_is_registered_once_when_two_processes_do_it_at_once(
    graph: Graph, other: Graph, crops: dict[str, list[Pixels]]
) -> None:
    for name, (photo, *_) in crops.items():
        both = await asyncio.gather(
            _register(graph, f"{name}-here", photo), _register(other, f"{name}-there", photo)
        )
        assert sorted(both) == [False, True], name
        assert not await _register(graph, f"{name}-again", photo)
    for process in (graph, other):
        await process.following.catch_up()
        assert len(process.current.serving.gallery) == len(crops)


async def test_comparison_with_everybody_is_refused_when_they_are_in_another_space(
    knowing: Graph,
) -> None:
    async with knowing.sessions.read() as session:
        await require_everybody(session, knowing.current.serving.space_id)
        with pytest.raises(NotReadyError, match="moved to other weights") as refused:
            await require_everybody(session, "0" * 16)
    assert refused.value.facts["retry_after_s"] == 1


async def test_age_is_known_of_a_server_alone_when_rows_are_followed(
    graph: Graph, engine: str
) -> None:
    assert graph.freshness.age_s is None
    graph.following.start()
    assert (graph.freshness.age_s is not None) == (engine == "postgres")
    graph.freshness.require()
