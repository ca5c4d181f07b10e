"""The client for asyncio; see farsight_client.client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx

from farsight_client import calls, face_calls, operator_calls, review_calls
from farsight_client.answers import User
from farsight_client.call import Call
from farsight_client.cameras import CameraSocket, Corners, asked, open_socket
from farsight_client.connecting import PATIENCE_S, TIMEOUT_S, address, headers, is_elsewhere
from farsight_client.error import refused, speaking
from farsight_client.methods import async_method
from farsight_client.operator_answers import Bundle, Job, Key
from farsight_client.uploads import Target, writing
from farsight_client.watching import PAUSE_S, Watch

T = TypeVar("T")


class AsyncClient:
    """Talks to a service from asyncio; methods and arguments are those of Client.

    Photos and gallery files are read and written at once, not in another thread.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=address(url),
            headers=headers(key),
            timeout=timeout_s,
            trust_env=is_elsewhere(url),
            transport=transport,
        )
        self._patience_s = patience_s

    register = async_method(calls.register)
    put_user = async_method(calls.put_user)
    add_photos = async_method(calls.add_photos)
    delete_photo = async_method(calls.delete_photo)
    move_photo = async_method(calls.move_photo)
    user_page = async_method(calls.user_page)
    get_user = async_method(calls.get_user)
    crop = async_method(calls.crop)
    thumbnail = async_method(calls.thumbnail)
    thumbnails = async_method(calls.thumbnails)
    change_user = async_method(calls.change_user)
    likeness = async_method(calls.likeness)
    merge_users = async_method(calls.merge_users)
    review_photos = async_method(calls.review_photos)
    erase_user = async_method(calls.erase_user)
    erasure = async_method(calls.erasure)
    kept_face_page = async_method(review_calls.kept_face_page)
    clusters = async_method(review_calls.clusters)
    kept_crop = async_method(review_calls.kept_crop)
    assign_faces = async_method(review_calls.assign_faces)
    dismiss_faces = async_method(review_calls.dismiss_faces)
    identify = async_method(face_calls.identify)
    identify_clip = async_method(face_calls.identify_clip)
    find_faces = async_method(face_calls.find_faces)
    show_faces = async_method(face_calls.show_faces)
    embed_faces = async_method(face_calls.embed_faces)
    verify_user = async_method(face_calls.verify_user)
    verify_stored_photo = async_method(face_calls.verify_stored_photo)
    verify_photos = async_method(face_calls.verify_photos)
    import_gallery = async_method(operator_calls.import_gallery)
    reload = async_method(operator_calls.reload)
    rollback = async_method(operator_calls.rollback)
    job = async_method(operator_calls.job)
    thresholds = async_method(operator_calls.thresholds)
    create_key = async_method(operator_calls.create_key)
    revoke_key = async_method(operator_calls.revoke_key)
    event_page = async_method(operator_calls.event_page)
    health = async_method(operator_calls.health)
    live = async_method(operator_calls.live)
    ready = async_method(operator_calls.ready)
    version = async_method(operator_calls.version)

    @asynccontextmanager
    async def watch(
        self,
        *,
        threshold: float | None = None,
        min_face_px: float | None = None,
        groups: Sequence[str] = (),
        zones: Sequence[Corners] = (),
        gone_after_s: float = 3.0,
    ) -> AsyncIterator[CameraSocket]:
        """A socket for the frames of one camera; it tells who passes, once for each visit.

        Args:
            threshold: Instead of the bundle's.
            min_face_px: The smallest face to look for.
            groups: Only users in one of these.
            zones: Polygons in shares of width and height: faces outside all are passed over.
            gone_after_s: A face not seen for so long has left.
        """
        options = asked(threshold, min_face_px, groups, zones, gone_after_s)
        key = self._http.headers.get("Authorization")
        sent = {} if key is None else {"Authorization": key}
        async with open_socket(self._http.base_url, sent, options) as socket:
            yield socket

    async def users(
        self, *, search: str | None = None, order: str = "oldest", groups: Sequence[str] = ()
    ) -> AsyncIterator[User]:
        """All users, or those that match a search; pages are fetched as needed.

        Arguments as in `user_page`.
        """
        page = await self.user_page(search=search, order=order, groups=groups)
        for user in page.items:
            yield user
        while page.next_cursor is not None:
            page = await self.user_page(
                cursor=page.next_cursor, search=search, order=order, groups=groups
            )
            for user in page.items:
                yield user

    async def bundles(self) -> list[Bundle]:
        """The bundles of the service's store, by name; the files of each are checked."""
        return (await self.send(operator_calls.bundle_list())).items

    async def jobs(self, *, limit: int = 50) -> list[Job]:
        """The latest reloads, newest first; at most `limit`, up to 200."""
        return (await self.send(operator_calls.job_list(limit=limit))).items

    async def keys(self) -> list[Key]:
        """All keys, revoked ones included, without their secrets; oldest first."""
        return (await self.send(operator_calls.key_list())).items

    async def job_events(self, job_id: str) -> AsyncIterator[Job]:
        """The state of a reload: now, and after each change until it has ended.

        A restarted service continues its job, and may be away for `patience_s`.
        """
        watch = Watch(job_id, self._patience_s)
        while True:
            with watch.bearing():
                async with self._answer(watch.call) as answer:
                    async for chunk in answer.aiter_bytes():
                        for job in watch.news(answer, chunk):
                            yield job
            if watch.ended:
                return
            await asyncio.sleep(PAUSE_S)

    async def export_gallery(self, target: Target, *, crops: bool = False) -> None:
        """Writes everybody to a gallery file, piece by piece as it arrives.

        Args:
            target: A path, where the file appears once it is complete; or a file open for writing.
            crops: Include crops, so that it can be moved to another space.
        """
        with writing(target) as file:
            async with self._answer(operator_calls.export_gallery(crops=crops)) as answer:
                async for chunk in answer.aiter_bytes():
                    file.write(chunk)

    async def send(self, call: Call[T]) -> T:
        """Sends a call and returns the answer; the other methods use this."""
        async with self._answer(call) as answer:
            return call.decode(answer, await answer.aread())

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def _answer(self, call: Call[object]) -> AsyncIterator[httpx.Response]:
        """The service's answer, with its body still unread."""
        with speaking():
            async with aclosing(await self._begin(call)) as answer:
                call.check(answer)
                yield answer

    async def _begin(self, call: Call[object]) -> httpx.Response:
        patience_s = self._patience_s
        while True:
            answer = await self._http.send(call.request(self._http), stream=True)
            if not answer.is_error:
                return answer
            await answer.aread()
            pause_s = call.pause_s(answer)
            if pause_s is None or pause_s > patience_s:
                raise refused(answer)
            patience_s -= pause_s
            await asyncio.sleep(pause_s)
