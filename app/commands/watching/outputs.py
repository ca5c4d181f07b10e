"""Where events go. None of these holds up the cameras: what cannot be delivered is dropped."""

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx

from app.commands.watching.config import Mqtt, Save, Webhook
from app.errors import SettingsError
from app.tracking.events import EventKind
from app.vision.image import Image
from app.vision.png import encode_png

_log = logging.getLogger(__name__)

Told = dict[str, object]
"""An event as JSON."""

_MOST_WAITING = 200
_ATTEMPTS = 4
_FIRST_PAUSE_S = 1.0
_TIMEOUT_S = 5.0
_CLOSED_WITHIN_S = 5.0
_MINUTE_S = 60.0
_SWEEP_EVERY_S = 600.0
_CONFIRMED = 1
"""MQTT's quality of service: the broker confirms each message, which may then come twice."""
SIGNATURE = "Farsight-Signature"
"""The header: `t=SECONDS,v1=HEX`, HMAC-SHA256 over SECONDS, a dot, and the body."""


class Output(Protocol):
    """Takes events."""

    def take(self, event: Told) -> None:
        """Takes one at once; what happens to it happens later."""

    async def run(self) -> None:
        """Works until it is cancelled."""

    async def finish(self) -> None:
        """Waits a moment until what was taken is delivered."""


@dataclass
class _Waiting:
    """Events that wait, so many at most: the oldest go first."""

    events: "asyncio.Queue[Told]" = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))
    dropped: int = 0

    def take(self, event: Told) -> None:
        if self.events.full():
            self.events.get_nowait()
            self.events.task_done()
            self.dropped += 1
        self.events.put_nowait(event)

    async def finish(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSED_WITHIN_S):
                await self.events.join()


