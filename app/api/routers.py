"""Routers of `/v1`: what all of them have in common."""

from fastapi import APIRouter

from app.api.deps import SHOWS_KEY_IN_OPENAPI, KeyedRoute
from app.api.problems import problems


def keyed_router(prefix: str, tag: str, route_class: type[KeyedRoute] = KeyedRoute) -> APIRouter:
    """For operations that need a key."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=route_class,
        dependencies=SHOWS_KEY_IN_OPENAPI,
        responses=problems(429),
    )
