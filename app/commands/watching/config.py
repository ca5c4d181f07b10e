"""What `farsight watch` is asked: one TOML file, documented in docs/cameras.md, or options."""

import tomllib
from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.commands.watching.source import name_of
from app.errors import SettingsError
from app.vision.detection import LARGEST_MIN_FACE_PX, SMALLEST_MIN_FACE_PX
from app.wording import told

_Share = Annotated[float, Field(ge=0, le=1)]
_Zone = Annotated[tuple[tuple[_Share, _Share], ...], Field(min_length=3)]
_MinFacePx = Annotated[float, Field(ge=SMALLEST_MIN_FACE_PX, le=LARGEST_MIN_FACE_PX)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _unlike_each_other(hours: tuple[time, time]) -> tuple[time, time]:
    if hours[0] == hours[1]:
        raise ValueError("must begin and end at different times")
    return hours


class Camera(_Part):
    """One camera.

    Attributes:
        source: See Source.
        name: In events; made of the source unless given.
        zones: Polygons in shares of width and height: faces outside all of them are passed over.
        min_face_px: Instead of the one for all cameras.
    """

    source: str
    name: str = ""
    zones: tuple[_Zone, ...] = ()
    min_face_px: _MinFacePx | None = None

    @property
    def told_as(self) -> str:
        """Its name in events."""
        return self.name or name_of(self.source)


class Webhook(_Part):
    """Where events are sent, at most so many a minute; signed with FARSIGHT_WEBHOOK_SECRET."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    per_minute: Annotated[int, Field(ge=1, le=6000)] = 60


class Mqtt(_Part):
    """The broker that events are published at; its password is in FARSIGHT_MQTT_PASSWORD.

    Attributes:
        host: Of the broker.
        port: Likewise.
        username: None: the broker asks for none.
        topic: What topics begin with.
        discovery: What Home Assistant's discovery topics begin with; empty: tell it nothing.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    topic: str = "farsight"
    discovery: str = "homeassistant"


class Save(_Part):
    """Where crops of unknown people are kept, and for how many days."""

    folder: Path
    days: Annotated[float, Field(gt=0, le=365)]


class WatchConfig(_Part):
    """All that is asked.

    Attributes:
        camera: The cameras.
        fps: Frames a second that are looked at.
        motion: Look for faces only where something has moved since the frame before.
        min_face_px: The smallest face that is looked for.
        threshold: Similarity to use instead of the bundle's threshold.
        groups: Only users in one of these.
        gone_after_s: A face not seen for so long has left.
        repeat_minutes: A user is told again on the same camera only after so long; 0: always.
        quiet_hours: From, to, local time: no frame is looked at.
        webhook: See Webhook.
        mqtt: See Mqtt.
        save: See Save.
    """

    camera: tuple[Camera, ...] = ()
    fps: Annotated[float, Field(gt=0, le=30)] = 2.0
    motion: bool = True
    min_face_px: _MinFacePx | None = None
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    groups: tuple[str, ...] = ()
    gone_after_s: Annotated[float, Field(ge=0.5, le=600)] = 3.0
    repeat_minutes: Annotated[float, Field(ge=0, le=1440)] = 0.0
    quiet_hours: Annotated[tuple[time, time], AfterValidator(_unlike_each_other)] | None = None
    webhook: Webhook | None = None
    mqtt: Mqtt | None = None
    save: Save | None = None


def read_config(path: Path | None, changes: dict[str, object]) -> WatchConfig:
    """The file, with what options say in place of it.

    Args:
        path: A TOML file; None: defaults.
        changes: By name; None values are left out.

    Raises:
        SettingsError: The file cannot be read, or holds a wrong name or value; the message names
            it.
    """
    given: dict[str, object] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path.name} cannot be read as TOML.") from error
    given |= {name: value for name, value in changes.items() if value is not None}
    try:
        return WatchConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{name} {told(first)}.") from error
