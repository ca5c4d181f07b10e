"""What both clients know about connections: waiting times, headers, proxies."""

import httpx

TIMEOUT_S = 120.0
"""For one attempt: a registration of twenty photos behind sixteen others."""

PATIENCE_S = 30.0
"""Total waiting time after 503 and 429."""

KEY_VARIABLE = "FARSIGHT_API_KEY"
"""The environment variable in which commands look for a key."""


def address(url: str) -> httpx.URL:
    """The service's checked address.

    Raises:
        ValueError: It is malformed.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is not an address: {error}.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"{url!r} is not an address starting with http:// or https://.")
    return parsed


def headers(key: str | None) -> dict[str, str]:
    """The headers with the API key.

    Raises:
        ValueError: The key is malformed.
    """
    if key is None:
        return {}
    if not (key and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "The key is empty, or contains spaces or other characters that no key has."
        )
    return {"Authorization": f"Bearer {key}"}


def is_elsewhere(url: str) -> bool:
    """Whether to use a proxy that the environment names."""
    return httpx.URL(url).host not in {"127.0.0.1", "localhost", "::1"}
