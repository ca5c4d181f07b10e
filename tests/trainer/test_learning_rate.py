"""The learning rate over a run."""

import pytest

from trainer.loop import learning_rate


def test_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [learning_rate(step, 1000, 50) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 50)
    assert max(rates) == rates[50] == 1.0
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] < 1e-5


def test_short_run_does_not_spend_itself_warming_up() -> None:
    assert [learning_rate(step, 20, 100) for step in range(2)] == [0.5, 1.0]
