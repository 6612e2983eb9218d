"""Turn what files hold into what a schema means: numbers, moments, names and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ml_core.data.labels.box import from_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_core.data.schema import Kind

NOTHING = ("", "na", "n/a", "nan", "nat", "null", "none", "\\n", "-")
"""Words that stand for no value; they do not for names, where "NA" may be a country."""

_DAY_FIRST = tuple(
    f"%d{sep}%m{sep}%Y{clock}"
    for sep in ("/", ".", "-")
    for clock in (" %H:%M:%S%.f", " %H:%M", "")
)
_MONTH_FIRST = tuple(
    f"%m/%d/%Y{clock}" for clock in (" %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "")
)
TIME_STYLES = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d",
    "%Y%m%d",
    *_DAY_FIRST,
    *_MONTH_FIRST,
    "epoch",
)
COMMA = "decimal comma"

_TRUE = ("1", "1.0", "true", "t", "yes", "y")
_FALSE = ("0", "0.0", "false", "f", "no", "n")
# Thousands in groups of three with dots, or none; then a comma. "1.5" fits neither and is refused
# rather than read as fifteen.
_COMMA_NUMBER = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
# Units of an epoch by size. Below the first bound (March 1973 in seconds) a count is no date: it
# is more likely counted from the start of the file.
_EPOCHS = ((1e8, 0), (1e11, 1_000_000), (1e14, 1_000), (1e17, 1), (1e20, -1_000))
_STYLE_SAMPLE = 5_000
_CALENDAR_S = (-62_135_510_400, 253_402_214_400)  # a day within both ends, for any time zone


def settle(kind: Kind, values: pl.Series) -> str:
    """Find out from the first rows how a column is written; the answer holds for the file."""
    if values.dtype != pl.String or kind not in ("number", "time"):
        return ""
    known = values.drop_nulls()
    sample = known.gather_every(max(1, known.len() // _STYLE_SAMPLE)).str.strip_chars()
    sample = sample.filter(~sample.str.to_lowercase().is_in(NOTHING))
    if kind == "number":
        plain = sample.cast(pl.Float64, strict=False).is_not_null().sum()
        with_comma = sample.str.contains(_COMMA_NUMBER).sum()
        return COMMA if with_comma > plain else ""
    return _best_time_style(sample)


def _best_time_style(sample: pl.Series) -> str:
    best, most = TIME_STYLES[0], 0
    for style in TIME_STYLES:
        n_read = int(_read_time(sample, style).is_not_null().sum())
        if n_read > most:
            best, most = style, n_read
        if most == sample.len():
            break
    return best


def is_ambiguous(style: str) -> bool:
    """Tell whether a style of dates could also be read with day and month exchanged."""
    return style in _DAY_FIRST and "/" in style


def cast(kind: Kind, values: pl.Series, style: str = "") -> pl.Series:
    """Return the values as the kind demands; what cannot be read becomes null."""
    return _CASTS[kind](values, style)


def unreadable(kind: Kind, raw: pl.Series, read: pl.Series) -> pl.Series:
    """Mark the rows that hold something which could not be read, words for nothing excepted."""
    lost = read.is_null() & raw.is_not_null()
    if not lost.any():
        return lost
    if raw.dtype == pl.String:
        blank = NOTHING if kind in ("number", "time", "flag") else ("",)
        return lost & ~raw.str.strip_chars().str.to_lowercase().is_in(blank)
    return lost & ~raw.is_nan() if raw.dtype.is_float() else lost


def _number(values: pl.Series, style: str) -> pl.Series:
    if values.dtype == pl.String:
        values = values.str.strip_chars()
        if style == COMMA:
            values = values.set(~values.str.contains(_COMMA_NUMBER), None)
            values = values.str.replace_all(".", "", literal=True)
            values = values.str.replace(",", ".", literal=True)
    elif not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        return pl.Series(values.name, [None] * values.len(), pl.Float64)
    read = values.cast(pl.Float64, strict=False)
    return read.set(~read.is_finite(), None)


def _time(values: pl.Series, style: str) -> pl.Series:
    if values.dtype == pl.Date:
        values = values.cast(pl.Datetime("ms"))
    if isinstance(values.dtype, pl.Datetime):
        values = _in_calendar(values)
        if values.dtype.time_zone is not None:  # type: ignore[attr-defined]
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _in_calendar(values.cast(pl.Datetime("us")))
    if values.dtype == pl.String:
        return _in_calendar(_read_time(values.str.strip_chars(), style))
    if values.dtype.is_numeric():
        return _in_calendar(_epoch(values.cast(pl.Float64, strict=False)))
    return pl.Series(values.name, [None] * values.len(), pl.Datetime("us"))


def _in_calendar(moments: pl.Series) -> pl.Series:
    """Empty what lies outside the years 1 to 9999, which Python's calendar cannot say."""
    per_s = {"ms": 1_000, "us": 1_000_000}.get(moments.dtype.time_unit)  # type: ignore[attr-defined]
    if per_s is None:
        return moments  # nanoseconds end at the year 2262
    first, last = (bound * per_s for bound in _CALENDAR_S)
    return moments.set(~moments.to_physical().is_between(first, last), None)


