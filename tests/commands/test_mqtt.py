"""Events of `farsight watch` at a real broker, read as Home Assistant reads them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from app.commands.watching.config import Mqtt
from app.commands.watching.outputs import MqttOutput, Told
from tests.mosquitto import Mosquitto

pytestmark = pytest.mark.program("mosquitto")

_PATIENCE_S = 60
_Message = tuple[str, str, bool]
"""Topic, payload, and whether the broker had retained it."""

_DISCOVERY = "homeassistant/sensor/farsight_10_0_0_7_door/config"


def _event(kind: str, user_id: str | None = None) -> Told:
    return {"camera": "10.0.0.7/door", "event": kind, "user_id": user_id}


@asynccontextmanager
async def _publishing(output: MqttOutput) -> AsyncIterator[None]:
    worker = asyncio.create_task(output.run())
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


@asynccontextmanager
async def _listening(broker: Mosquitto, **access: str) -> AsyncIterator[AsyncIterator[_Message]]:
    """Every message from now on, those first that the broker has retained."""
    async with (
        asyncio.timeout(_PATIENCE_S),
        aiomqtt.Client("127.0.0.1", broker.port, **access) as client,  # type: ignore[arg-type]  # text
    ):
        await client.subscribe("#", qos=1)
        yield (
            (str(of.topic), bytes(of.payload).decode(), of.retain) async for of in client.messages
        )


async def _introduced(broker: Mosquitto) -> dict[str, str]:
    """What Home Assistant is told about the camera's sensor, as soon as it is retained."""
    while True:
        async with _listening(broker) as messages:
            topic, config, is_retained = await anext(messages)
        assert topic == _DISCOVERY
        if is_retained:
            return dict(json.loads(config))


def _output(broker: Mosquitto, password: str | None = None, **more: Any) -> MqttOutput:
    mqtt = Mqtt(host="127.0.0.1", port=broker.port, **more)
    return MqttOutput(mqtt, password, ["10.0.0.7/door"], pause_s=0.05)


async def test_home_assistant_finds_a_sensor_and_its_person_when_events_are_published(
    tmp_path: Path,
) -> None:
    with Mosquitto(tmp_path) as broker:
        output = _output(broker)
        async with _publishing(output):
            sensor = await _introduced(broker)
            async with _listening(broker) as messages:
                await anext(messages)  # the sensor again
                for event in (_event("appeared"), _event("recognised", "ada"), _event("unknown")):
                    output.take(event)
                told = [(await anext(messages))[:2] for _ in range(5)]
    assert sensor["unique_id"] == "farsight_10_0_0_7_door_person"
    people = [payload for topic, payload in told if topic == sensor["state_topic"]]
    assert people == ["ada", "unknown"]
    attributes = [json.loads(of) for topic, of in told if topic == sensor["json_attributes_topic"]]
    assert [of["event"] for of in attributes] == ["appeared", "recognised", "unknown"]


async def test_no_event_is_lost_and_the_sensor_is_found_again_when_the_broker_comes_back(
    tmp_path: Path,
) -> None:
    with Mosquitto(tmp_path) as broker:
        output = _output(broker)
        async with _publishing(output):
            await _introduced(broker)
            broker.end()
            broker.start()
            await _introduced(broker)  # though no event has come meanwhile
            broker.end()
            for user_id in ("ada", "bob"):
                output.take(_event("recognised", user_id))
            assert output.events.qsize() > 0
            broker.start()
            await output.finish()
            assert output.events.empty()
    assert output.dropped == 0


async def test_the_oldest_events_go_first_when_there_is_no_broker_for_long(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        broker.end()
        output = _output(broker, discovery="")
        async with _publishing(output):
            for number in range(250):
                output.take(_event("left", str(number)))
            assert output.dropped == 50
            broker.start()
            await output.finish()
            assert output.events.empty()


async def test_events_are_published_when_the_broker_asks_for_a_password(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, {"farsight": "secret"}) as broker:
        wrong = _output(broker, "guess", username="farsight")
        right = _output(broker, "secret", username="farsight")
        wrong.take(_event("left"))
        right.take(_event("left"))
        async with _publishing(wrong), _publishing(right):
            await right.finish()
            async with _listening(broker, username="farsight", password="secret") as messages:
                assert (await anext(messages))[0] == _DISCOVERY
            assert not wrong.events.empty()
