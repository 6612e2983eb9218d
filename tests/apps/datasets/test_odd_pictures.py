"""Archives with odd and hostile pictures and labels: shown upright, or refused with the reason."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from apps.datasets import labels
from apps.datasets.models import DatasetVersion
from apps.datasets.services import load_frame
from ml_core.data.labels.box import from_text
from tests.apps.datasets.tables import blobs
from tests.apps.pictures import packed, picture
from tests.ml_core.data.test_pictures import encoded, png_header


@pytest.fixture(autouse=True)
def picture_solution(settings, home):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution"]
    settings.ASSAY_CACHE_DIR = home / "cache"


@pytest.fixture
def send(login, alice, run_jobs):
    def upload(data: bytes):
        sent = {"solution": "picture", "name": "Odd", "file": SimpleUploadedFile("odd.zip", data)}
        answer = login(alice).post("/datasets/upload/", sent)
        run_jobs()
        return answer

    return upload


def turned() -> bytes:
    """A JPEG of 60 x 40 that a camera held upright: red is above once it is turned."""
    lying = np.zeros((40, 60, 3), np.uint8)
    lying[:, :30, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(lying), "JPEG", exif=exif, quality=95)


def test_pictures_of_all_kinds_are_shown_upright_in_eight_bits(send, login, alice):
    deep = Image.fromarray(np.linspace(0, 65535, 1600).astype(np.uint16).reshape(40, 40))
    palette = Image.fromarray(np.eye(40, dtype=np.uint8) * 255).convert("P")
    files = {
        "a.jpg": turned(), "b.png": encoded(deep), "c.png": encoded(palette),
        # Boxes are in pixels of the upright picture, which is 40 wide and 60 high.
        "labels.json": json.dumps({
            "images": [{"id": 1, "file_name": "a.jpg"}],
            "categories": [{"id": 1, "name": "red"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 40, 30]}],
        }),
    }  # fmt: skip

    send(packed(files))

    version = DatasetVersion.objects.get()
    assert version.state == "ready", version.issues
    place = f"/datasets/versions/{version.pk}/pictures"
    shown = [
        Image.open(io.BytesIO(login(alice).get(f"{place}/{row}/").content)) for row in (1, 2, 3)
    ]
    assert [image.size for image in shown] == [(40, 60), (40, 40), (40, 40)]
    assert {image.mode for image in shown} == {"RGB"}
    assert shown[0].getpixel((20, 5))[0] > 200  # the red half is above
    assert shown[0].getpixel((20, 55))[0] < 50
    assert labels.measured(version, labels.row_of(version, 1)) == (40, 60)
    assert from_text(load_frame(version)["boxes"][0])[0].height == 30
    small = Image.open(io.BytesIO(login(alice).get(f"{place}/1/?small").content))
    assert small.size == (40, 60)


GOOD = picture(1)[0]
REJECTED = {
    "a picture of 50,000 x 50,000": ({"a.png": png_header(50_000, 50_000)}, "100 megapixels"),
    "a truncated JPEG": ({"a.jpg": turned()[:-300]}, "must be whole"),
    "text named as a picture": ({"a.png": b"hello"}, "of a known form"),
    "a YOLO box that is no number": ({"a.png": GOOD, "a.txt": "0 nan .5 .5 .5\n"}, "finite"),
    "a YOLO box outside": ({"a.png": GOOD, "a.txt": "0 .9 .5 .5 .5\n"}, "lie inside"),
    "a YOLO box without area": ({"a.png": GOOD, "a.txt": "0 .5 .5 0 .5\n"}, "above zero"),
    "a YOLO line of words": ({"a.png": GOOD, "a.txt": "crack here\n"}, "class x y width height"),
    "a COCO box that is no number": (
        {"a.png": GOOD, "a.json": '{"images": [{"id": 1, "file_name": "a.png"}], "categories": '
         '[{"id": 1, "name": "x"}], "annotations": [{"image_id": 1, "category_id": 1, "bbox": '
         "[NaN, 1, 2, 2]}]}"}, "finite",
    ),
    "a VOC box outside": (
        {"a.png": GOOD, "a.xml": "<annotation><object><name>x</name><bndbox><xmin>1</xmin>"
         "<ymin>1</ymin><xmax>99</xmax><ymax>9</ymax></bndbox></object></annotation>"},
        "lie inside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED)
def test_it_is_rejected_with_the_reason(case, send):
    files, reason = REJECTED[case]

    send(packed(files))

    version = DatasetVersion.objects.get()
    assert version.state == "rejected"
    assert reason in " ".join(issue["message"] for issue in version.issues)
    assert version.prepared_blob == ""


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", GOOD)
        archive.writestr("b.png", b"\0" * 20_000_000)
    return out.getvalue()


REFUSED = {
    "a zip bomb": (bomb(), "shrink at most 200 times"),
    "a path that leads out": (packed({"a.png": GOOD, "../../etc/b.png": GOOD}), "stay in"),
    "an absolute path": (packed({"/etc/a.png": GOOD}), "stay in"),
    "a truncated archive": (packed({"a.png": GOOD})[:-30], "whole ZIP"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_at_once_and_nothing_is_kept(case, send):
    data, reason = REFUSED[case]

    answer = send(data)

    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert (DatasetVersion.objects.count(), blobs()) == (0, [])
