"""What both clients know of connections: how long to wait, what to send along, when no proxy."""

import httpx

TIMEOUT_S = 120.0
"""For one attempt: a registration of twenty photos behind sixteen others."""

PAGE = 200
"""Users asked for at a time."""

PATIENCE_S = 30.0
"""Waiting after answers of 503 and 429, all together."""


def headers(key: str) -> dict[str, str]:
    """With the API key."""
    return {"Authorization": f"Bearer {key}"}


def is_elsewhere(url: str) -> bool:
    """Whether a proxy that the environment names may stand before the service."""
    return httpx.URL(url).host not in {"127.0.0.1", "localhost", "::1"}
