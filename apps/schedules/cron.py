"""Times in cron's own form: minute, hour, day of month, month, day of week, in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from celery.schedules import ParseException, crontab_parser
from cron_descriptor import FormatException, MissingFieldException, Options, get_description
from cron_descriptor.Exception import WrongArgumentException

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_RANGES = ((60, 0), (24, 0), (31, 1), (12, 1), (7, 0))
_SEVEN = re.compile(r"(?<![/\d])7(?!\d)")  # as a day, not as a step
FURTHEST = timedelta(days=5 * 366)  # the 29th of February comes at last


@dataclass(frozen=True, slots=True)
class Cron:
    """The times at which something is due; `text` is what was written."""

    text: str
    zone: ZoneInfo
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def read(cls, text: str, zone: str) -> Cron:
        """Read the five fields. Raises: ConfigError: naming the one that cannot be."""
        parts = text.split()
        if len(parts) != len(FIELDS):
            message = (
                f"A schedule must have five fields: {', '.join(FIELDS)}. Got {len(parts)}. "
                "Write 0 3 * * 1 for each Monday at three."
            )
            raise ConfigError(message)
        sets = [
            _parsed(part, name, size, first)
            for part, name, (size, first) in zip(parts, FIELDS, _RANGES, strict=True)
        ]
        minutes, hours, days, months, weekdays = sets
        found = cls(
            " ".join(parts), zone_of(zone), tuple(sorted(minutes)), tuple(sorted(hours)),
            days, months, weekdays,
        )  # fmt: skip
        if next(found.after(datetime.now(UTC)), None) is None:
            message = f"A schedule must come due within five years. {text!r} never does. Change it."
            raise ConfigError(message)
        return found

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after a moment, in UTC and in their order.

        An hour that the clocks skip is made up for as they jump. One that comes twice counts
        once, unless every hour is meant.
        """
        local = moment.astimezone(self.zone)
        # A day back: near a change of the clocks a day's first times may lie before its own.
        day = local.date() - timedelta(days=1)
        last = moment
        while day <= (local + FURTHEST).date():
            if self._is_day(day.month, day.day, day.isoweekday() % 7):
                for at in self._times_of(datetime(day.year, day.month, day.day)):  # noqa: DTZ001
                    if at > last:
                        last = at
                        yield at
            day += timedelta(days=1)

    def between(self, first: datetime, until: datetime) -> tuple[datetime, int]:
        """Return the last time from `first`, itself one, up to `until`, and how many there are."""
        last, n_times = first, 1
        for at in self.after(first):
            if at > until:
                break
            last, n_times = at, n_times + 1
        return last, n_times

    def _is_day(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        of_month, of_week = self.text.split()[2], self.text.split()[4]
        fits = day in self.days, weekday in self.weekdays
        # As cron has it: with both named, either will do.
        is_either = not of_month.startswith("*") and not of_week.startswith("*")
        return any(fits) if is_either else all(fits)

    def _times_of(self, day: datetime) -> list[datetime]:
        is_each_hour = self.text.split()[1].startswith("*")
        folds = (0, 1) if is_each_hour else (0,)
        return sorted(
            {
                day.replace(hour=hour, minute=minute, fold=fold, tzinfo=self.zone).astimezone(UTC)
                for hour in self.hours
                for minute in self.minutes
                for fold in folds
            }
        )

    def in_words(self) -> str:
        """Return what it says: "At 03:00, only on Monday"."""
        options = Options()
        options.use_24hour_time_format = True
        try:
            return str(get_description(self.text, options))
        except (FormatException, MissingFieldException, WrongArgumentException):
            return self.text


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone. Raises: ConfigError: if there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = (
            f"A time zone must be one that is known. Got {name[:64]!r}. Write Europe/Berlin or UTC."
        )
        raise ConfigError(message) from error


def _parsed(part: str, name: str, size: int, first: int) -> frozenset[int]:
    try:
        if name == "day of week" and _SEVEN.search(part):
            # Sunday is 0 and 7: as a first day it begins the week, else it ends it.
            found = crontab_parser(size + 1, first).parse(part.replace("7-", "0-"))
            return frozenset(int(value) % size for value in found)
        return frozenset(int(value) for value in crontab_parser(size, first).parse(part))
    except (ParseException, ValueError, TypeError, KeyError) as error:
        message = (
            f"The {name} of a schedule must be a number from {first} to {size + first - 1}, a "
            f"range, a list or *. Got {part[:40]!r}. Correct it."
        )
        raise ConfigError(message) from error
