"""Boxes are drawn beside a frozen version, and frozen as a new one that shares its pictures."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import Role
from apps.audit.models import AuditEvent
from apps.datasets import labelling, labels, services, storage
from apps.datasets.errors import ConflictError
from apps.datasets.models import DatasetVersion, PictureLabel
from apps.datasets.services import load_frame
from apps.datasets.thumbs import folder_of
from apps.experiments.services import start_training
from apps.inference.services import start_scoring
from ml_core.data.labels.box import from_text
from tests.apps.datasets.tables import blobs, csv
from tests.apps.pictures import packed, picture, squares_files, squares_zip
from tests.people import make_person

BOX = {"label": "square", "x": 3.0, "y": 4.0, "width": 10.0, "height": 8.0}


@pytest.fixture(autouse=True)
def picture_solution(settings, home):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.picture_solution", "tests.dummy_solution"]
    settings.ASSAY_CACHE_DIR = home / "cache"


@pytest.fixture
def bring(login, alice, run_jobs):
    def send(data: bytes, name: str = "parts.zip") -> DatasetVersion:
        sent = {"solution": "picture", "name": "Parts", "file": SimpleUploadedFile(name, data)}
        answer = login(alice).post("/datasets/upload/", sent)
        assert answer.status_code == 302, answer.content
        run_jobs()
        version = DatasetVersion.objects.latest("created_at")
        assert version.state == "ready", version.issues
        return version

    return send


@pytest.fixture
def version(bring):
    files = squares_files(6)
    del files["labels/p04.txt"]  # nobody has looked at it
    return bring(packed(files))


def place(version, row: int) -> str:
    return f"/api/v1/dataset-versions/{version.pk}/rows/{row}/boxes/"


def put(client, version, row, boxes, revision=0):
    return client.put(place(version, row), {"boxes": boxes, "revision": revision}, format="json")


# -- one picture ---------------------------------------------------------------------------------


def test_boxes_are_read_corrected_and_saved_beside_the_table(version, api, alice):
    client = api(alice)
    before = client.get(place(version, 2)).json()

    saved = put(client, version, 2, [BOX, BOX | {"label": "crack", "x": 20}])

    assert (before["revision"], len(before["boxes"])) == (0, 1)
    assert saved.status_code == 200
    assert (saved.json()["revision"], saved.json()["changed_by"]) == (1, str(alice))
    assert client.get(place(version, 2)).json() == saved.json()
    assert len(from_text(load_frame(version)["boxes"][1])) == 1
    event = AuditEvent.objects.get(action="dataset.labelled")
    assert (event.summary["row"], event.summary["n_before"], event.summary["n_after"]) == (2, 1, 2)


def test_nobody_has_looked_and_nothing_is_there_are_told_apart(version, api, alice):
    client = api(alice)

    assert client.get(place(version, 5)).json()["boxes"] is None
    assert client.get(place(version, 1)).json()["boxes"] == []
    assert put(client, version, 5, []).json()["boxes"] == []


def test_the_second_of_two_editors_is_told_and_nothing_is_lost(version, api, alice, bob):
    put(api(alice), version, 2, [BOX])

    late = put(api(bob), version, 2, [])

    assert late.status_code == 409
    assert f"{alice} has changed them meanwhile" in late.json()["detail"]
    assert api(bob).get(place(version, 2)).json()["boxes"] == [BOX]
    assert put(api(bob), version, 2, [], revision=1).json()["revision"] == 2


def test_a_request_sent_twice_is_one(version, api, alice):
    first, second = (put(api(alice), version, 2, [BOX]) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["revision"] == 1
    assert AuditEvent.objects.filter(action="dataset.labelled").count() == 1


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([BOX | {"x": -5}], "Box 1 must lie inside of the picture of 32 x 32"),
        ([BOX, BOX | {"width": 0}], "Box 2 must have a width"),
        ([BOX | {"label": ""}], "label"),
        ([BOX] * 10_000, "at most 1,000 boxes"),
        (None, "must be a list"),
        ("[]", "must be a list"),
    ],
    ids=["outside", "no area", "no label", "too many", "nothing", "text"],
)
def test_boxes_that_cannot_be_are_refused_with_the_reason(version, api, alice, boxes, reason):
    answer = put(api(alice), version, 2, boxes)

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert not PictureLabel.objects.exists()


def test_numbers_that_are_none_are_refused(version, api, alice):
    body = json.dumps({"boxes": [BOX | {"x": float("nan")}], "revision": 0})

    answer = api(alice).put(place(version, 2), body, content_type="application/json")

    assert answer.status_code in {400, 422}
    assert not PictureLabel.objects.exists()


@pytest.mark.parametrize("revision", [None, "x", -1, 2**80])
def test_a_revision_is_a_count(version, api, alice, revision):
    assert put(api(alice), version, 2, [BOX], revision).status_code in {400, 409}


@pytest.mark.parametrize("row", [0, 7, 999_999_999])
def test_there_are_no_boxes_of_a_row_that_is_not_there(version, api, alice, login, row):
    assert api(alice).get(place(version, row)).status_code == 404
    page = f"/datasets/versions/{version.pk}/annotate/{row}/"
    assert login(alice).get(page).status_code == 404


# -- frozen --------------------------------------------------------------------------------------


def test_corrections_are_frozen_as_a_version_that_shares_the_pictures(version, api, alice):
    put(api(alice), version, 5, [BOX])
    put(api(alice), version, 2, [])
    before = len(blobs())

    answer = api(alice).post(f"/api/v1/dataset-versions/{version.pk}/freeze/")

    assert answer.status_code == 201
    frozen = DatasetVersion.objects.get(pk=answer.json()["id"])
    assert (frozen.number, frozen.parent, frozen.state) == (2, version, "ready")
    assert frozen.source_blob == version.source_blob
    assert len(blobs()) == before + 1
    cells = [from_text(cell) for cell in load_frame(frozen)["boxes"]]
    assert [len(cell) for cell in cells] == [0, 0, 1, 0, 1, 1]
    assert load_frame(frozen).drop("boxes").equals(load_frame(version).drop("boxes"))
    assert frozen.sha256 != version.sha256
    assert AuditEvent.objects.get(action="dataset.frozen").summary["n_corrected"] == 2


def test_freezing_twice_makes_one_version(version, api, alice):
    put(api(alice), version, 5, [BOX])

    first, second = (labelling.freeze(version=version, user=alice) for _ in range(2))

    assert first == second
    assert len([name for name in blobs() if name.startswith("prepared/")]) == 2


def test_without_corrections_there_is_nothing_to_freeze(version, login, api, alice):
    answer = api(alice).post(f"/api/v1/dataset-versions/{version.pk}/freeze/")
    page = login(alice).post(f"/datasets/versions/{version.pk}/freeze/", follow=True)

    assert answer.status_code == 409
    assert "must have corrected boxes" in page.content.decode()
    assert version.dataset.versions.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["parent", "frozen"])
def test_the_pictures_stay_until_the_last_version_is_deleted(version, api, alice, first):
    put(api(alice), version, 5, [BOX])
    frozen = labelling.freeze(version=version, user=alice)
    one, other = (version, frozen) if first == "parent" else (frozen, version)

    services.delete(one, alice)

    assert storage.exists(other.source_blob)
    services.delete(DatasetVersion.objects.get(pk=other.pk), alice)
    assert blobs() == []


def test_a_version_deleted_meanwhile_takes_no_boxes(version, alice):
    column = labels.boxes_column(version)
    row = labels.row_of(version, 2)
    DatasetVersion.objects.filter(pk=version.pk).delete()

    with pytest.raises(ConflictError, match="deleted meanwhile"):
        labelling.save_boxes(
            version=version, column=column, row=row, boxes=[BOX], revision=0, user=alice
        )


# -- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("?show=boxes", [2, 3, 6]),
        ("?show=empty", [1, 4]),
        ("?show=unseen", [5]),
        ("?show=corrected", [6]),
        ("?class=crack", [6]),
        ("?class=none", []),
        ("?show=nonsense&page=99", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_gallery_shows_what_is_asked_for(version, login, api, alice, query, shown):
    put(api(alice), version, 6, [BOX | {"label": "crack"}])

    page = login(alice).get(f"/datasets/versions/{version.pk}/browse/{query}").content.decode()

    found = [row for row in range(1, 7) if f"/pictures/{row}/?small" in page]
    assert found == shown
    assert (
        not shown
        or f'/annotate/{shown[0]}/{query.partition("&page")[0]}"' in page
        or "nonsense" in query
    )
    assert "square (2 boxes)" in page
    assert "Not looked at (1)" in page


def test_the_gallery_pages_with_a_steady_number_of_queries(
    bring, login, alice, django_assert_max_num_queries
):
    version = bring(squares_zip(100))
    browser = login(alice)

    with django_assert_max_num_queries(16):
        page = browser.get(f"/datasets/versions/{version.pk}/browse/?page=2&show=").content.decode()

    assert page.count("?small") == 48
    assert "49\u201396 of 100" in page


def test_next_and_before_stay_in_the_choice(version, login, alice):
    page = login(alice).get(f"/datasets/versions/{version.pk}/annotate/3/?show=boxes")

    assert page.context["before"].endswith("/annotate/2/?show=boxes")
    assert page.context["after"].endswith("/annotate/6/?show=boxes")
    assert page.context["data"]["classes"] == ["square"]
    assert (page.context["data"]["width"], page.context["data"]["height"]) == (32, 32)


def test_a_small_picture_is_made_once_and_kept_encrypted(version, login, alice, monkeypatch):
    address = f"/datasets/versions/{version.pk}/pictures/2/?small"
    first = login(alice).get(address).content
    monkeypatch.setattr("apps.datasets.gallery.thumbnail", None)

    again = login(alice).get(address).content

    assert first == again
    [thumb] = [name for name in blobs() if name.startswith("thumbs/")]
    assert first not in (storage._root() / thumb).read_bytes()


def test_two_who_make_a_small_picture_at_once_both_see_it(version, login, alice):
    name = f"{folder_of(version.source_blob)}/2-240"
    writing = storage.BlobWriter(name)

    answer = login(alice).get(f"/datasets/versions/{version.pk}/pictures/2/?small")

    writing.abort()
    assert answer.status_code == 200


# -- taken away ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_what_is_exported_comes_back_the_same(version, bring, login, api, alice, form):
    put(api(alice), version, 6, [BOX | {"label": "crack", "x": 1.37}])
    frozen = labelling.freeze(version=version, user=alice)

    answer = login(alice).get(f"/datasets/versions/{frozen.pk}/export/{form}/")
    again = bring(b"".join(answer.streaming_content))

    assert answer["Content-Disposition"] == f'attachment; filename="parts-v2-{form}.zip"'
    assert load_frame(again)["boxes"].to_list() == load_frame(frozen)["boxes"].to_list()
    assert AuditEvent.objects.filter(action="dataset.exported").count() == 1


def test_labels_alone_are_exported_by_rest(version, api, alice):
    answer = api(alice).get(f"/api/v1/dataset-versions/{version.pk}/export/?form=yolo&pictures=0")

    data = b"".join(answer.streaming_content)
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert names[0] == "data.yaml"
    assert "labels/p04.txt" not in names
    assert not [name for name in names if name.endswith(".png")]


def test_there_is_no_other_form(version, api, login, alice):
    rest = api(alice).get(f"/api/v1/dataset-versions/{version.pk}/export/?form=voc")

    assert rest.status_code == 404
    page = login(alice).get(f"/datasets/versions/{version.pk}/export/voc/")
    assert page.status_code == 404


# -- rights --------------------------------------------------------------------------------------


def test_an_outsider_finds_no_boxes(version, login, api, charlie):
    page = f"/datasets/versions/{version.pk}"
    rest = f"/api/v1/dataset-versions/{version.pk}"

    seen = [
        login(charlie).get(f"{page}/annotate/1/").status_code,
        login(charlie).get(f"{page}/export/yolo/").status_code,
        login(charlie).post(f"{page}/freeze/").status_code,
        login(charlie).get(f"{page}/pictures/1/?small").status_code,
        api(charlie).get(place(version, 1)).status_code,
        put(api(charlie), version, 1, []).status_code,
        api(charlie).post(f"{rest}/freeze/").status_code,
        api(charlie).get(f"{rest}/export/").status_code,
    ]

    assert set(seen) == {404}


def test_an_auditor_looks_at_boxes_and_draws_none(version, login, api, team):
    auditor = make_person("Aude", Role.AUDITOR, team)

    page = login(auditor).get(f"/datasets/versions/{version.pk}/annotate/2/")

    assert page.status_code == 200
    assert 'data-do="save"' not in page.content.decode()
    assert api(auditor).get(place(version, 2)).status_code == 200
    assert put(api(auditor), version, 2, []).status_code == 403
    assert api(auditor).post(f"/api/v1/dataset-versions/{version.pk}/freeze/").status_code == 403
    assert api(auditor).get(f"/api/v1/dataset-versions/{version.pk}/export/").status_code == 403
    assert not PictureLabel.objects.exists()


def test_a_table_has_no_boxes(ingest, login, api, alice):
    table = ingest(csv())

    assert api(alice).get(place(table, 1)).status_code == 404
    assert api(alice).get(f"/api/v1/dataset-versions/{table.pk}/export/").status_code == 404
    assert api(alice).post(f"/api/v1/dataset-versions/{table.pk}/freeze/").status_code == 409


def test_a_single_picture_without_labels_can_be_drawn_on(bring, api, login, alice):
    version = bring(picture(1)[0], "part 7.png")

    assert put(api(alice), version, 1, [BOX]).status_code == 200
    assert login(alice).get(f"/datasets/versions/{version.pk}/annotate/1/").status_code == 200


# -- what a model proposes -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_newest_result_proposes_boxes_also_on_the_version_frozen_after_it(
    bring, login, alice, run_jobs
):
    version = bring(squares_zip(12))
    page = f"/datasets/versions/{version.pk}/annotate/2/"
    before = login(alice).get(page).context["data"]["proposals"]
    start_training(user=alice, solution="picture", version=version, options={})
    run_jobs()
    start_scoring(user=alice, version=version, settings={})
    run_jobs()

    labelling.save_boxes(
        version=version, column=labels.boxes_column(version), row=labels.row_of(version, 2),
        boxes=[], revision=0, user=alice,
    )  # fmt: skip
    frozen = labelling.freeze(version=version, user=alice)

    for one in (version, frozen):
        page = f"/datasets/versions/{one.pk}/annotate/2/"
        [proposal] = login(alice).get(page).context["data"]["proposals"]
        assert (proposal["label"], proposal["confidence"]) == ("square", 1.0)
    assert before == []
