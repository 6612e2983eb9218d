"""What a stranger may send: each is handled, or refused with its reason, and nothing is left."""

from __future__ import annotations

import html

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.services import load_frame, open_media
from ml_core.data.labels.box import from_text
from ml_core.data.pictures import read_picture
from tests.apps.datasets.hostile import (
    GOOD,
    SVG,
    bomb,
    endless,
    huge_png,
    jpeg,
    locked,
    lying,
    many,
    saved,
    turned,
    with_a_link,
)
from tests.apps.datasets.tables import blobs, csv, frame
from tests.apps.pictures import packed, squares_files

PAGE, REST = "/datasets/upload/", "/api/v1/datasets/"


@pytest.fixture(autouse=True)
def more_solutions(settings, home):
    settings.ASSAY_CACHE_DIR = home / "cache"
    settings.ASSAY_EXTRA_SOLUTIONS = [
        "tests.dummy_solution", "tests.picture_solution", "tests.apps.question_solution",
    ]  # fmt: skip


@pytest.fixture(params=[PAGE, REST], ids=["page", "rest"])
def send(request, login, api, alice):
    """Return a function that sends a file by one of the two ways."""

    def by_one_way(data: bytes, name: str = "parts.zip", solution: str = "picture"):
        form = {"solution": solution, "name": "Parts", "file": SimpleUploadedFile(name, data)}
        if request.param == PAGE:
            return login(alice).post(PAGE, form)
        return api(alice).post(REST, {**form, "mapping": "auto"}, format="multipart")

    return by_one_way


# --- archives ------------------------------------------------------------------------------
REFUSED_AT_ONCE = {
    "bomb": (bomb, "shrink at most 200 times"),
    "50,001 files": (many, "at most 50,000 files"),
    "leads out": (lambda: packed({"../../etc/cron.d/a.png": GOOD}), "stay in the folder"),
    "leads out, windows": (lambda: packed({"..\\..\\a.png": GOOD}), "stay in the folder"),
    "absolute": (lambda: packed({"/etc/a.png": GOOD}), "stay in the folder"),
    "drive": (lambda: packed({"C:/a.png": GOOD}), "stay in the folder"),
    "link": (with_a_link, "plain file"),
    "locked": (locked, "without a password"),
    "promises 80 GB": (endless, "at most 20 GiB"),
    "says to be large": (lambda: lying(300 * 2**20), "at most 200 MiB"),
    "cut": (lambda: packed({"a.png": GOOD})[:-30], "whole ZIP"),
    "no archive": (lambda: b"<html>", "whole ZIP"),
}


@pytest.mark.parametrize("case", REFUSED_AT_ONCE)
def test_a_hostile_archive_is_refused_at_once_and_nothing_is_kept(case, send):
    make, reason = REFUSED_AT_ONCE[case]

    answer = send(make())

    assert answer.status_code == 422, answer.content
    assert reason in html.unescape(answer.content.decode())
    assert (Dataset.objects.count(), blobs()) == (0, [])


def rejected(answer, run_jobs) -> str:
    """Run the check of an upload, and return why it was rejected."""
    assert answer.status_code in {202, 302}, answer.content
    run_jobs()
    version = DatasetVersion.objects.get()
    assert version.state == "rejected"
    assert not version.prepared_blob
    return " ".join(issue["message"] for issue in version.issues)


REJECTED_AFTER_CHECK = {
    "50,000 px square": ({"a.png": huge_png()}, "at most 100 megapixels"),
    "truncated jpeg": ({"a.jpg": jpeg()[:900]}, "must be whole"),
    "says to be small": (lying(10), "'a.png'"),
    "script named png": ({"a.png": SVG}, "of a known form"),
    "page named jpg": ({"a.jpg": b"<html><script>alert(1)</script>"}, "of a known form"),
    "program named png": ({"a.png": b"MZ" + b"\0" * 500}, "of a known form"),
    "gif named png": ({"a.png": b"GIF89a" + b"\0" * 20}, "of a known form"),
    "an archive in it": ({"inner.zip": packed({"a.png": GOOD})}, "picture"),
    "empty picture": ({"a.png": b""}, "of a known form"),
    "nan in a label": ({"a.png": GOOD, "a.txt": "0 nan 0.5 0.1 0.1\n",
                        "data.yaml": "names: [square]\n"}, "a.txt, line 1"),
    "endless label": ({"a.png": GOOD, "a.txt": "0 0.5 0.5 inf 0.1\n",
                       "data.yaml": "names: [square]\n"}, "a.txt, line 1"),
    "box outside": ({"a.png": GOOD, "a.txt": "0 7.5 0.5 0.1 0.1\n",
                     "data.yaml": "names: [square]\n"}, "a.txt, line 1"),
    "box of minus size": ({"a.png": GOOD, "a.txt": "0 0.5 0.5 -0.1 0.1\n",
                           "data.yaml": "names: [square]\n"}, "a.txt, line 1"),
    "class of nobody": ({"a.png": GOOD, "a.txt": "99 0.5 0.5 0.1 0.1\n",
                         "data.yaml": "names: [square]\n"}, "a.txt, line 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED_AFTER_CHECK)
def test_a_hostile_picture_or_label_is_named_and_nothing_is_ready(case, send, run_jobs):
    files, reason = REJECTED_AFTER_CHECK[case]

    told = rejected(send(files if isinstance(files, bytes) else packed(files)), run_jobs)

    assert reason in told


GREY = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))
HANDLED = {
    "turned by EXIF": (turned(), (40, 20)),
    "16 bits": (saved(GREY.astype(np.uint16) * 257, "I;16"), (32, 32)),
    "palette": (saved(GREY, "P"), (32, 32)),
    "one bit": (saved(GREY, "1"), (32, 32)),
    "transparent": (saved(GREY, "RGBA"), (32, 32)),
    "printer's colours": (saved(GREY, "CMYK", "JPEG"), (32, 32)),
    "both a picture and an archive": (jpeg(48) + packed({"b.html": b"<script>"}), (48, 48)),
}


