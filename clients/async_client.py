"""The client for asyncio; see clients.client."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from clients import calls
from clients.answers import (
    Box,
    Erasure,
    Identification,
    JsonObject,
    Metadata,
    Registration,
    User,
    UserDetail,
    Verification,
    Version,
)
from clients.calls import Call, NamedPhoto
from clients.connecting import PAGE, PATIENCE_S, TIMEOUT_S, headers, is_elsewhere
from clients.error import unreachable

T = TypeVar("T")


class AsyncClient:
    """Speaks with a service from asyncio; arguments and methods as those of Client."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers(key), timeout=timeout_s, trust_env=is_elsewhere(url)
        )
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def register(
        self,
        user_id: str,
        photos: Sequence[NamedPhoto],
        *,
        display_name: str | None = None,
        metadata: Metadata | None = None,
        allow_duplicate: bool = False,
        detect: bool = True,
        face: str | None = None,
        boxes: Mapping[int, Box] = calls.NO_BOXES,
    ) -> Registration:
        """See Client."""
        return await self._send(
            calls.register(
                user_id,
                photos,
                display_name,
                metadata,
                allow_duplicate=allow_duplicate,
                detect=detect,
                face=face,
                boxes=boxes,
            )
        )

    async def add_photos(
        self,
        user_id: str,
        photos: Sequence[NamedPhoto],
        *,
        detect: bool = True,
        face: str | None = None,
        boxes: Mapping[int, Box] = calls.NO_BOXES,
    ) -> Registration:
        """Adds photos to a user; `face` and `boxes` as in `register`."""
        return await self._send(
            calls.add_photos(user_id, photos, detect=detect, face=face, boxes=boxes)
        )

    async def users(self) -> AsyncIterator[User]:
        """All users in the order of registration; pages are fetched as they are needed."""
        cursor = None
        while True:
            page = await self._send(calls.list_users(cursor, PAGE))
            for user in page.items:
                yield user
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get_user(self, user_id: str) -> UserDetail:
        """A user and their photos."""
        return await self._send(calls.get_user(user_id))

    async def erase_user(self, user_id: str) -> bool:
        """Erases rows, crops, embeddings and templates of a user.

        Returns:
            Whether nothing is left on the disk. Otherwise somebody reads the database, and the
            service tries again until it is done; `erasure` tells.
        """
        return await self._send(calls.erase_user(user_id)) is None

    async def erasure(self, user_id: str) -> Erasure:
        """Whether something that was erased of a user may still be on the disk."""
        return await self._send(calls.erasure(user_id))

    async def identify(
        self,
        photos: Sequence[bytes],
        *,
        threshold: float | None = None,
        top_k: int = 0,
        max_faces: int = 10,
        skip_faces: int = 0,
        detect: bool = True,
        same_person: bool = False,
        min_face_px: float | None = None,
    ) -> Identification:
        """See Client."""
        return await self._send(
            calls.identify(
                photos,
                threshold,
                top_k=top_k,
                max_faces=max_faces,
                skip_faces=skip_faces,
                detect=detect,
                same_person=same_person,
                min_face_px=min_face_px,
            )
        )

    async def verify_user(
        self, photo: bytes, user_id: str, *, threshold: float | None = None
    ) -> Verification:
        """Whether the largest face of a photo is a user's."""
        return await self._send(calls.verify_user(photo, user_id, threshold))

    async def verify_photos(
        self, photo: bytes, other: bytes, *, threshold: float | None = None
    ) -> Verification:
        """Whether the largest faces of two photos are one person's."""
        return await self._send(calls.verify_photos(photo, other, threshold))

    async def version(self) -> Version:
        """What is running."""
        return await self._send(calls.version())

    async def reload(self, bundle: str, *, force: bool = False) -> JsonObject:
        """Starts a job that brings another bundle into service, and returns it."""
        return await self._send(calls.reload(bundle, force=force))

    async def job(self, job_id: str) -> JsonObject:
        """How far a reload is."""
        return await self._send(calls.job(job_id))

    async def rollback(self) -> JsonObject:
        """Brings the former bundle back into service."""
        return await self._send(calls.rollback())

    async def _send(self, call: Call[T]) -> T:
        patience_s = self._patience_s
        while True:
            request = call.request(self._http)
            try:
                answer = await self._http.send(request)
            except httpx.TransportError as error:
                raise unreachable(request.url, error) from error
            pause_s = call.pause_s(answer)
            if pause_s is None or pause_s > patience_s:
                return call.read(answer)
            patience_s -= pause_s
            await asyncio.sleep(pause_s)
