"""Guessing gets slower, never impossible for good."""

from __future__ import annotations

import pytest

from labelkit.access import ADDRESS, DEVICE, NAME, Slowdown, network


@pytest.mark.parametrize("rule", [NAME, ADDRESS, DEVICE])
def test_the_wait_doubles_up_to_a_bound(rule: Slowdown) -> None:
    waits = [rule.wait(failures, 0.0) for failures in range(2000)]
    assert waits[: rule.free] == [0.0] * rule.free
    assert waits[rule.free : rule.free + 4] == [1.0, 2.0, 4.0, 8.0]
    assert waits == sorted(waits) and waits[-1] == rule.longest


@pytest.mark.parametrize("rule", [NAME, ADDRESS, DEVICE])
def test_time_that_has_passed_counts_and_all_is_forgotten(rule: Slowdown) -> None:
    assert rule.wait(rule.free + 3, 5.0) == 3.0
    assert rule.wait(rule.free + 3, 8.0) == 0.0
    assert rule.wait(10**6, rule.longest) == 0.0
    assert rule.wait(10**6, rule.memory + 1) == 0.0


def test_guesses_a_day_at_one_name_stay_few() -> None:
    seconds, failures = 0.0, 0
    while seconds < 86_400:
        seconds += NAME.wait(failures, 0.0)
        failures += 1
    assert failures < 1500


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 500, "x" * 100),
    ],
)
def test_what_of_an_address_is_counted(address: str, counted: str) -> None:
    assert network(address) == counted
