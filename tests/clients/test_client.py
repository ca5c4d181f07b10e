"""Both clients against the real service in a process of its own."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.settings import Settings
from demo.service import Address, run_command, running_service
from farsight_client import ApiError, AsyncClient, Box, Client

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


def _photos(of_person: list[bytes], *places: int) -> list[tuple[str, bytes]]:
    return [(f"{place}.jpg", of_person[place]) for place in places]


@pytest.fixture
def variables(settings: Settings) -> dict[str, str]:
    return {
        "FARSIGHT_BUNDLES": str(settings.bundles),
        "FARSIGHT_BUNDLE": settings.bundle,
        "FARSIGHT_DETECTORS": str(settings.detectors),
        "FARSIGHT_DATABASE__URL": settings.database.url,
    }


@pytest.fixture
def address(variables: dict[str, str], tmp_path: Path) -> Iterator[Address]:
    with running_service(variables, tmp_path / "service.log") as address:
        yield address


def test_every_method_answers_as_the_service_does(address: Address, people: People) -> None:
    with Client(address.url, address.key) as farsight:
        registered = farsight.register(
            "anna", _photos(people[ANNA], 0, 1, 2), display_name="Anna Ä.", metadata={"door": 3}
        )
        assert [photo.filename for photo in registered.photos] == ["0.jpg", "1.jpg", "2.jpg"]
        assert all(photo.accepted and photo.photo_id for photo in registered.photos)
        assert registered.user.metadata == {"door": 3}
        with pytest.raises(ApiError) as refused:
            farsight.register("anna", _photos(people[BERT], 0, 1, 2))
        assert (refused.value.status, refused.value.code) == (409, "user_exists")
        assert "'anna'" in refused.value.detail
        assert refused.value.request_id

        with pytest.raises(ApiError) as too_few:
            farsight.register("bert", [("a.jpg", b"no photo"), *_photos(people[BERT], 0)])
        assert too_few.value.code == "too_few_photos"
        reports = too_few.value.facts["photos"]
        assert isinstance(reports, list)
        assert [report["reason"] for report in reports] == ["unreadable_image", None]

        everywhere = {0: Box(0, 0, 5000, 5000)}
        more = farsight.add_photos(
            "anna", _photos(people[ANNA], 3), face="largest", boxes=everywhere
        )
        assert len(more.photos[0].boxes) == 1
        assert more.user.photo_count == 4
        assert [user.user_id for user in farsight.users()] == ["anna"]
        assert len(farsight.get_user("anna").photos) == 4

        face = farsight.identify(people[ANNA][5], top_k=1).faces[0]
        assert face.user_id == face.candidates[0].user_id == "anna"
        assert face.box.width > 0
        (photo,) = farsight.identify([people[ANNA][5]], min_face_px=40).photos
        assert (photo.rotation_deg, photo.searched_from_px) == (0, 40)
        assert photo.width_px is not None
        assert photo.width_px > face.box.width
        stranger = farsight.identify([people[BERT][5]], threshold=0.9).faces[0]
        assert (stranger.user_id, stranger.threshold) == (None, 0.9)
        pooled = farsight.identify(people[ANNA][5:7], same_person=True).pooled
        assert pooled is not None
        assert pooled.user_id == "anna"
        assert farsight.verify_user(people[ANNA][6], "anna").match
        assert not farsight.verify_photos(people[ANNA][6], people[BERT][6]).match
        assert farsight.version().gallery_revision == 2

        assert not farsight.erase_user("anna").pending
        assert not farsight.erasure("anna").pending
        assert list(farsight.users()) == []
        with pytest.raises(ApiError) as gone:
            farsight.get_user("anna")
        assert gone.value.status == 404
        with pytest.raises(ApiError) as forbidden:
            farsight.reload("other")
        assert forbidden.value.status == 403


async def test_async_client_answers_alike(address: Address, people: People) -> None:
    async with AsyncClient(address.url, address.key) as farsight:
        registered = await farsight.register("anna", _photos(people[ANNA], 0, 1, 2))
        assert registered.user.photo_count == 3
        assert (await farsight.add_photos("anna", _photos(people[ANNA], 3))).user.photo_count == 4
        assert [user.user_id async for user in farsight.users()] == ["anna"]
        assert len((await farsight.get_user("anna")).photos) == 4
        found = await farsight.identify([people[ANNA][5]], min_face_px=40)
        assert found.faces[0].user_id == "anna"
        assert found.photos[0].searched_from_px == 40
        assert (await farsight.verify_user(people[ANNA][6], "anna")).match
        assert not (await farsight.verify_photos(people[ANNA][6], people[BERT][6])).match
        assert (await farsight.version()).bundle == "stock"
        assert not (await farsight.erase_user("anna")).pending
        assert not (await farsight.erasure("anna")).pending
        with pytest.raises(ApiError) as gone:
            await farsight.get_user("anna")
        assert gone.value.code == "user_not_found"


async def test_admin_methods_answer_as_the_service_does(
    address: Address, variables: dict[str, str], people: People, tmp_path: Path
) -> None:
    key = run_command("keys", "create", "--scope", "admin", settings=variables)
    with Client(address.url, address.key) as enrolls:
        enrolls.register("anna", _photos(people[ANNA], 0, 1, 2))
    with Client(address.url, key) as farsight:
        with pytest.raises(ApiError) as unknown_job:
            farsight.job(str(uuid4()))
        assert unknown_job.value.code == "job_not_found"
        with pytest.raises(ApiError) as nowhere_to:
            farsight.rollback()
        assert nowhere_to.value.code == "no_former_bundle"
        bundles = {bundle.name: bundle.state for bundle in farsight.bundles()}
        assert bundles["stock"] == "serving"
        *_, ended = farsight.job_events(farsight.reload("stock", force=True).id)
        assert ended.bundle == "stock"
        assert ended.state != "running"
        assert farsight.job(ended.id) == ended
        farsight.export_gallery(tmp_path / "all.gallery", crops=True)
        refused = farsight.import_gallery(tmp_path / "all.gallery", on_conflict="skip")
        assert (refused.added, refused.skipped) == (0, 1)
    async with AsyncClient(address.url, key) as awaits:
        assert {each.name for each in await awaits.bundles()} == set(bundles)
        assert [job async for job in awaits.job_events(ended.id)] == [ended]
        with (tmp_path / "again.gallery").open("wb") as file:
            await awaits.export_gallery(file)
        replaced = await awaits.import_gallery(tmp_path / "all.gallery", on_conflict="replace")
        assert replaced.replaced == 1
        assert (await awaits.live()).status == (await awaits.ready()).status == "ok"


def test_photo_and_notes_of_a_user_can_be_changed(address: Address, people: People) -> None:
    with Client(address.url, address.key) as farsight:
        farsight.register("anna", _photos(people[ANNA], 0, 1, 2, 3), display_name="Anna")
        first = farsight.get_user("anna").photos[0]
        assert not farsight.delete_photo("anna", first.photo_id).pending
        changed = farsight.change_user("anna", metadata={"door": 4})
        assert (changed.user.display_name, changed.user.metadata) == ("Anna", {"door": 4})
        assert len(changed.photos) == 3
        assert farsight.change_user("anna", display_name=None).user.display_name is None
        with pytest.raises(ApiError) as last:
            farsight.delete_photo("anna", changed.photos[0].photo_id)
        assert last.value.code == "last_photos"
    with Client(address.url) as nobody:
        assert nobody.version().bundle is None
        assert nobody.ready().status == "ok"
        with pytest.raises(ApiError) as refused:
            nobody.get_user("anna")
        assert refused.value.status == 401
