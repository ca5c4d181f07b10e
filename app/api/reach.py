"""Which users a key reaches: all, or those in the groups that it is bound to."""

from typing import Annotated

from fastapi import Depends, Path, Request

from app.api.deps import RowsDep
from app.api.schemas import UserId
from app.services.keys import Caller

_InPath = Annotated[UserId, Path()]


async def _seen(rows: RowsDep, request: Request, user_id: _InPath) -> str:
    await rows.users.require_reach(user_id, _caller(request).groups, change=False)
    return user_id


async def _changed(rows: RowsDep, request: Request, user_id: _InPath) -> str:
    await rows.users.require_reach(user_id, _caller(request).groups, change=True)
    return user_id


async def _erased(rows: RowsDep, request: Request, user_id: _InPath) -> str:
    caller = _caller(request)
    await rows.users.require_reach_or_erased(user_id, caller.groups, caller.key_id)
    return user_id


def _caller(request: Request) -> Caller:
    caller = request.state.caller  # KeyedRoute has set it
    assert isinstance(caller, Caller)
    return caller


SeenUserId = Annotated[str, Depends(_seen)]
"""The id of a user whom the caller may know."""
ChangedUserId = Annotated[str, Depends(_changed)]
"""The id of a user whom the caller may also change: one in no group beyond the key's."""
ErasedUserId = Annotated[str, Depends(_erased)]
"""The id of a user whom the caller may know, or has erased."""
