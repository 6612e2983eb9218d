"""Files that cannot be used: each is refused with its reason, and nothing is left of it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from apps.accounts.services import make_key
from apps.datasets.exports import csv_pieces
from apps.datasets.models import Dataset, DatasetVersion
from apps.jobs.models import Job
from tests.apps.datasets.tables import HEADER, blobs, csv, frame, parquet, rows


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("welds.csv", csv())
    return out.getvalue()


def twice_named() -> bytes:
    table = pa.table([pa.array([1]), pa.array([2])], names=["time", "time"])
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def without_rows() -> bytes:
    out = io.BytesIO()
    frame(3).head(0).write_parquet(out)
    return out.getvalue()


WIDE = ",".join(f"c{i}" for i in range(2_500))
REFUSED_AT_ONCE = {
    "empty": (b"", "w.csv", "Got an empty file"),
    "blank lines": (b"\n\n  \n", "w.csv", "Got an empty file"),
    "header only": (csv([]), "w.csv", "Got a header only"),
    "wrong delimiter": (csv().replace(b",", b"#"), "w.csv", "separated by comma"),
    "latin-1": (csv([*rows(), "Münze,x,x,x,x,x"]).decode().encode("latin-1"), "w.csv", "at byte"),
    "utf-16": (csv().decode().encode("utf-16"), "w.csv", "NUL byte at byte"),
    "zip named csv": (zipped(), "w.csv", "Got a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08\x00\x00", "w.csv", "Got a gzip archive"),
    "nul in text": (csv().replace(b"w3,", b"w\x003,"), "w.csv", "NUL byte at byte"),
    "twice named": (csv(header=HEADER.replace("force_kn", "time")), "w.csv", "'time' twice"),
    "huge header": (b"x" * 300_000, "w.csv", "longer first line"),
    "too many columns": (f"{WIDE}\n{WIDE}\n".encode(), "w.csv", "at most 2,000 columns"),
    "no header": ("\n".join(rows()).replace("w", "").replace("e", "").encode(), "w.csv", "values"),
    "truncated parquet": (parquet()[:-20], "w.parquet", "cut short or damaged"),
    "damaged parquet": (b"PAR1" + b"\x00" * 500 + b"PAR1", "w.parquet", "cut short or damaged"),
    "csv named parquet": (csv(), "w.parquet", "must begin with PAR1"),
    "parquet without rows": (without_rows(), "w.parquet", "Got columns only"),
    "parquet, twice named": (twice_named(), "w.parquet", "one name twice"),
}


@pytest.mark.parametrize("case", REFUSED_AT_ONCE)
def test_the_upload_page_tells_why_and_keeps_nothing(case, upload):
    content, filename, reason = REFUSED_AT_ONCE[case]

    answer = upload(content, filename)

    assert answer.status_code == 422
    assert reason in answer.content.decode().replace("&#x27;", "'")
    assert (Dataset.objects.count(), blobs()) == (0, [])


@pytest.mark.parametrize("case", REFUSED_AT_ONCE)
def test_rest_tells_why_and_keeps_nothing(case, api_upload):
    content, filename, reason = REFUSED_AT_ONCE[case]

    answer = api_upload(content, filename)

    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert reason in answer.json()["detail"]
    assert (Dataset.objects.count(), blobs()) == (0, [])


def changed(row: int, column: str, value: str) -> bytes:
    """Return a good file with one cell exchanged; rows count from 1."""
    lines = [line.split(",") for line in rows()]
    lines[row - 1][HEADER.split(",").index(column)] = value
    return csv([",".join(line) for line in lines])


FUTURE = str((datetime.now(UTC) + timedelta(days=400)).replace(tzinfo=None))
REJECTED_AFTER_CHECK = {
    "text in a number": (changed(7, "current_ka", "lots"), 7, "current_ka", "Got 'lots' in row 7"),
    "below minimum": (changed(3, "force_kn", "-1"), 3, "force_kn", "must be 0 or more"),
    "above maximum": (changed(3, "current_ka", "41"), 3, "current_ka", "must be 40 or less"),
    "empty cell": (changed(5, "current_ka", ""), 5, "current_ka", "must not be empty"),
    "not a number": (changed(5, "current_ka", "inf"), 5, "current_ka", "must be a number"),
    "bad date": (changed(2, "time", "yesterday"), 2, "time", "must be a date and time"),
    "future": (changed(9, "time", FUTURE), 9, "time", "must not lie in the future"),
    "twice": (changed(12, "weld_id", "w3"), 12, "weld_id", "the same as in row 4"),
    "flag of three": (changed(4, "failed", "3"), 4, "failed", "must be 0 or 1"),
    "ragged": (csv([*rows(5), "w9,extra,cells,1,2,3,4,5", *rows(4)]), 6, "", "must have 6 cells"),
    "short row": (csv([*rows(5), "w9"]), 6, "", "Got 1 in row 6"),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED_AFTER_CHECK)
def test_a_bad_row_is_named_with_its_reason(case, ingest, login, alice):
    content, row, column, reason = REJECTED_AFTER_CHECK[case]

    version = ingest(content)

    issue = next(found for found in version.issues if found["row"] == row)
    page = login(alice).get(version.get_absolute_url()).content.decode()
    assert version.state == "rejected"
    assert (issue["column"] or "") == column
    assert reason in issue["message"]
    assert "The file cannot be used as it is" in page
    assert (version.prepared_blob, Job.objects.get().state) == ("", "rejected")
    assert {name.split("/")[0] for name in blobs()} == {"uploads", "issues"}


def test_all_reasons_can_be_downloaded_and_totals_are_true(ingest, login, alice):
    lines = [*rows(500)[:5], *(line.replace(".5,", ".5x,") for line in rows(505)[5:])]

    version = ingest(csv(lines))

    told = b"".join(
        login(alice).get(f"{version.get_absolute_url()}issues.csv").streaming_content
    ).decode("utf-8-sig")
    assert (len(version.issues), version.n_issues) == (100, 500)
    assert len(told.splitlines()) == 501
    assert told.startswith("row,column,severity,code,message")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_is_text_in_a_download(cell):
    told = b"".join(csv_pieces(("name",), [(cell,)])).decode("utf-8-sig")

    assert "'" + cell in told


def test_html_in_names_and_cells_is_shown_as_text(upload, login, alice):
    sent = upload(csv(header=HEADER.replace("force_kn", "<script>alert(1)</script>")))

    page = login(alice).get(sent.url).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_tied_times_are_allowed_with_a_warning(ingest):
    lines = [line.replace("08:01:00", "08:00:00") for line in rows()]

    version = ingest(csv(lines))

    assert version.state == "ready"
    assert [issue["code"] for issue in version.issues] == ["tied_time"]


def test_a_missing_column_is_said_on_the_mapping_page(upload, login, alice):
    lines = [line.rsplit(",", 2)[0] for line in rows()]
    sent = upload(csv(lines, HEADER.rsplit(",", 2)[0]))

    asked = login(alice).get(sent.url).content.decode()
    answer = login(alice).post(sent.url, {name: name for name in HEADER.split(",")[:4]})

    assert "Some columns were not recognised" in asked
    assert answer.status_code == 422
    assert "Force (force_kn) must be mapped" in answer.content.decode()
    assert DatasetVersion.objects.get().state == "mapping"


def test_a_mapping_that_cannot_be_read_as_its_kind_is_refused(api_upload, api, alice):
    version = api_upload(csv(header=HEADER.replace("force_kn", "F"))).json()
    mapping = {name: name for name in HEADER.split(",")} | {"force_kn": "weld_id", "weld_id": "F"}

    answer = api(alice).put(
        f"/api/v1/dataset-versions/{version['id']}/mapping/", {"mapping": mapping}
    )

    assert answer.status_code == 422
    assert "whose values cannot be read as such" in answer.json()["detail"]


def test_bytes_that_turn_bad_far_into_the_file_are_named(ingest):
    content = csv(rows(20_000)) + "w-end,2024-03-01 08:00:00,é,8.5,2.25,0\n".encode("latin-1")

    version = ingest(content)

    assert version.state == "rejected"
    at = content.index("é".encode("latin-1"))
    assert f"at byte {at}." in version.issues[0]["message"]


def test_a_parquet_damaged_in_its_middle_is_rejected(ingest):
    out = io.BytesIO()
    pq.write_table(frame(30_000).to_arrow(), out, write_page_checksum=True, row_group_size=10_000)
    content = bytearray(out.getvalue())
    half = len(content) // 2
    content[half : half + 5_000] = b"\xff" * 5_000

    version = ingest(bytes(content), "w.parquet")

    assert version.state == "rejected"
    assert "cut short or damaged" in version.issues[0]["message"]


def test_a_quote_that_is_never_closed_is_told(ingest, monkeypatch):
    monkeypatch.setattr("ml_core.data.csv_file.BLOCK_BYTES", 4096)
    lines = rows(2_000)
    lines[900] = '"' + lines[900]

    version = ingest(csv(lines))

    assert version.state == "rejected"
    assert "never closed" in version.issues[0]["message"]


def test_a_parquet_bomb_is_refused_by_its_own_footer(upload, monkeypatch):
    monkeypatch.setattr("ml_core.data.parquet_file.MAX_COLUMN_BYTES", 1_000)

    answer = upload(parquet(5_000), "w.parquet")

    assert answer.status_code == 422
    assert "row groups of at most a million rows" in answer.content.decode()
    assert blobs() == []


def test_a_long_text_that_is_repeated_cannot_fill_the_memory(ingest):
    out = io.BytesIO()
    long = frame(2_000).with_columns(electrode=pl.lit("e" * 200_000))
    pq.write_table(long.to_arrow(), out, use_dictionary=True)

    version = ingest(out.getvalue(), "w.parquet")

    assert version.state == "rejected"
    assert "must be at most 10,000 bytes" in version.issues[0]["message"]


def test_a_file_over_the_limit_is_refused_while_it_comes(upload, api_upload, settings):
    settings.ASSAY_MAX_UPLOAD_BYTES = 2_000

    page, rest = upload(csv(rows(200))), api_upload(csv(rows(200)))

    assert (page.status_code, rest.status_code) == (413, 413)
    assert "must be at most 2,000 bytes" in rest.json()["detail"]
    assert (Dataset.objects.count(), blobs()) == (0, [])


def test_a_file_over_the_limit_is_refused_by_its_length_before_it_comes(api_upload, settings):
    settings.ASSAY_MAX_UPLOAD_BYTES = 2_000

    answer = api_upload(b"x" * 2_000_000)

    assert answer.status_code == 413


def test_a_full_disk_is_told_before_anything_is_written(api_upload, settings):
    settings.ASSAY_MIN_FREE_BYTES = 2**60

    answer = api_upload(csv())

    assert answer.status_code == 507
    assert blobs() == []


class CutStream(io.BytesIO):
    """A connection that ends in the middle of a file."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 300_000:
            raise OSError("connection reset")
        return super().read(min(size or 2**16, 2**16) if size != -1 else 2**16)


