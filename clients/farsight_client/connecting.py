"""What both clients know of connections: how long to wait, what to send along, when no proxy."""

import httpx

TIMEOUT_S = 120.0
"""For one attempt: a registration of twenty photos behind sixteen others."""

PATIENCE_S = 30.0
"""Waiting after answers of 503 and 429, all together."""

KEY_VARIABLE = "FARSIGHT_API_KEY"
"""The environment variable in which commands look for a key."""


def address(url: str) -> httpx.URL:
    """Where the service answers.

    Raises:
        ValueError: No service can be there.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is not an address: {error}.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"{url!r} is not an address that begins with http:// or https://.")
    return parsed


def headers(key: str | None) -> dict[str, str]:
    """With the API key.

    Raises:
        ValueError: No key looks like this.
    """
    if key is None:
        return {}
    if not (key and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("The key is empty, or has spaces or characters that no key has.")
    return {"Authorization": f"Bearer {key}"}


def is_elsewhere(url: str) -> bool:
    """Whether a proxy that the environment names may stand before the service."""
    return httpx.URL(url).host not in {"127.0.0.1", "localhost", "::1"}
