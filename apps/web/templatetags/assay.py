"""Template tags and filters of the product: blocks, icons, figures and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms, template
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_vite.core.asset_loader import DjangoViteAssetLoader
from django_vite.core.exceptions import DjangoViteAssetNotFoundError

from apps.web.navigation import Section, sections_for
from apps.web.states import State, state_of
from solutions.blocks import KINDS

if TYPE_CHECKING:
    from django.forms.boundfield import BoundField, BoundWidget
    from django.template.context import RequestContext

register = template.Library()

ABSENT = "\N{EN DASH}"
ICONS = "src/generated/icons.svg"
_FORMAT = re.compile(r"[+]?[,_]?(\.\d{1,2})?[defgs%]?")
MOST_OPAQUE = 0.6  # of the warmest cell; what lies below stays to be seen
_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")


# -- figures ---------------------------------------------------------------------------------------


@register.filter
def number(value: Any, spec: str = "") -> str:
    """Format a figure with thousands separators: `{{ 1754155|number:",.0f" }}`.

    `spec` is a Python format; without one a whole number keeps all its digits and others those
    that count. Text comes back as it is, nothing (None, NaN) as a dash.
    """
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ABSENT if math.isnan(value) else ("∞" if value > 0 else "-∞")
    return _formatted(value, spec or "")


def _formatted(value: float, spec: str) -> str:
    if not spec or not _FORMAT.fullmatch(spec):
        return _plain(value)
    try:
        return format(value, spec)
    except (ValueError, OverflowError):
        return _plain(value)


def _plain(value: float) -> str:
    if abs(value) >= 1e300:
        return f"{'-' if value < 0 else ''}10^{int(math.log10(abs(value)))}"
    if abs(value) >= 1e15:
        return f"{value:.6g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"


@register.filter
def bytes(value: float | None) -> str:  # noqa: A001  the name that templates read best
    """Format a size: `{{ 1536|bytes }}` is 1.5 kB. Steps of 1000, as disks and networks count."""
    if value is None:
        return ABSENT
    size, step = float(value), 0
    while abs(size) >= 999.5 and step < len(_BYTES) - 1:
        size, step = size / 1000, step + 1
    return (
        f"{size:.0f} {_BYTES[step]}" if step == 0 or size >= 99.5 else f"{size:.1f} {_BYTES[step]}"
    )


@register.filter
def duration(value: float | timedelta | None) -> str:
    """Format seconds as people say them: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    if value is None:
        return ABSENT
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not math.isfinite(seconds):
        return ABSENT
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for size, unit, small, small_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small
            return (
                f"{whole // size} {unit} {rest} {small_unit}" if rest else f"{whole // size} {unit}"
            )
    return f"{whole} s"


# -- times -----------------------------------------------------------------------------------------


@register.filter
def localtime_tag(value: datetime | str | None, style: str = "full") -> SafeString | str:
    """Show a moment; the browser turns it to its own zone and names the zone on hover.

    `style` is full, date, time, or ago ("3 minutes ago", kept fresh).
    """
    moment = parse_datetime(value) if isinstance(value, str) else value
    if moment is None:
        return ABSENT
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    words = moment.strftime({"date": "%Y-%m-%d", "time": "%H:%M:%S"}.get(style, "%Y-%m-%d %H:%M"))
    return format_html(
        '<time datetime="{}" data-time="{}" title="{}">{}</time>',
        moment.isoformat(),
        style,
        moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        words if style == "date" else f"{words} UTC",
    )


# -- states ----------------------------------------------------------------------------------------


@register.filter
def as_state(value: str) -> State:
    """Return how a state is shown: words, colour, icon."""
    return state_of(value)


@register.filter
def percent_of(done: float | None, total: float | None) -> float | None:
    """Return `done` of `total` in percent from 0 to 100, or `None` if the total is not known."""
    if not total or done is None:
        return None
    return min(100.0, max(0.0, 100.0 * done / total))


# -- icons and the front end -----------------------------------------------------------------------


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Draw an icon of Tabler's outline set: `{% icon "upload" %}`.

    Without `label` it is decoration and hidden from screen readers.
    """
    told = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="icon {}" {}><use href="{}#{}"></use></svg>',
        css,
        told if label else SafeString('aria-hidden="true"'),
        _asset_url(ICONS),
        re.sub(r"[^a-z0-9-]", "", name),
    )


@register.simple_tag
def front_end(entry: str) -> SafeString:
    """Load a built entry (`src/main.ts`) with its styles; nothing if there is no build yet."""
    try:
        return SafeString(DjangoViteAssetLoader.instance().generate_vite_asset(entry))
    except DjangoViteAssetNotFoundError:
        return SafeString("<!-- The front end is not built: npm run build in frontend/ -->")


@register.simple_tag
def front_end_url(entry: str) -> str:
    """Return the address of a built file, or nothing if there is no build yet."""
    return _asset_url(entry)


def _asset_url(entry: str) -> str:
    try:
        return str(DjangoViteAssetLoader.instance().generate_vite_asset_url(entry))
    except DjangoViteAssetNotFoundError:
        return ""


@register.simple_tag(takes_context=True)
def navigation(context: RequestContext) -> list[Section]:
    """Return the side bar for the person who asks."""
    request = context.get("request")
    return sections_for(request.user) if request is not None and hasattr(request, "user") else []


@register.simple_tag(takes_context=True)
def is_current(context: RequestContext, entry: Any) -> bool:
    """Say whether an entry of the side bar is the page being shown."""
    request = context.get("request")
    return request is not None and bool(entry.is_current(request.path))


# -- forms -----------------------------------------------------------------------------------------

_CONTROLS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


@register.filter
def control(field: BoundField) -> SafeString:
    """Draw the control of a form field with the classes of the look, tied to its errors."""
    css = next(css for kind, css in _CONTROLS if isinstance(field.field.widget, kind))
    own = field.field.widget.attrs.get("class", "")
    attrs: dict[str, str | bool] = {
        "class": " ".join(filter(None, (css, own, "is-invalid" if field.errors else "")))
    }
    return SafeString(field.as_widget(attrs=attrs))


@register.filter
def choices_of(field: BoundField) -> list[BoundWidget]:
    """Return the boxes of a field of choices, each with its label."""
    field.field.widget.attrs.setdefault("class", "form-check-input")
    return field.subwidgets


@register.filter
def widget_kind(field: BoundField) -> str:
    """Return the lower-case class name of a field's widget."""
    return type(field.field.widget).__name__.lower()