@pytest.mark.parametrize("place", ["/datasets/upload/", "/api/v1/datasets/"])
def test_an_upload_that_is_cut_leaves_nothing(place, login, api, alice, rf):
    client = login(alice) if place.startswith("/datasets") else api(alice)
    boundary = "cut"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="w.csv"\r\n\r\n'
    body = head.encode() + csv(rows(20_000))
    client.raise_request_exception = False

    answer = client.generic(
        "POST", place, b"", content_type=f"multipart/form-data; boundary={boundary}",
        **{"wsgi.input": CutStream(body), "CONTENT_LENGTH": str(len(body) + 1000)},
    )  # fmt: skip

    assert answer.status_code >= 400
    assert blobs() == []


def test_a_program_reads_all_reasons_too_and_a_header_where_there_are_none(ingest, people):
    lines = [*rows(5), *(line.replace(".5,", ".5x,") for line in rows(305)[5:])]
    bad, good = ingest(csv(lines)), ingest(csv())
    scopes = ["datasets.view"]
    key = make_key(user=people.alice, team=people.team, name="k", scopes=scopes, days=1)[1]
    client = APIClient(headers={"Authorization": f"Bearer {key}"})

    told = client.get(f"/api/v1/dataset-versions/{bad.pk}/issues/").json()
    files = [client.get(told["download"]),
             client.get(f"/api/v1/dataset-versions/{good.pk}/issues.csv")]  # fmt: skip

    sizes = [len(file.getvalue().decode("utf-8-sig").splitlines()) for file in files]
    assert (len(told["issues"]), told["n_issues"]) == (100, 300)
    assert sizes == [301, 1]
    assert {file["Content-Type"] for file in files} == {"text/csv; charset=utf-8"}
