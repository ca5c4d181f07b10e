"""Settings: read from the environment, refused when unsafe, all documented."""

import os
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from app import setting_groups
from app import settings as settings_module
from app.errors import SettingsError
from app.settings import Settings, overridden
from app.vision.photo_file import DEFAULT_LIMITS
from app.vision.quality import REGISTRATION_LIMITS


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FARSIGHT_")]:
        monkeypatch.delenv(name)


def test_environment_is_read_when_variables_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARSIGHT_RETAIN_CROPS", "false")
    monkeypatch.setenv("FARSIGHT_REGISTRATION__MIN_PHOTOS", "5")
    monkeypatch.setenv("FARSIGHT_QUALITY__MIN_FACE_PX", "40")
    settings = Settings.read()
    assert settings.retain_crops is False
    assert settings.registration.min_photos == 5
    assert overridden(REGISTRATION_LIMITS, "quality", settings.quality).min_face_px == 40
    assert settings.limits == Settings().limits


@pytest.fixture
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _places(settings: Settings) -> tuple[str, str, str]:
    database = settings.database.url.removeprefix("sqlite+aiosqlite:///")
    return database, str(settings.bundles), str(settings.detectors)


def test_data_lie_in_the_folder_of_the_platform_when_nothing_is_set(
    current_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.setenv("FARSIGHT_DATABASE__POOL_SIZE", "3")
    settings = Settings.read()
    home = "/somewhere/farsight"
    assert _places(settings) == (f"{home}/farsight.db", f"{home}/bundles", f"{home}/detectors")
    assert settings.database.pool_size == 3


def test_data_of_earlier_versions_are_used_when_they_lie_in_the_current_folder(
    current_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    (current_folder / "data" / "detectors").mkdir(parents=True)
    home = "/somewhere/farsight"
    assert _places(Settings.read()) == (f"{home}/farsight.db", f"{home}/bundles", "data/detectors")
    (current_folder / "data" / "farsight.db").touch()
    assert _places(Settings.read())[0] == "data/farsight.db"


def test_data_lie_in_farsight_home_when_it_is_set(
    current_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (current_folder / "data" / "detectors").mkdir(parents=True)
    (current_folder / "data" / "farsight.db").touch()
    monkeypatch.setenv("FARSIGHT_HOME", "/srv/faces")
    monkeypatch.setenv("FARSIGHT_DETECTORS", "/srv/detectors")
    expected = ("/srv/faces/farsight.db", "/srv/faces/bundles", "/srv/detectors")
    assert _places(Settings.read()) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEVICE", "tpu"),
        ("DATABASE__URL", "postgresql://somewhere"),
        ("DATABASE__URL", "sqlite+aiosqlite:///:memory:"),
        ("IDENTIFICATION__THRESHOLD", "0"),
        ("IDENTIFICATION__THRESHOLD", "7"),
        ("REGISTRATION__MIN_PHOTOS", "0"),
        ("REGISTRATION__MIN_FOTOS", "3"),
        ("LIMITS__DEADLINE_S", "-1"),
        ("THREADS__TORCH", "0"),
    ],
)
def test_sentence_names_the_variable_when_a_value_is_unsafe(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FARSIGHT_{name}", value)
    with pytest.raises(SettingsError, match=f"FARSIGHT_{name}"):
        Settings.read()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DEVISE", "DEVICE"),
        ("LIMITS_MAX_PHOTOS", "LIMITS__MAX_PHOTOS"),
        ("THREADS__READER", "THREADS__READERS"),
        ("DATABASE__PASSWORT_FILE", "DATABASE__PASSWORD_FILE"),
    ],
)
def test_right_name_is_told_when_a_variable_is_misspelt(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(f"FARSIGHT_{name}", "1")
    with pytest.raises(SettingsError, match=f"Did you mean 'FARSIGHT_{meant}'"):
        Settings.read()


def test_start_is_refused_with_a_sentence_when_a_group_is_no_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FARSIGHT_QUALITY", "min_face_px=40")
    with pytest.raises(SettingsError, match=r"must be JSON: FARSIGHT_QUALITY\."):
        Settings.read()


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP_ADDR"):
        monkeypatch.setenv(f"FARSIGHT_{name}", "tcp://10.0.0.1:8000")
    assert Settings.read() == Settings()


def test_file_is_read_when_it_lies_in_the_current_folder(
    current_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (current_folder / ".env").write_text(
        "# settings\nFARSIGHT_DEVICE=cpu\nexport FARSIGHT_LIMITS__MAX_PHOTOS='7'\n"
        "FARSIGHT_LOGS=json\nTORCH_INDEX=of-compose\nFARSIGHT_API_KEY=of-commands\n"
    )
    monkeypatch.setenv("FARSIGHT_LOGS", "text")
    settings = Settings.read()
    assert (settings.device, settings.limits.max_photos) == ("cpu", 7)
    assert settings.logs == "text"  # the environment wins


def test_right_name_is_told_when_one_in_the_file_is_misspelt(current_folder: Path) -> None:
    for line, meant in (
        ("FARSIGHT_DEVISE=cpu", "DEVICE"),
        ("farsight_limits_max_photos=7", "LIMITS__MAX_PHOTOS"),
    ):
        (current_folder / ".env").write_text(line)
        with pytest.raises(SettingsError, match=f"Did you mean 'FARSIGHT_{meant}'"):
            Settings.read()


def test_sentence_names_the_variable_when_a_value_in_the_file_is_unsafe(
    current_folder: Path,
) -> None:
    (current_folder / ".env").write_text("FARSIGHT_THREADS__TORCH=0")
    with pytest.raises(SettingsError, match="FARSIGHT_THREADS__TORCH must be at least 1"):
        Settings.read()


def test_start_is_refused_with_a_sentence_when_the_file_is_no_text(current_folder: Path) -> None:
    (current_folder / ".env").write_bytes(b"FARSIGHT_DEVICE=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env in the current folder cannot be read"):
        Settings.read()


@pytest.fixture
def password_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Named by the settings; it does not exist yet."""
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", "postgresql+psycopg://farsight@db/farsight")
    monkeypatch.setenv("FARSIGHT_DATABASE__PASSWORD_FILE", str(tmp_path / "password"))
    return tmp_path / "password"


def test_password_is_read_without_the_line_end_when_it_is_in_a_file(password_file: Path) -> None:
    password_file.write_text("p w@:/%äß\n", encoding="utf-8")
    database = Settings.read().database
    assert database.password() == "p w@:/%äß"
    assert "p w" not in repr(database)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "names a file that cannot be read: No such file or directory"),
        (b"\n", "names a file that is empty"),
        (b"\xff", "names a file that is not text"),
    ],
)
def test_start_is_refused_with_a_sentence_when_the_password_file_cannot_be_used(
    password_file: Path, content: bytes | None, told: str
) -> None:
    if content is not None:
        password_file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert caught.value.detail == f"FARSIGHT_DATABASE__PASSWORD_FILE {told}."


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:///faces.db",
        "postgresql+psycopg://farsight:secret@db/farsight",
        "postgresql+psycopg://farsight@db/farsight?password=secret",
    ],
)
def test_start_is_refused_when_a_password_file_does_not_fit_the_url(
    password_file: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    password_file.write_text("secret")
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", url)
    with pytest.raises(SettingsError, match="FARSIGHT_DATABASE has a password_file") as caught:
        Settings.read()
    assert "secret" not in caught.value.detail


def test_name_is_refused_when_the_limits_do_not_have_it() -> None:
    with pytest.raises(SettingsError, match="FARSIGHT_QUALITY has no 'min_beauty'"):
        overridden(REGISTRATION_LIMITS, "quality", {"min_beauty": 1.0})


def test_image_limits_are_those_of_the_decoder_when_nothing_is_set() -> None:
    limits = Settings().limits
    assert limits.max_photo_bytes == DEFAULT_LIMITS.max_bytes
    assert limits.max_photo_pixels == DEFAULT_LIMITS.max_pixels


def test_every_setting_is_documented() -> None:
    groups = [
        group
        for module in (setting_groups, settings_module)
        for group in vars(module).values()
        if isinstance(group, type)
        and issubclass(group, BaseModel)
        and group.__module__ == module.__name__
        and group.model_fields
    ]
    assert len(groups) == 8
    names = 0
    for group in groups:
        documented = set(re.findall(r"^ +(\w+): ", group.__doc__ or "", flags=re.MULTILINE))
        for name, field in group.model_fields.items():
            is_group = field.annotation in groups
            assert (name in documented) is not is_group, f"{group.__name__}.{name}"
            names += not is_group
    assert names == 62
