"""`farsight watch`: who passes cameras, one event for a visit."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from app.commands.annotate import draw_followed
from app.commands.camera import CameraError
from app.commands.place import Device, Groups, Place, Url, open_client
from app.commands.watching.camera_watch import CameraWatch, Preview, Watcher
from app.commands.watching.config import Camera, WatchConfig, read_config
from app.commands.watching.outputs import (
    Crops,
    Lines,
    MqttOutput,
    Output,
    WebhookOutput,
    check_secret,
)
from app.commands.watching.remote import RemoteWatcher
from app.commands.watching.source import Source
from app.commands.window import Key, Window, open_window
from app.graph import open_graph
from app.observability import configure_logging
from app.progress import counted
from app.services.watching import WatchWishes
from app.settings import Settings

_PROGRESS_STEPS = 1000
_POLL_S = 0.05


def watch(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Video files, webcams (/dev/video0, or its number), or addresses of streams: "
            "rtsp://, http://."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file, see docs/cameras.md.", exists=True, dir_okay=False),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second that are looked at. Default: 2.")
    ] = None,
    motion: Annotated[
        bool | None,
        typer.Option(help="Look for faces only after something has moved. Default: yes."),
    ] = None,
    min_face_px: Annotated[
        float | None, typer.Option(help="The smallest face to look for, in px.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Similarity to use instead of the bundle's threshold.")
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            help="A polygon in shares of width and height, such as '0,0.5 1,0.5 1,1 0,1', for "
            "all SOURCES: faces outside are passed over. Repeatable."
        ),
    ] = None,
    repeat_minutes: Annotated[
        float | None,
        typer.Option(help="Tell a user again on the same camera only after so long."),
    ] = None,
    quiet_hours: Annotated[
        str | None, typer.Option(help="Local time, such as 22:00-06:00: look at nothing.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(help="Post events there, signed with the secret in FARSIGHT_WEBHOOK_SECRET."),
    ] = None,
    webhook_per_minute: Annotated[int, typer.Option(help="So many at most.", min=1)] = 60,
    mqtt: Annotated[
        str | None,
        typer.Option(help="HOST or HOST:PORT of a broker; its password in FARSIGHT_MQTT_PASSWORD."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="A folder for crops of unknown people; needs --keep-days."),
    ] = None,
    keep_days: Annotated[float | None, typer.Option(help="How long such a crop is kept.")] = None,
    window: Annotated[
        bool,
        typer.Option(
            "--window", help="Show each camera with the faces in it; ESC ends. Not with --url."
        ),
    ] = False,
    group: Groups = None,
    url: Url = None,
    device: Device = None,
) -> None:
    """Tell who passes cameras: JSON lines, one event for a visit and not for a frame.

    Events are `appeared`, `recognised` or `unknown`, and `left`. Ends with its last file; at
    SIGINT or SIGTERM everybody has left.
    """
    if (save is None) != (keep_days is None):
        raise typer.BadParameter("--save and --keep-days need each other.")
    if window and url is not None:
        raise typer.BadParameter("--window needs the networks here: leave out --url.")
    place = Place(url, device=device)
    zones = [_zone(corners) for corners in zone or ()]
    cameras = [{"source": source, "zones": zones} for source in sources or ()]
    asked = read_config(
        config,
        {
            "camera": cameras or None,
            "fps": fps,
            "motion": motion,
            "min_face_px": min_face_px,
            "threshold": threshold,
            "repeat_minutes": repeat_minutes,
            "quiet_hours": quiet_hours.split("-") if quiet_hours else None,
            "webhook": {"url": webhook, "per_minute": webhook_per_minute} if webhook else None,
            "mqtt": _broker(mqtt) if mqtt else None,
            "save": {"folder": save, "days": keep_days} if save else None,
            "groups": group or None,
        },
    )
    if not asked.camera:
        raise typer.BadParameter("Name a video, a webcam or a stream, or cameras in --config.")
    if url is not None and asked.save is not None:
        raise typer.BadParameter("A service sends no crops: --save works without --url.")
    asyncio.run(_watch(asked, place, in_windows=window))


def _zone(corners: str) -> list[list[str]]:
    return [corner.split(",") for corner in corners.split()]


def _broker(place: str) -> dict[str, str]:
    host, _, port = place.partition(":")
    return {"host": host, "port": port} if port else {"host": host}


async def _watch(config: WatchConfig, place: Place, *, in_windows: bool) -> None:
    settings = Settings.read()
    configure_logging(settings.log_level, settings.logs)
    outputs = _outputs(config)
    crops = Crops(config.save) if config.save else None
    async with AsyncExitStack() as opened:
        windows = [
            opened.enter_context(open_window(camera.told_as))
            for camera in (config.camera if in_windows else ())
        ]
        open_watcher = await _open_place(place, settings, opened)
        workers = [asyncio.create_task(output.run()) for output in outputs]
        workers += [asyncio.create_task(crops.run())] if crops else []
        advance = opened.enter_context(counted("Video, thousandths"))
        watches = [
            CameraWatch(
                camera,
                config,
                open_watcher(_wishes(config, camera)),
                outputs,
                crops,
                Source(camera.source, config.fps),
                lambda share: advance(round(share * _PROGRESS_STEPS), _PROGRESS_STEPS),
                None if shown is None else _preview_in(shown),
            )
            for camera, shown in zip_longest(config.camera, windows)
        ]
        try:
            await _run_all(watches, windows)
        finally:
            for output in outputs:
                await output.finish()
            for worker in workers:
                worker.cancel()


async def _open_place(
    place: Place, settings: Settings, opened: AsyncExitStack
) -> Callable[[WatchWishes], Watcher]:
    """What follows faces: the local networks and database, or a service."""
    if place.url is not None:
        client = await opened.enter_async_context(open_client(place.url, settings, networks=False))
        return lambda wishes: RemoteWatcher(client, wishes)
    if place.device is not None:
        settings = settings.model_copy(update={"device": place.device})
    graph = await opened.enter_async_context(open_graph(settings))
    graph.following.start()  # who is registered or erased meanwhile is, or is not, known
    return graph.watching.open


def _wishes(config: WatchConfig, camera: Camera) -> WatchWishes:
    return WatchWishes(
        threshold=config.threshold,
        min_face_px=camera.min_face_px or config.min_face_px,
        groups=frozenset(config.groups) if config.groups else None,
        zones=camera.zones,
        gone_after_s=config.gone_after_s,
        crops=config.save is not None,
    )


def _outputs(config: WatchConfig) -> list[Output]:
    outputs: list[Output] = [Lines(typer.echo)]
    if config.webhook:
        secret = check_secret(os.environ.get("FARSIGHT_WEBHOOK_SECRET"))
        outputs.append(WebhookOutput(config.webhook, secret))
    if config.mqtt:
        names = [camera.told_as for camera in config.camera]
        outputs.append(MqttOutput(config.mqtt, os.environ.get("FARSIGHT_MQTT_PASSWORD"), names))
    return outputs


def _preview_in(window: Window) -> Preview:
    return lambda image, faces: window.put(draw_followed(image, faces))


async def _ended_by_key(windows: Sequence[Window]) -> None:
    while True:
        await asyncio.sleep(_POLL_S)
        if Key.END in [window.poll() for window in windows]:
            return


async def _run_all(watches: Sequence[CameraWatch], windows: Sequence[Window]) -> None:
    """All cameras until each has ended, or somebody asks for the end."""
    tasks = [asyncio.create_task(watch.run()) for watch in watches]
    loop = asyncio.get_running_loop()

    def end() -> None:
        for task in tasks:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    poller = asyncio.create_task(_ended_by_key(windows)) if windows else None
    if poller:
        poller.add_done_callback(lambda _poller: end())
    troubles = []
    for task in tasks:
        with suppress(asyncio.CancelledError):  # by a signal or a key, see `end`
            try:
                await task
            except CameraError as error:
                troubles.append(error)
    if poller:
        poller.cancel()
    if troubles:
        raise troubles[0]
