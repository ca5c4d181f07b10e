"""The settings tree: read once at the start, frozen, refused when unsafe.

`FARSIGHT_DEVICE=cpu` sets `device`; two underscores go one level down:
`FARSIGHT_REGISTRATION__MIN_PHOTOS=5` sets `registration.min_photos`. Variables of the environment
win over those in the file `.env` of the current folder.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, get_origin

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as ParsingError

from app.errors import SettingsError
from app.setting_groups import (
    DatabaseSettings,
    IdentificationSettings,
    LimitSettings,
    RegistrationSettings,
    ReloadSettings,
    ReviewSettings,
    ThreadSettings,
)
from app.wording import no_such_name, told

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_PREFIX = "FARSIGHT_"
_FILE = ".env"
# Our own variables that are not settings: secrets of commands and trainer, the tests' photos.
_NOT_SETTINGS = {
    "FARSIGHT_API_KEY",
    "FARSIGHT_MQTT_PASSWORD",
    "FARSIGHT_SHARED",
    "FARSIGHT_WEBHOOK_SECRET",
}
# Kubernetes gives every container the address of a Service named farsight.
_SET_BY_KUBERNETES = re.compile(r"FARSIGHT_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")

_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0, le=600)]
_Day = Annotated[float, Field(ge=0, le=86_400)]
_Cosine = Annotated[float, Field(gt=0, lt=1)]
# A threshold below this accepts more than one in twenty pairs of strangers (mean 0.012, deviation
# 0.08 for the stock network): it would enrol and name people at random.
_Threshold = Annotated[float, Field(ge=0.15, lt=1)]
_Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.\[\]:-]+)$")]


def _between_commas(given: object) -> object:
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return given


class Settings(BaseSettings):
    """All settings of the service.

    Attributes:
        home: The data folder: database, imported bundles and detectors, each unless it has a
            setting of its own. If unset, what lies under `data` in the current folder is used where
            it lies.
        bundles: The folder of imported bundles. Those that come with Farsight are always there.
        bundle: Which of them serves, until somebody is enrolled; from then on the database
            says which.
        device: `auto` takes a GPU when there is one; `cuda` without one refuses to start.
        detector: `auto` is YuNet, or CenterFace if YuNet's file cannot be had.
        detectors: The folder of the detectors' files. What is missing is fetched at the start.
        offline: Fetch nothing at the start.
        quality: Limits of `app.vision.quality.QualityLimits` to change, by name.
        detection: Values of `app.vision.detection.DetectionPolicy` to change.
        retain_crops: Keep the crops of enrolled photos, which re-embedding needs.
        search: `memory` compares every template, held in memory; `pgvector` lets PostgreSQL find
            the nearest by an index, and holds none.
        crop_key_file: Encrypt stored crops with the first key of this file: 64 hex digits a line;
            the others only decrypt.
        docs: Serve the interactive documentation at /docs.
        compreface: Also answer requests of CompreFace's clients, under /api/v1
            (docs/decisions/0027-compreface.md).
        cors_origins: Whose pages may call the API from a browser, separated by commas.
        root_path: The path under which a proxy shows the service, such as /farsight.
        trusted_proxies: Whose X-Forwarded-For and X-Forwarded-Proto count, separated by commas.
        public_version: Show bundle, space and gallery revision at /version without a key.
        metrics: Who may read /metrics: nobody (`off`), keys with the scope admin (`key`), or
            everybody (`open`).
        log_level: Least severe messages that are logged.
        logs: `text` for people, `json` for programs: an object a line.
        shutdown_grace_s: Seconds from SIGTERM or SIGINT to the end of the process. Containers get
            ten before they are killed.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_file=_FILE,
        # Others read the file, too; names with our prefix are checked in `read`.
        dotenv_filtering="only_existing",
        frozen=True,
        extra="forbid",
    )

    home: Path
    bundles: Path
    bundle: str = "farsight-xs"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    detector: Literal["auto", "yunet", "centerface"] = "auto"
    detectors: Path
    offline: bool = False
    quality: dict[str, float] = {}
    detection: dict[str, float] = {}
    search: Literal["memory", "pgvector"] = "memory"
    retain_crops: bool = True
    crop_key_file: Path | None = None
    docs: bool = True
    compreface: bool = False
    cors_origins: Annotated[tuple[_Origin, ...], NoDecode, BeforeValidator(_between_commas)] = ()
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_between_commas)] = (
        "127.0.0.1",
        "::1",
    )
    public_version: bool = False
    metrics: Literal["off", "key", "open"] = "key"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    logs: Literal["text", "json"] = "text"
    shutdown_grace_s: _Seconds = 8.0
    database: DatabaseSettings
    limits: LimitSettings = LimitSettings()
    registration: RegistrationSettings = RegistrationSettings()
    identification: IdentificationSettings = IdentificationSettings()
    review: ReviewSettings = ReviewSettings()
    reload: ReloadSettings = ReloadSettings()
    threads: ThreadSettings = ThreadSettings()

    @model_validator(mode="before")
    @classmethod
    def _lies_at_home(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Sets every path that was not given."""
        home = Path(given["home"]) if "home" in given else _home_of_the_platform()

        def place(name: str) -> Path:
            # Where earlier versions put it.
            former = Path("data") / name
            return former if "home" not in given and former.exists() else home / name

        found = {
            "home": home,
            "bundles": home / "bundles",
            "detectors": place("detectors"),
            **given,
        }
        database = found.get("database", {})
        if isinstance(database, dict):
            url = f"sqlite+aiosqlite:///{place('farsight.db')}"
            found["database"] = {"url": url, **database}
        return found

    @model_validator(mode="after")
    def _can_search(self) -> Self:
        if self.search == "pgvector" and self.database.url.startswith("sqlite"):
            raise ValueError("pgvector needs PostgreSQL: set FARSIGHT_DATABASE__URL as well")
        return self

    @classmethod
    def read(cls) -> Self:
        """Reads the environment and the file.

        Raises:
            SettingsError: A variable that does not exist, or a value out of its range; the
                message names it.
        """
        known = dict(_variables(cls, _PREFIX))
        names = {name.upper() for name in (*os.environ, *_in_file())}
        given = sorted(name for name in names if name.startswith(_PREFIX))
        for name in given:
            # What such a dictionary may hold is known elsewhere, see `overridden`.
            in_dictionary = known.get(name.partition("__")[0], False)
            if name in known or name in _NOT_SETTINGS or in_dictionary:
                continue
            if not _SET_BY_KUBERNETES.fullmatch(name):
                raise SettingsError(no_such_name(name, known, "setting"))
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = "__".join(str(part) for part in first["loc"]).upper()
            raise SettingsError(f"{_PREFIX}{name} {told(first)}.") from error
        except ParsingError as error:
            whole = [name for name in given if "__" not in name and name in known]
            raise SettingsError(f"One of these must be JSON: {', '.join(whole)}.") from error


def _home_of_the_platform() -> Path:
    try:
        return user_data_path("farsight", appauthor=False)
    except RuntimeError as error:
        raise SettingsError(
            f"This user has no home, so {_PREFIX}HOME must name the data folder."
        ) from error


def _in_file() -> Iterator[str]:
    try:
        yield from dotenv_values(_FILE)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"The file {_FILE} in the current folder cannot be read as text. Mend or remove it."
        ) from error


def _variables(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, bool]]:
    """Names of the variables of settings and groups, and those that take a dictionary."""
    for name, field in group.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        yield variable, get_origin(field.annotation) is dict
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, f"{variable}__")


def overridden(defaults: T, group: str, given: dict[str, float]) -> T:
    """A dataclass of defaults with some values changed.

    Args:
        defaults: A frozen dataclass of numbers that belongs to a lower layer.
        group: The setting's name, for the message.
        given: Value by name.

    Raises:
        SettingsError: A name that `defaults` does not have.
    """
    known = [field.name for field in fields(defaults)]
    for name in given:
        if name not in known:
            raise SettingsError(
                f"FARSIGHT_{group.upper()} has no {name!r}; it has {', '.join(known)}."
            )
    return replace(defaults, **given)
