"""Turns functions that build a call into client methods that send it."""

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args

from farsight_client.call import Call

P = ParamSpec("P")
T = TypeVar("T")


class Sends(Protocol):
    """A client that waits for the answer."""

    def send(self, call: Call[T]) -> T:
        """Sends a call and returns the answer."""


class SendsAsync(Protocol):
    """A client that can be awaited."""

    async def send(self, call: Call[T]) -> T:
        """See Sends."""


def method(build: Callable[P, Call[T]]) -> Callable[Concatenate[Sends, P], T]:
    """A method that sends what `build` makes of its arguments, with its documentation."""

    @wraps(build)
    def send(client: Sends, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(build(*args, **kwargs))

    send.__signature__ = _signature(build)  # type: ignore[attr-defined]  # what help() shows
    return send


def async_method(
    build: Callable[P, Call[T]],
) -> Callable[Concatenate[SendsAsync, P], Coroutine[Any, Any, T]]:
    """The same for asyncio."""

    @wraps(build)
    async def send(client: SendsAsync, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(build(*args, **kwargs))

    send.__signature__ = _signature(build)  # type: ignore[attr-defined]  # see method
    return send


def _signature(build: Callable[..., Call[object]]) -> inspect.Signature:
    """The method's signature: `self` first, and the answer instead of the call."""
    own = inspect.signature(build)
    (answer,) = get_args(own.return_annotation)
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return own.replace(parameters=[self, *own.parameters.values()], return_annotation=answer)
