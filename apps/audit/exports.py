"""The trail as a file to take away, streamed: CSV for spreadsheets, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from django.http import Http404, StreamingHttpResponse

from apps.audit import search
from apps.audit.services import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from apps.accounts.models import User
    from apps.audit.models import AuditEvent

COLUMNS = (
    "sequence", "at", "actor", "team", "action", "thing_type", "thing_id", "thing", "summary",
    "erased_at", "payload_digest", "previous_hash", "hash",
)  # fmt: skip
_PER_PIECE = 500
# What a spreadsheet takes for a formula, or for the start of one after white space.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")


def answer(user: User, asked: Mapping[str, Any], form: str) -> StreamingHttpResponse:
    """Return all events that fit a search as a file; taking them away is recorded first.

    Raises: Http404: for another form than csv and jsonl.
    """
    if form not in _FORMS:
        raise Http404
    pieces, content_type = _FORMS[form]
    told = {name: str(value) for name, value in asked.items() if value}
    # What is recorded comes last in the chain, and is itself not in the file.
    last = record("audit.exported", actor=user, form=form, filters=told).sequence
    events = search.find(user, asked).filter(sequence__lt=last).order_by("sequence")
    rows = map(_row, events.select_related("team").iterator(chunk_size=_PER_PIECE))
    response = StreamingHttpResponse(pieces(rows), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-to-{last - 1}.{form}"'
    return response


def csv_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield rows as CSV that no spreadsheet runs as a formula."""
    yield from _in_pieces(_csv_texts(rows))


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield one JSON object a line."""
    yield from _in_pieces(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv_texts(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for row in rows:
        summary = json.dumps(row["summary"], ensure_ascii=False)
        writer.writerow([_safe(value) for value in {**row, "summary": summary}.values()])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _in_pieces(texts: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    for text in texts:
        held.append(text)
        if len(held) >= _PER_PIECE:
            yield "".join(held).encode()
            held.clear()
    yield "".join(held).encode()


def _row(event: AuditEvent) -> dict[str, Any]:
    values = (
        event.sequence, event.at.isoformat(), event.actor_label,
        str(event.team) if event.team else "", event.action, event.thing_type, event.thing_id,
        event.thing_label, event.summary, event.erased_at and event.erased_at.isoformat(),
        event.payload_digest, event.previous_hash, event.hash,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


_FORMS: dict[str, tuple[Callable[[Iterable[dict[str, Any]]], Iterator[bytes]], str]] = {
    "csv": (csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (json_lines, "application/x-ndjson"),
}
