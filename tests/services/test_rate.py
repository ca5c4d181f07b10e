"""How much somebody may want in a minute."""

import pytest

from app.errors import RateLimitedError
from app.services.rate import Rate


def test_more_is_refused_when_the_minute_is_used_up() -> None:
    rate = Rate(3, "requests")
    for remaining in (2, 1, 0):
        rate.spend("a")
        assert rate.left("a").remaining == remaining
    with pytest.raises(RateLimitedError) as refused:
        rate.spend("a")
    assert 19 <= int(str(refused.value.facts["retry_after_s"])) <= 20
    assert rate.left("a").reset_s == 60
    rate.spend("b", 3)  # everybody has their own
    assert rate.left("nobody").remaining == 3


def test_nothing_is_taken_when_it_is_refused() -> None:
    rate = Rate(10, "photos")
    rate.spend("a", 8)
    with pytest.raises(RateLimitedError):
        rate.spend("a", 3)
    rate.spend("a", 2)


def test_what_is_used_up_grows_back_bit_by_bit() -> None:
    rate = Rate(6000, "requests")
    rate.spend("a", 6000)
    refused = 0
    while True:
        try:
            rate.spend("a")
        except RateLimitedError:
            refused += 1
        else:
            break
    assert refused > 0


def test_memory_is_bounded_when_everybody_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.rate._MOST_PARTIES", 10)
    rate = Rate(1, "requests")
    for number in range(100):
        rate.spend(str(number))
    assert rate.left("0").remaining == 1  # forgotten
    assert rate.left("99").remaining == 0


def test_share_is_granted_when_there_are_several_processes() -> None:
    processes = 2
    rate = Rate(10, "requests", lambda: processes)
    for remaining in (4, 3, 2, 1, 0):
        rate.spend("a")
        assert rate.left("a").remaining == remaining
    with pytest.raises(RateLimitedError):
        rate.spend("a")
    processes = 1  # the other one has died
    rate.spend("b", 6)


def test_request_up_to_the_limit_passes_when_nothing_is_used_and_is_paid_back() -> None:
    rate = Rate(20, "photos", lambda: 2)
    with pytest.raises(RateLimitedError):
        rate.spend("a", 21)
    rate.spend("a", 20)
    assert rate.left("a").remaining == 0
    assert rate.left("a").reset_s == 120
    with pytest.raises(RateLimitedError):
        rate.spend("a")
