"""Who asks what during a soak: see benchmarks.soak.

The number of people enrolled stays about the same: residents remain, and every caller has one guest
who is registered, changed and erased, again and again.
"""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from benchmarks.load import endpoint_of
from benchmarks.service import Service
from benchmarks.soak_material import REGISTERED, Material

SMALL_FACE = "identify, a small face"
"""The kind of request whose times are reported."""

HUNG_UP = 0
NO_ANSWER = -1
"""Instead of a status: nobody waited for one, or the service hung up."""

_PATIENCE_S = 180.0
_JSON_BYTES = 70_000
_DETAIL_CHARS = 300
_NOBODY = "/v1/users/nobody"
_NO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        kind: Which of the mix.
        seconds: Until the whole answer was there.
        status: HTTP's, HUNG_UP or NO_ANSWER.
        is_expected: Whether such a request may be answered so.
        detail: What came back, if that is not expected.
    """

    kind: str
    seconds: float
    status: int
    is_expected: bool
    detail: str = ""


Sent = tuple[httpx.Response | None, set[int]]
"""What came back, None if nobody waited; and the statuses that are right."""


class Caller:
    """One connection that asks one thing after the other; `calling` opens it."""

    def __init__(
        self, service: Service, http: httpx.AsyncClient, material: Material, number: int, seed: int
    ) -> None:
        self._service = service
        self._http = http
        self._material = material
        self._guest, self._guest_photos = list(material.guests.items())[number]
        self._chance = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
        self._visit = itertools.cycle(
            (
                self._register_guest,
                self._register_guest_again,
                self._show_guest,
                self._rename_guest,
                self._add_photo,
                self._identify_guest,
                self._delete_photo,
                self._erase_guest,
                self._ask_for_erasure,
            )
        )
        self._visit_key = ""
        self._added_photo = ""
        self._cursor: str | None = None

    async def ask(self) -> Asked:
        """Asks something, by the weights of the mix."""
        (kind,) = self._chance.choices(list(MIX), [weight for weight, _ in MIX.values()])
        began = time.monotonic()
        try:
            answer, expected = await MIX[kind][1](self)
        except httpx.TransportError as error:
            return Asked(kind, time.monotonic() - began, NO_ANSWER, False, repr(error))
        seconds = time.monotonic() - began
        if answer is None:
            return Asked(kind, seconds, HUNG_UP, True)
        if answer.status_code in expected:
            return Asked(kind, seconds, answer.status_code, True)
        return Asked(kind, seconds, answer.status_code, False, answer.text[:_DETAIL_CHARS])

    async def identify(self, name: str, **form: str) -> Sent:
        """One photo of the material."""
        photo = self._chance.choice(getattr(self._material, name))
        return await self._http.post("/v1/identify", data=form, files={"photos": photo}), {200}

    async def identify_frames(self) -> Sent:
        """Three photos of one resident."""
        _, photos = self._resident()
        form, files = {"same_person": "true"}, [("photos", photo) for photo in photos[:3]]
        return await self._http.post("/v1/identify", data=form, files=files), {200}

    async def verify_user(self) -> Sent:
        """A photo against a resident, who may be somebody else."""
        (person, _), (_, photos) = self._resident(), self._resident()
        files = {"photo": photos[-1]}
        return await self._http.post("/v1/verify", data={"user_id": person}, files=files), {200}

    async def verify_photos(self) -> Sent:
        """Two photos."""
        photo, other = self._chance.sample(self._material.large, 2)
        files = {"photo": photo, "other_photo": other}
        return await self._http.post("/v1/verify", files=files), {200}

    async def list_users(self) -> Sent:
        """The next page."""
        params = {"limit": "5"} if self._cursor is None else {"limit": "5", "cursor": self._cursor}
        answer = await self._http.get("/v1/users", params=params)
        self._cursor = answer.json()["next_cursor"] if answer.is_success else None
        return answer, {200}

    async def show_user(self) -> Sent:
        """A resident."""
        return await self._http.get(f"/v1/users/{self._resident()[0]}"), {200}

    async def rename_user(self) -> Sent:
        """A resident, who gets another one of a few names."""
        changes = {"display_name": f"Name {self._chance.randrange(5)}", "metadata": {"floor": 3}}
        return await self._http.patch(f"/v1/users/{self._resident()[0]}", json=changes), {200}

    async def visit(self) -> Sent:
        """The next request about the guest."""
        return await next(self._visit)()

    async def look(self, path: str, **headers: str) -> Sent:
        """What is answered with 200."""
        return await self._http.get(path, headers=headers), {200}

    async def send_with_unknown_key(self) -> Sent:
        """Or 429 after many of them."""
        key = f"fs_{self._chance.randbytes(6).hex()}_{self._chance.randbytes(32).hex()}"
        headers = {"Authorization": f"Bearer {key}"}
        return await self._http.get("/v1/users", headers=headers), {401, 429}

    async def send_without_scope(self) -> Sent:
        """A call of an operation for administrators."""
        headers = {"Authorization": f"Bearer {self._service.other_key}"}
        path = self._chance.choice(("/v1/admin/rollback", "/v1/admin/reload"))
        return await self._http.post(path, headers=headers, json={}), {403}

    async def send_bad_photo(self) -> Sent:
        """Not a photo, half of one, or none."""
        photo = self._chance.choice(self._material.small)
        bad = self._chance.choice((b"", b"not a photo", photo[: len(photo) // 3]))
        return await self._http.post("/v1/identify", files={"photos": bad}), {422}

    async def send_bad_request(self) -> Sent:
        """One of many kinds, all of them cheap."""
        photo = {"photos": self._material.small[0]}
        method, path, expected, content = self._chance.choice(
            (
                ("POST", "/v1/identify", 422, {"data": {"treshold": "0.4"}, "files": photo}),
                ("POST", "/v1/identify", 422, {"data": {"top_k": "-1"}, "files": photo}),
                ("POST", "/v1/identify", 422, {"json": {"photos": "none"}}),
                ("POST", "/v1/identify", 422, {"files": [("photos", b"x")] * 21}),
                ("POST", "/v1/users", 422, {"data": {"user_id": "a b"}, "files": photo}),
                ("GET", "/v1/users", 422, {"params": {"cursor": "none of ours"}}),
                ("GET", "/v1/users", 422, {"params": {"limits": "3"}}),
                ("PATCH", "/v1/users/nobody", 404, {"json": {"display_name": "x"}}),
                ("PATCH", "/v1/users/nobody", 413, {"json": {"display_name": "x" * _JSON_BYTES}}),
                ("PATCH", "/v1/users/nobody", 415, {"content": b"{"}),
                ("GET", _NOBODY, 404, {}),
                ("DELETE", _NOBODY, 404, {}),
                ("DELETE", f"{_NOBODY}/photos/{_NO_ID}", 404, {}),
                ("GET", f"/v1/admin/jobs/{_NO_ID}/events", 404, {}),
                ("POST", "/v1/admin/reload", 404, {"json": {"bundle": "none"}}),
                ("POST", "/v1/admin/rollback", 409, {}),
                ("POST", "/v1/gallery/import", 422, {"files": {"file": b"not a gallery"}}),
                ("GET", "/v1/nothing", 404, {}),
                ("PUT", "/v1/users", 405, {}),
            )
        )
        return await self._http.request(method, path, **content), {expected}

    async def hang_up(self) -> Sent:
        """Sends some or all of a request, and is gone."""
        whole = self._material.request
        n_bytes = self._chance.choice((60, len(whole) // 2, len(whole)))
        _, writer = await asyncio.open_connection(*endpoint_of(self._service.url))
        writer.write(whole[:n_bytes])
        await writer.drain()
        await asyncio.sleep(self._chance.choice((0, 0.03)))
        writer.close()
        return None, set()

    async def _register_guest(self) -> Sent:
        self._visit_key = self._chance.randbytes(8).hex()
        return await self._register_guest_again()

    async def _register_guest_again(self) -> Sent:
        answer = await self._http.post(
            "/v1/users",
            data={"user_id": self._guest, "allow_duplicate": "true"},
            files=[("photos", photo) for photo in self._guest_photos[:REGISTERED]],
            headers={"Idempotency-Key": self._visit_key},
        )
        return answer, {201}

    async def _show_guest(self) -> Sent:
        return await self._http.get(f"/v1/users/{self._guest}"), {200}

    async def _rename_guest(self) -> Sent:
        changes = {"display_name": self._chance.randbytes(8).hex()}
        return await self._http.patch(f"/v1/users/{self._guest}", json=changes), {200}

    async def _add_photo(self) -> Sent:
        files = {"photos": self._guest_photos[REGISTERED]}
        answer = await self._http.post(f"/v1/users/{self._guest}/photos", files=files)
        if answer.is_success:
            self._added_photo = answer.json()["photos"][0]["photo_id"]
        return answer, {201}

    async def _identify_guest(self) -> Sent:
        files = {"photos": self._guest_photos[-1]}
        return await self._http.post("/v1/identify", files=files), {200}

    async def _delete_photo(self) -> Sent:
        path = f"/v1/users/{self._guest}/photos/{self._added_photo}"
        return await self._http.delete(path), {202, 204}

    async def _erase_guest(self) -> Sent:
        return await self._http.delete(f"/v1/users/{self._guest}"), {202, 204}

    async def _ask_for_erasure(self) -> Sent:
        return await self._http.get(f"/v1/users/{self._guest}/erasure"), {200}

    def _resident(self) -> tuple[str, list[bytes]]:
        return self._chance.choice(list(self._material.residents.items()))


MIX: dict[str, tuple[float, Callable[[Caller], Awaitable[Sent]]]] = {
    SMALL_FACE: (20, lambda of: of.identify("small")),
    "identify, a large face": (10, lambda of: of.identify("large", top_k="3")),
    "identify, WebP, TIFF, HEIC, AVIF": (2, lambda of: of.identify("other_formats")),
    "identify, 40 megapixels": (0.2, lambda of: of.identify("huge")),
    "identify, a crop": (5, lambda of: of.identify("crops", detect="false")),
    "identify, frames of one person": (1, Caller.identify_frames),
    "verify against a user": (3, Caller.verify_user),
    "verify two photos": (2, Caller.verify_photos),
    "the guest": (7, Caller.visit),
    "list users": (7, Caller.list_users),
    "show a user": (7, Caller.show_user),
    "rename a user": (2, Caller.rename_user),
    "health": (9, lambda of: of.look("/readyz", Authorization="")),
    "version": (3, lambda of: of.look("/version")),
    "description": (1, lambda of: of.look("/openapi.json")),
    "bundles": (0.3, lambda of: of.look("/v1/admin/bundles")),
    "export": (0.3, lambda of: of.look("/v1/gallery/export?crops=true")),
    "unknown key": (3, Caller.send_with_unknown_key),
    "no scope": (1, Caller.send_without_scope),
    "bad photo": (4, Caller.send_bad_photo),
    "bad request": (8, Caller.send_bad_request),
    "hang-up": (4, Caller.hang_up),
}
"""Weight and request, by kind."""


@asynccontextmanager
async def calling(
    service: Service, material: Material, number: int, seed: int
) -> AsyncIterator[Caller]:
    """Opens the connection of a caller.

    Args:
        service: Whom to ask.
        material: What to send.
        number: Which guest is this caller's.
        seed: Of the order.
    """
    headers = {"Authorization": f"Bearer {service.key}"}
    async with httpx.AsyncClient(
        base_url=service.url, headers=headers, timeout=_PATIENCE_S, trust_env=False
    ) as http:
        yield Caller(service, http, material, number, seed)
