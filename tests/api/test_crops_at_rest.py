"""Crops at rest: with a key nobody who reads the database sees a face, and no crop is ever lost."""

import asyncio
import json
import secrets
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from app.db.crop_keys import CropKeys
from app.errors import SettingsError
from app.graph import open_rows
from app.settings import Settings
from app.storage_errors import CropKeyError, DatabaseDamagedError
from tests.api.conftest import RunService, Service
from tests.databases import execute
from tests.service_process import environment

ANNA = "anna"
PNG = b"\x89PNG"
SEALED = b"\x01"


def _with_keys(settings: Settings, path: Path, *keys: str) -> Settings:
    path.write_text("".join(f"{key}\n" for key in keys), encoding="ascii")
    return settings.model_copy(update={"crop_key_file": path})


def _key() -> str:
    return secrets.token_hex(32)


def _run(settings: Settings, *arguments: str) -> Result:
    variables = environment(settings)
    if settings.crop_key_file is not None:
        variables["FARSIGHT_CROP_KEY_FILE"] = str(settings.crop_key_file)
    return CliRunner().invoke(cli, [*arguments], env=variables)


def _beginnings(settings: Settings) -> set[bytes]:
    rows = execute(settings.database, "SELECT crop_png FROM photos")
    return {bytes(crop)[:4] for (crop,) in rows}


def _crops(service: Service) -> list[bytes]:
    photos = service.client.get("/v1/users/anna").json()["photos"]
    crops = [
        service.client.get(f"/v1/users/anna/photos/{photo['photo_id']}/crop") for photo in photos
    ]
    assert {crop.status_code for crop in crops} == {200}
    return [crop.content for crop in crops]


@pytest.mark.both
def test_crops_are_shown_and_moved_to_other_weights_when_they_are_encrypted(
    settings: Settings,
    run_service: RunService,
    people: dict[str, list[bytes]],
    store: Path,
    tmp_path: Path,
) -> None:
    first, second = _key(), _key()
    file = tmp_path / "keys"
    settings = settings.model_copy(update={"bundles": store, "bundle": "farsight-xxs"})
    with run_service(settings) as service:
        service.register(ANNA, people[ANNA][:3])
        shown = _crops(service)
        assert _beginnings(settings) == {PNG}

    settings = _with_keys(settings, file, first)
    with run_service(settings) as service:
        assert _crops(service) == shown
        added = service.client.post("/v1/users/anna/photos", files={"photos": people[ANNA][3]})
        assert added.status_code == 201, added.text
        shown = _crops(service)
        assert {of[:1] for of in _beginnings(settings)} == {PNG[:1], SEALED}
        # While the service runs.
        done = _run(settings, "crops", "encrypt", "--json")
        assert json.loads(done.stdout) == {"encrypted": 3, "damaged": 0}, done.output
        assert {of[:1] for of in _beginnings(settings)} == {SEALED}
        assert _crops(service) == shown
        # A photo that is there already is known by its crop.
        again = service.client.post("/v1/users/anna/photos", files={"photos": people[ANNA][3]})
        assert again.status_code == 422

    settings = _with_keys(settings, file, second, first)
    assert json.loads(_run(settings, "crops", "encrypt", "--json").stdout)["encrypted"] == 4
    settings = _with_keys(settings, file, second)
    with run_service(settings) as service:
        assert _crops(service) == shown
        reloaded = _run(settings, "bundles", "reload", "turned", "--force", "--json")
        assert reloaded.exit_code == 0, reloaded.output
        exported = service.client.get("/v1/gallery/export", params={"crops": "true"})
        assert all(crop in exported.content for crop in shown)
    assert _run(settings, "db", "check").exit_code == 0
    backup = str(tmp_path / "backup.db")
    assert _run(settings, "db", "backup", backup).exit_code == 0
    assert shown[0][50:120] not in Path(backup).read_bytes()


@pytest.mark.parametrize("keys", [(), (_key(),)], ids=["no key", "another key"])
def test_nothing_starts_when_the_key_of_a_crop_is_missing(
    settings: Settings,
    run_service: RunService,
    people: dict[str, list[bytes]],
    tmp_path: Path,
    keys: tuple[str, ...],
) -> None:
    kept = _with_keys(settings, tmp_path / "kept", _key())
    with run_service(kept) as service:
        service.register(ANNA, people[ANNA][:3])
    other = _with_keys(settings, tmp_path / "other", *keys) if keys else settings
    for arguments in (("users", "list"), ("db", "check"), ("crops", "encrypt")):
        ended = _run(other, *arguments)
        assert isinstance(ended.exception, CropKeyError), ended.output
        assert "Put it back" in ended.exception.detail
    assert _run(kept, "db", "check").exit_code == 0


def test_damaged_crop_is_left_and_told_of_when_crops_are_encrypted(
    settings: Settings, run_service: RunService, people: dict[str, list[bytes]], tmp_path: Path
) -> None:
    first = _key()
    settings = _with_keys(settings, tmp_path / "keys", first)
    with run_service(settings) as service:
        service.register(ANNA, people[ANNA][:3])
    photos = [photo for (photo,) in execute(settings.database, "SELECT id FROM photos")]
    # One photo's crop in another's place: every byte of it is right.
    crop = f"(SELECT crop_png FROM photos WHERE id = '{photos[0]}')"
    execute(settings.database, f"UPDATE photos SET crop_png = {crop} WHERE id = '{photos[1]}'")
    settings = _with_keys(settings, tmp_path / "keys", _key(), first)
    done = _run(settings, "crops", "encrypt", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"encrypted": 2, "damaged": 1})
    found = json.loads(_run(settings, "db", "check", "--json").stdout)["left"]
    assert [each["part"] for each in found] == ["crops"]
    with run_service(settings) as service:
        answer = service.client.get(f"/v1/users/anna/photos/{photos[1]}/crop")
        Service.assert_problem(answer, 503, "database_damaged")


@pytest.mark.parametrize("content", ["", "1234", "x" * 64, "ä", None])
def test_file_of_keys_is_refused_when_no_keys_are_in_it(
    settings: Settings, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    async def start() -> None:
        async with open_rows(settings.model_copy(update={"crop_key_file": path})):
            pass

    with pytest.raises(SettingsError, match="FARSIGHT_CROP_KEY_FILE"):
        asyncio.run(start())


def test_crop_does_not_open_when_a_byte_of_it_has_changed() -> None:
    keys, photo = CropKeys([bytes(32)]), uuid4()
    stored = keys.seal(photo, PNG)
    assert keys.open(photo, stored) == PNG
    assert PNG not in stored
    for place in range(1, len(stored)):
        changed = bytearray(stored)
        changed[place] ^= 1
        with pytest.raises((DatabaseDamagedError, CropKeyError)):
            keys.open(photo, bytes(changed))
    with pytest.raises(DatabaseDamagedError):
        keys.open(uuid4(), stored)
    with pytest.raises(DatabaseDamagedError):
        keys.open(photo, stored[:12])
