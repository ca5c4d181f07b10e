"""`/v1/admin`: who may call the service, and who did what."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Body, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from app.api.deps import AdminCaller, RowsDep
from app.api.problems import problems
from app.api.routers import keyed_router
from app.api.schemas import Answer, GroupNames, PageParams
from app.services.audit import read_events
from app.services.keys import Scope

router = keyed_router("/v1/admin", "admin")


def _text(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise ValueError("must be text, such as 2027-01-31T12:00:00Z")
    return value


class KeySchema(Answer):
    """A key without its secret."""

    id: str = Field(description="Its public half")
    scopes: list[Scope]
    groups: list[str] | None = Field(
        description="The key reaches only users in one of these; null for all users"
    )
    label: str
    created_at: datetime
    last_used_at: datetime | None = Field(description="To within ten minutes")
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyListSchema(BaseModel):
    """All keys, revoked ones included, oldest first."""

    items: list[KeySchema]
    next_cursor: str | None = Field(description="Always null: there is one page")


class NewKeySchema(BaseModel):
    """What a new key is for."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    label: str = Field("", max_length=100, description="Who or what it is for")
    groups: GroupNames = Field(
        [],
        description="Bind the key to these: it sees and names only users who are in one of them, "
        "and changes only users who are in no other. Empty: it reaches all users. Not with the "
        "scope admin",
    )
    expires_at: Annotated[AwareDatetime | None, BeforeValidator(_text)] = Field(
        None, description="When it expires; null for never"
    )


class CreatedKeySchema(BaseModel):
    """A new key, shown only this once."""

    key: str


class EventSchema(Answer):
    """Who did what to whom."""

    at: datetime
    actor: str = Field(description="A key's id, or `command-line`")
    action: str = Field(description="Such as `user.erased`")
    subject: str
    # Any: figures, by the kind of action.
    detail: dict[str, Any]


class EventPageSchema(Answer):
    """One page of the audit log, newest first."""

    items: list[EventSchema]
    next_cursor: str | None = Field(description="For the next page; null on the last one")


@router.get("/keys", responses=problems(401, 403, 422, 503))
async def list_keys(
    rows: RowsDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
) -> KeyListSchema:
    """Lists all keys, without their secrets."""
    keys = await rows.keys.every()
    return KeyListSchema(items=[KeySchema.model_validate(key) for key in keys], next_cursor=None)


@router.post(
    "/keys", status_code=201, responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 507)
)
async def create_key(
    rows: RowsDep, caller: AdminCaller, wanted: Annotated[NewKeySchema, Body()]
) -> CreatedKeySchema:
    """Creates a key. It cannot be shown again."""
    return CreatedKeySchema(
        key=await rows.keys.create(
            wanted.scopes, wanted.label, caller.key_id, wanted.expires_at, wanted.groups
        )
    )


@router.delete(
    "/keys/{key_id}",
    status_code=204,
    response_model=None,
    responses=problems(401, 403, 404, 409, 422, 503, 507),
)
async def revoke_key(
    rows: RowsDep,
    caller: AdminCaller,
    key_id: str,
    even_last: Annotated[
        bool, Query(description="Even if no other key has the scope admin")
    ] = False,
) -> None:
    """Revokes a key, from the next request on."""
    await rows.keys.revoke(key_id, caller.key_id, even_last=even_last)


@router.get("/events", responses=problems(401, 403, 422, 503))
async def list_events(
    rows: RowsDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
    wanted: Annotated[PageParams, Query()],
) -> EventPageSchema:
    """Lists the audit log, newest first."""
    return EventPageSchema.model_validate(
        await read_events(rows.sessions, wanted.cursor, wanted.limit)
    )