# -- pages of lists --------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def page_url(context: RequestContext, page: int, key: str = "page") -> str:
    """Return the query of this page with another page number; filters are kept."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else None
    if query is None:
        return f"?{key}={page}"
    query[key] = str(page)
    return f"?{query.urlencode()}"


@register.filter
def page_numbers(page_obj: Any) -> Iterator[int | str]:
    """Yield the page numbers to offer, with an ellipsis where some are left out."""
    found: Iterator[int | str] = page_obj.paginator.get_elided_page_range(
        page_obj.number, on_each_side=1, on_ends=1
    )
    return found


# -- blocks of a report ----------------------------------------------------------------------------


@register.simple_tag
def render_block(block: Mapping[str, Any]) -> SafeString:
    """Draw one block of a report with `web/blocks/<kind>.html`."""
    kind = block.get("kind", "")
    if kind not in KINDS:
        return format_html('<div class="card card-body">{}</div>', "Unknown block")
    block_id = f"block-{uuid4().hex[:12]}"
    context = {"block": finite(block), "block_id": block_id, "data_id": f"{block_id}-data"}
    return render_to_string(f"web/blocks/{kind}.html", context)


@register.filter
def heat_cells(block: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the cells of a picture's heat in its pixels, the cold ones left out."""
    rows = block.get("heat") or []
    if not rows or not rows[0]:
        return []
    width, height = block["width"] / len(rows[0]), block["height"] / len(rows)
    return [
        {
            "x": f"{column * width:.2f}", "y": f"{row * height:.2f}", "width": f"{width:.2f}",
            "height": f"{height:.2f}", "opacity": f"{MOST_OPAQUE * heat**2:.3f}",
        }
        for row, cells in enumerate(rows)
        for column, heat in enumerate(cells)
        if heat > 0.02
    ]  # fmt: skip


@register.filter
def svg_regions(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the boxes of a picture with numbers as SVG writes them, whatever the language."""
    sizes = ("x", "y", "width", "height", "confidence")
    return [
        {
            **region,
            **{name: f"{region[name]:.3f}" for name in sizes},
            "percent": f"{region['confidence']:.0%}",
        }
        for region in block.get("regions") or []
    ]


@register.inclusion_tag("web/components/report.html")
def render_report(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Draw all blocks of a report: figures in a row, small charts side by side, tables wide."""
    rows = []
    for shape, run in groupby(blocks, key=_shape):
        of_shape = list(run)
        widths = [_width(shape, index, len(of_shape)) for index in range(len(of_shape))]
        rows.append([{"block": b, "width": w} for b, w in zip(of_shape, widths, strict=True)])
    return {"rows": rows}


def _shape(block: Mapping[str, Any]) -> str:
    shapes = {"number": "figure", "chart": "half", "reasons": "half"}
    return shapes.get(str(block.get("kind")), "full")


def _width(shape: str, index: int, count: int) -> str:
    if shape == "figure":
        return {1: "col-12", 2: "col-6", 3: "col-6 col-lg-4"}.get(count, "col-6 col-lg-4 col-xl")
    is_alone = count % 2 == 1 and index == count - 1
    return "col-12 col-xl-6" if shape == "half" and not is_alone else "col-12"


def finite(value: Any) -> Any:
    """Return plain data that JSON can say: NaN and infinity become `None`."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


@register.filter
def table_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table block as heads and rows of cells; columns of figures are set to the right."""
    names = list(block.get("columns") or ())
    rows = list(block.get("rows") or ())
    formats = [*(block.get("formats") or ()), *[""] * len(names)][: len(names)]
    figures = [any(_is_figure(row[index]) for row in rows) for index in range(len(names))]
    return {
        "heads": [{"text": n, "is_figure": f} for n, f in zip(names, figures, strict=True)],
        "rows": [
            [
                {"text": number(value, spec), "is_figure": is_figure}
                for value, spec, is_figure in zip(row, formats, figures, strict=False)
            ]
            for row in rows
        ],
    }


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@register.filter
def chart_rows(block: Mapping[str, Any], limit: int = 200) -> list[tuple[str, Any, Any]]:
    """Return a chart as rows (series, x, y), for those who cannot see it."""
    rows: list[tuple[str, Any, Any]] = []
    for series in block.get("series") or ():
        points = zip(series.get("x") or (), series.get("y") or (), strict=False)
        rows.extend((series.get("name", ""), x, y) for x, y in points)
        if len(rows) >= limit:
            break
    return rows[:limit]


@register.filter
def reason_bars(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return reasons with the length of their bar in percent of the strongest one."""
    reasons = list(block.get("reasons") or ())
    weights = [abs(reason.get("weight") or 0.0) for reason in reasons]
    strongest = max(weights, default=0.0) or 1.0
    return [
        {
            **reason,
            "share": round(100 * weight / strongest),
            "raises": (reason.get("weight") or 0) > 0,
        }
        for reason, weight in zip(reasons, weights, strict=True)
    ]