@pytest.mark.parametrize("case", HANDLED)
def test_an_unusual_picture_is_read_as_people_see_it(case, send, run_jobs, login, alice):
    data, shape = HANDLED[case]

    send(data, "part.jpg" if data.startswith(b"\xff\xd8") else "part.png")
    run_jobs()

    version = DatasetVersion.objects.get()
    assert (version.state, version.n_rows) == ("ready", 1), version.issues
    with open_media(version) as media:
        seen = read_picture(media.read(load_frame(version)["picture"][0]))
    assert seen.shape == (*shape, 3)
    if case == "turned by EXIF":
        assert seen[:20].mean() > 200 > 50 > seen[20:].mean()
    if case == "16 bits":
        assert np.abs(seen[:, :, 0].astype(int) - GREY).max() <= 1
    shown = login(alice).get(f"/datasets/versions/{version.pk}/pictures/1/?small")
    assert shown["Content-Type"] == "image/jpeg"
    assert b"<script>" not in shown.getvalue()


def test_boxes_stay_in_their_picture_when_it_is_upright(send, run_jobs):
    send(packed({"a.png": turned(), "a.txt": "0 0.5 0.25 0.5 0.5\n",
                 "data.yaml": "names: [square]\n"}))  # fmt: skip
    run_jobs()

    version = DatasetVersion.objects.get()
    assert version.state == "ready", version.issues
    [box] = from_text(load_frame(version)["boxes"][0])
    assert (box.x, box.y, box.width, box.height) == (5, 0, 10, 20)


# --- names ---------------------------------------------------------------------------------
NAMES = {
    "control characters": "a\tb\x07\x1b[31m.csv",
    "header in it": "a\r\nSet-Cookie: x=1.csv",
    "right to left": "invoice\u202evsc.csv",
    "nul": "a\0b.csv",
    "path": "../../../etc/passwd.csv",
    "windows path": "C:\\Windows\\a.csv",
    "quotes": "a\"; filename=\"b.csv",
    "script": "<img src=x onerror=alert(1)>.csv",
    "very long": "x" * 3000 + ".csv",
    "emoji": "\U0001f9ea prüfung 数据 בדיקה.csv",
    "formula": "=HYPERLINK(1).csv",
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_a_name_of_a_file_is_only_a_name(case, send, login, alice, run_jobs):
    answer = send(csv(), NAMES[case], "dummy")

    assert answer.status_code in {202, 302, 400, 422}, answer.content
    if answer.status_code >= 400:
        assert DatasetVersion.objects.count() == 0
        assert blobs() == []
        return
    run_jobs()
    version = DatasetVersion.objects.get()
    assert version.filename.isprintable()
    assert not set(version.filename) & set("/\\\0\r\n\u202e")
    assert len(version.filename) <= 255
    page = login(alice).get(version.get_absolute_url())
    assert page.status_code == 200
    assert "<img src=x" not in page.content.decode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("welds.csv", GOOD),
        ("welds.csv", jpeg()),
        ("welds.csv", b"%PDF-1.7\n" + b"\0" * 100),
        ("welds.csv", b"\x7fELF" + b"\0" * 100),
        ("welds.parquet", GOOD),
        ("welds.parquet", csv()),
        ("welds.exe", b"MZ" + bytes(range(256))),
    ],
)
def test_a_table_of_wrong_bytes_is_refused_with_its_reason(name, data, send):
    answer = send(data, name, "dummy")

    assert answer.status_code == 422
    assert "must" in answer.content.decode()
    assert (Dataset.objects.count(), blobs()) == (0, [])


# --- formulas ------------------------------------------------------------------------------
def test_formulas_of_a_table_are_texts_wherever_they_are_downloaded(ingest, login, api, alice):
    bad = frame(20).with_columns(electrode=np.array(["=cmd|' /C calc'!A0"] * 20))
    text = bad.write_csv().replace("8.5", "=1+1", 1)

    version = ingest(text.encode())

    assert version.state == "rejected"
    told = login(alice).get(f"{version.get_absolute_url()}issues.csv").getvalue().decode()
    cells = [cell for line in told.splitlines() for cell in line.split(",")]
    assert any("=1+1" in cell for cell in cells)
    assert not [cell for cell in cells if cell.strip('"').startswith(("=", "+", "-", "@"))]


def test_squares_are_still_taken(send, run_jobs):
    send(packed(squares_files(3)))
    run_jobs()

    assert DatasetVersion.objects.get().state == "ready"