def _read_time(texts: pl.Series, style: str) -> pl.Series:
    if style == "epoch":
        return _epoch(texts.cast(pl.Float64, strict=False))
    read = texts.str.to_datetime(style, strict=False, time_unit="us")
    return read.dt.replace_time_zone(None) if read.dtype.time_zone else read  # type: ignore[attr-defined]


def _epoch(counts: pl.Series) -> pl.Series:
    """Read seconds, milli-, micro- or nanoseconds since 1970, told apart by their size."""
    typical = counts.abs().median()
    if not isinstance(typical, float):
        return counts.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    factor = next((factor for bound, factor in _EPOCHS if typical < bound), 0)
    if factor == 0:
        return pl.Series(counts.name, [None] * counts.len(), pl.Datetime("us"))
    scaled = counts * factor if factor > 0 else counts / -factor
    scaled = scaled.set(scaled.abs() > 1e18, None)
    return scaled.round(0).cast(pl.Int64, strict=False).cast(pl.Datetime("us"))


def _name(values: pl.Series, _style: str) -> pl.Series:
    if values.dtype.is_float():
        # A column of whole numbers with gaps often comes as decimals: 123.0 is the name "123".
        whole = values.cast(pl.Int64, strict=False)
        values = whole.set((whole.cast(pl.Float64) != values).fill_null(value=True), None)
    elif values.dtype == pl.Binary or values.dtype.is_nested():
        return pl.Series(values.name, [None] * values.len(), pl.String)
    texts = values.cast(pl.String, strict=False).str.strip_chars()
    return texts.set(texts == "", None)


def _flag(values: pl.Series, _style: str) -> pl.Series:
    if values.dtype == pl.String:
        words = values.str.strip_chars().str.to_lowercase()
        yes, no = words.is_in(_TRUE), words.is_in(_FALSE)
    elif values.dtype.is_numeric() or values.dtype == pl.Boolean:
        counts = values.cast(pl.Float64, strict=False)
        yes, no = counts == 1, counts == 0
    else:
        return pl.Series(values.name, [None] * values.len(), pl.Int8)
    read = yes.fill_null(value=False).cast(pl.Int8)
    return read.set(~(yes | no).fill_null(value=False), None)


def _boxes(values: pl.Series, style: str) -> pl.Series:
    """Keep lists of boxes as the text that they are; what is none becomes empty."""
    return _name(values, style).map_elements(_boxes_or_none, pl.String)


def _boxes_or_none(cell: str) -> str | None:
    try:
        return None if from_text(cell) is None else cell
    except ValueError:
        return None


_CASTS: dict[Kind, Callable[[pl.Series, str], pl.Series]] = {
    "number": _number,
    "time": _time,
    "id": _name,
    "category": _name,
    "text": _name,
    "flag": _flag,
    "image": _name,
    "audio": _name,
    "boxes": _boxes,
}