class WebhookOutput(_Waiting):
    """Posts each event, signed; retried with growing pauses, at most so many a minute.

    Args:
        webhook: Where to.
        secret: Both sides know it.
        pause_s: Before the second attempt; doubled.
        timeout_s: For one attempt.
    """

    def __init__(
        self,
        webhook: Webhook,
        secret: str,
        pause_s: float = _FIRST_PAUSE_S,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        super().__init__()
        self._webhook = webhook
        self._secret = secret.encode()
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._sent: deque[float] = deque()

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with httpx.AsyncClient(timeout=self._timeout_s) as http:
            while True:
                event = await self.events.get()
                try:
                    if self._may_send():
                        await self._deliver(http, event)
                    else:
                        self.dropped += 1
                        _log.warning(
                            "more than %d events in a minute: one is not sent to the webhook",
                            self._webhook.per_minute,
                        )
                finally:
                    self.events.task_done()

    def _may_send(self) -> bool:
        now_s = time.monotonic()
        while self._sent and now_s - self._sent[0] > _MINUTE_S:
            self._sent.popleft()
        if len(self._sent) >= self._webhook.per_minute:
            return False
        self._sent.append(now_s)
        return True

    async def _deliver(self, http: httpx.AsyncClient, event: Told) -> None:
        body = json.dumps(event).encode()
        pause_s = self._pause_s
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(pause_s)
                pause_s *= 2
            headers = {"Content-Type": "application/json", SIGNATURE: sign(self._secret, body)}
            with suppress(httpx.HTTPError):  # then once more; what is lost is counted
                async with asyncio.timeout(self._timeout_s):
                    answer = await http.post(self._webhook.url, content=body, headers=headers)
                if answer.is_success:
                    return
                if answer.is_client_error and answer.status_code not in {408, 429}:
                    break
        self.dropped += 1
        _log.warning("the webhook did not take an event")


def sign(secret: bytes, body: bytes, at_s: int | None = None) -> str:
    """The signature's header; the time in it keeps old requests from being sent again."""
    seconds = int(time.time()) if at_s is None else at_s
    signed = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


class MqttOutput(_Waiting):
    """Publishes each event at `TOPIC/CAMERA/event`, and who was last seen at `TOPIC/CAMERA/person`.

    Home Assistant finds the latter by itself, as a sensor of each camera. An event counts as told
    when the broker has confirmed it; while it is away, events wait.

    Args:
        mqtt: The broker.
        password: Its user's.
        cameras: Names of all cameras.
        pause_s: Before the broker is tried again; doubled up to 30 s.

    Raises:
        SettingsError: aiomqtt is not installed.
    """

    def __init__(
        self, mqtt: Mqtt, password: str | None, cameras: list[str], pause_s: float = _FIRST_PAUSE_S
    ) -> None:
        super().__init__()
        try:
            import aiomqtt  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SettingsError(
                "MQTT needs one more package: pip install 'farsight[mqtt]'."
            ) from error
        self._library = aiomqtt
        self._mqtt = mqtt
        self._password = password
        self._cameras = cameras
        self._pause_s = pause_s
        # What the broker was told last, until it confirms.
        self._unconfirmed: Told | None = None

    async def run(self) -> None:
        """Works until it is cancelled."""
        pause_s = self._pause_s
        while True:
            try:
                async with self._library.Client(
                    self._mqtt.host,
                    self._mqtt.port,
                    username=self._mqtt.username,
                    password=self._password,
                ) as broker:
                    pause_s = self._pause_s
                    for camera in self._cameras:
                        await self._introduce(broker, camera)
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._notice_loss(broker))
                        tasks.create_task(self._publish_all(broker))
            except* self._library.MqttError:
                _log.warning("no broker; trying again in %.1f s", pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _CLOSED_WITHIN_S * 6)

    async def _introduce(self, broker: "object", camera: str) -> None:
        if not self._mqtt.discovery:
            return
        name = _as_topic(camera)
        config = {
            "name": camera,
            "unique_id": f"{self._mqtt.topic}_{name}_person",
            "state_topic": f"{self._mqtt.topic}/{name}/person",
            "json_attributes_topic": f"{self._mqtt.topic}/{name}/event",
            "icon": "mdi:face-recognition",
        }
        topic = f"{self._mqtt.discovery}/sensor/{self._mqtt.topic}_{name}/config"
        await broker.publish(topic, json.dumps(config), qos=_CONFIRMED, retain=True)  # type: ignore[attr-defined]  # an extra

    async def _notice_loss(self, broker: "object") -> None:
        """Fails when the broker goes away, so that one that comes back is introduced anew."""
        async for _message in broker.messages:  # type: ignore[attr-defined]  # an extra
            pass

    async def _publish_all(self, broker: "object") -> None:
        while True:
            if self._unconfirmed is None:
                self._unconfirmed = await self.events.get()
            await self._publish(broker, self._unconfirmed)
            self._unconfirmed = None
            self.events.task_done()

    async def _publish(self, broker: "object", event: Told) -> None:
        topic = f"{self._mqtt.topic}/{_as_topic(str(event['camera']))}"
        await broker.publish(f"{topic}/event", json.dumps(event), qos=_CONFIRMED)  # type: ignore[attr-defined]  # an extra
        if event["event"] in {EventKind.RECOGNISED, EventKind.UNKNOWN}:
            person = str(event["user_id"] or "unknown")
            await broker.publish(f"{topic}/person", person, qos=_CONFIRMED)  # type: ignore[attr-defined]  # an extra


def _as_topic(camera: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", camera).strip("_") or "camera"


class Lines(_Waiting):
    """Prints each event as a line of JSON."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self._write = write

    def take(self, event: Told) -> None:
        """Prints it at once."""
        self._write(json.dumps(event))

    async def run(self) -> None:
        """Has nothing to do."""


class Crops:
    """A folder of crops of unknown people, each of them for some days.

    Only files that were made here are removed, by their names.

    Args:
        save: Where, and for how long.
    """

    def __init__(self, save: Save) -> None:
        self._save = save

    def keep(self, camera: str, crop: Image) -> None:
        """Writes a crop, for its owner alone."""
        self._save.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = datetime.now(UTC)
        path = self._save.folder / f"unknown-{now:%Y%m%dT%H%M%S%f}Z-{_as_topic(camera)}.png"
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(encode_png(crop))

    def sweep(self) -> None:
        """Removes what has been there for long enough."""
        oldest = datetime.now(UTC) - timedelta(days=self._save.days)
        for path in self._save.folder.glob("unknown-*Z-*.png"):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < oldest:
                path.unlink(missing_ok=True)

    async def run(self) -> None:
        """Removes what is too old, from now on."""
        while True:
            await asyncio.to_thread(self.sweep)
            await asyncio.sleep(_SWEEP_EVERY_S)


def check_secret(secret: str | None) -> str:
    """The webhook's secret.

    Raises:
        SettingsError: There is none.
    """
    if not secret:
        raise SettingsError("Put the webhook's secret into FARSIGHT_WEBHOOK_SECRET.")
    return secret
