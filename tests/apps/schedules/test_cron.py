"""Times of schedules, also where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from apps.schedules.cron import Cron
from ml_core.errors import ConfigError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, zone: str, after: str, count: int = 3) -> list[str]:
    found = islice(Cron.read(cron, zone).after(at(after)), count)
    return [moment.strftime("%m-%d %H:%M") for moment in found]


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 3 * * 1", "2026-11-25T00:00", ["11-30 03:00", "12-07 03:00", "12-14 03:00"]),
        ("*/20 8-9 * * *", "2026-11-25T08:30", ["11-25 08:40", "11-25 09:00", "11-25 09:20"]),
        ("0 0 29 2 *", "2026-11-25T00:00", ["02-29 00:00"]),
        # With both days named either will do, as cron has it.
        ("0 3 1 * mon", "2026-11-25T00:00", ["11-30 03:00", "12-01 03:00", "12-07 03:00"]),
        ("0 3 * * 1", "2026-11-30T03:00", ["12-07 03:00", "12-14 03:00", "12-21 03:00"]),
    ],
)
def test_times_come_in_their_order_after_the_moment(cron, after, expected):
    assert times(cron, "UTC", after, len(expected)) == expected


def test_an_hour_that_the_clocks_skip_is_made_up_for_once():
    # Berlin goes from 02:00 to 03:00 on the 29th of March: 02:30 is 03:30, 01:30 UTC.
    found = times("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00")

    assert found == ["03-28 01:30", "03-29 01:30", "03-30 00:30"]


def test_an_hour_that_comes_twice_counts_once():
    found = times("30 2 * * *", "Europe/Berlin", "2026-10-23T12:00")

    assert found == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


def test_each_hour_is_each_hour_also_when_one_comes_twice_or_is_skipped():
    autumn = times("0 * * * *", "Europe/Berlin", "2026-10-24T23:00", 4)
    spring = times("0 * * * *", "Europe/Berlin", "2026-03-28T23:00", 4)

    assert autumn == ["10-25 00:00", "10-25 01:00", "10-25 02:00", "10-25 03:00"]
    assert spring == ["03-29 00:00", "03-29 01:00", "03-29 02:00", "03-29 03:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * * * funday", "day of week"),
        ("*/0 * * * *", "minute"),
        ("0 0 31 2 *", "never does"),
        ("0 0 * * " + "1" * 5000, "day of week"),
        ("'; DROP TABLE x; -- 1", "minute"),
        ("\N{ARABIC-INDIC DIGIT THREE}0 * * *", "five fields"),
    ],
)
def test_what_cannot_be_is_named(text, words):
    with pytest.raises(ConfigError, match=words):
        Cron.read(text, "UTC")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0 3 * * 7", "0 3 * * 0"),
        ("0 3 * * 5-7", "0 3 * * 5,6,0"),
        ("0 3 * * 7-2", "0 3 * * 0-2"),
        ("0 3 * * 7-4/2", "0 3 * * 0,2,4"),
        ("0 3 * * 1,7", "0 3 * * 0,1"),
        ("0 3 * * */7", "0 3 * * 0"),
        ("0 3 * * 1-7", "0 3 * * 0-6"),
        ("0 3 * * MON-FRI", "0 3 * * 1-5"),
        ("0 3 1 JAN *", "0 3 1 1 *"),
        ("0 3 1 jan-mar,Dec *", "0 3 1 1,2,3,12 *"),
    ],
)
def test_sunday_is_seven_too_and_names_are_known(text, same):
    one, other = Cron.read(text, "UTC"), Cron.read(same, "UTC")

    assert (one.months, one.weekdays) == (other.months, other.weekdays)


@pytest.mark.parametrize("text", ["0 3 * * 8", "0 3 * * 7-9", "0 7 * 7 77", "0 3 1 winter *"])
def test_other_days_and_words_are_refused(text):
    with pytest.raises(ConfigError):
        Cron.read(text, "UTC")


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../../etc/passwd", "/etc/localtime"])
def test_a_zone_must_be_known(zone):
    with pytest.raises(ConfigError, match="time zone"):
        Cron.read("0 3 * * 1", zone)


def test_missed_times_are_counted_up_to_now():
    cron = Cron.read("0 3 * * *", "UTC")

    assert cron.between(at("2026-11-20T03:00"), at("2026-11-25T02:00")) == (
        at("2026-11-24T03:00"),
        5,
    )


def test_it_says_what_it_means():
    assert Cron.read("0 3 * * 1", "UTC").in_words() == "At 03:00, only on Monday"
    assert Cron.read("0 3 * * 7", "UTC").in_words() == "At 03:00, only on Sunday"
