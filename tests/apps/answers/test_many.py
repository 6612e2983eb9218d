"""Many pictures are asked about at once: each gets its answer, or its own reason why not."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.answers import many
from apps.answers.models import Answer
from ml_core.errors import DataError
from tests.apps.answers.world import picture_model
from tests.apps.pictures import packed, picture

pytestmark = pytest.mark.django_db(transaction=True)
ASK = "/solutions/picture/ask/"


def files(*names):
    """Pictures by name; one that is called "bad" is none."""
    return [
        SimpleUploadedFile(name, b"no picture" if "bad" in name else picture(n)[0])
        for n, name in enumerate(names, 1)
    ]


def lines_of(answer):
    assert answer.status_code == 200, answer.content
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def stream(browser, **sent):
    return lines_of(browser.post(ASK, sent, headers={"Accept": "application/x-ndjson"}))


def test_each_picture_of_a_choice_is_answered_in_one_thread(models, people, login, tmp_path):
    picture_model(people, tmp_path)

    page = login(people.alice).post(
        ASK, {"picture": files("a.png", "b.png"), "part": "A-17"}, follow=True
    )

    answers = list(Answer.objects.all())
    assert [answer.subject for answer in answers] == ["A-17", "A-17"]
    assert len({answer.thread for answer in answers}) == 1
    assert page.content.decode().count("<article") == 2


def test_an_archive_is_answered_picture_by_picture_and_a_bad_one_stops_no_other(
    models, people, login, tmp_path
):
    picture_model(people, tmp_path)
    pack = packed({"x/a.png": picture(1)[0], "x/bad.png": b"none", "x/c.png": picture(3)[0]})

    lines = stream(login(people.alice), picture=SimpleUploadedFile("parts.zip", pack))

    assert lines[0]["total"] == 3
    assert ["html" in line for line in lines[1:]] == [True, False, True]
    assert "picture must be of a known form" in lines[2]["problem"]
    assert Answer.objects.count() == 2


def test_without_scripts_what_failed_is_named_and_the_rest_is_shown(
    models, people, login, tmp_path
):
    picture_model(people, tmp_path)

    page = login(people.alice).post(ASK, {"picture": files("a.png", "bad.png")})

    text = page.content.decode()
    assert page.status_code == 422
    assert "bad.png: A picture must be" in text
    assert text.count("<article") == 1


def test_after_a_failure_the_form_has_a_new_key(models, people, login, tmp_path):
    picture_model(people, tmp_path)

    page = login(people.alice).post(ASK, {"picture": files("a.png", "bad.png"), "token": "t1"})

    assert re.search(r'name="token" value="([^"]+)"', page.content.decode())[1] != "t1"


def test_the_same_form_sent_twice_asks_once(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)

    for _ in range(2):
        stream(browser, picture=files("a.png", "b.png"), token="t1")

    assert Answer.objects.count() == 2


def test_a_key_with_another_picture_is_refused(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    stream(browser, picture=files("a.png"), token="t1")

    lines = stream(browser, picture=files("z.png", "a.png")[1:], token="t1")

    assert "problem" in lines[1]
    assert Answer.objects.count() == 1


def test_too_many_are_refused_before_the_first(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    pack = packed({f"{n}.png": picture(1)[0] for n in range(51)})

    page = login(people.alice).post(ASK, {"picture": SimpleUploadedFile("parts.zip", pack)})

    assert page.status_code == 422
    assert "at most 50" in page.content.decode()
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (b"PK\x03\x04 cut off", "whole ZIP"),
        (packed({"../a.png": b"x"}), "stay in the folder"),
        (packed({"a.txt": b"x"}), "must hold pictures"),
        (packed({"a.png": b"\0" * 3_000_000}), "known form"),
    ],
)
def test_a_hostile_archive_is_refused_with_its_reason(models, people, login, tmp_path, pack, words):
    picture_model(people, tmp_path)

    page = login(people.alice).post(ASK, {"picture": SimpleUploadedFile("parts.zip", pack)})

    assert page.status_code == 422
    assert words in page.content.decode()


def pack_of(*sizes: int) -> bytes:
    """An archive of what unpacks to these sizes, and is small."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, size in enumerate(sizes):
            archive.writestr(f"{n}.png", bytes(range(256)) * (size // 256))
    return out.getvalue()


def test_small_archives_are_bounded_together_not_one_by_one(monkeypatch):
    monkeypatch.setattr("ml_core.data.archive.MOST_RATIO", 10_000)
    monkeypatch.setattr(many, "MOST_UNPACKED_BYTES", 5 * 2**20)
    two, three = pack_of(2**20, 2**20), pack_of(2**20, 2**20, 2**20)

    assert len(many.unpacked([("a.zip", two), ("b.zip", three)])) == 5
    with pytest.raises(DataError, match="at most 5 MiB unpacked together"):
        many.unpacked([("a.zip", two), ("b.zip", two), ("c.zip", two)])


def test_no_file_is_larger_within_an_archive_than_beside_it(monkeypatch):
    monkeypatch.setattr("ml_core.data.archive.MOST_RATIO", 10_000)
    large = many.MOST_FILE_BYTES + 256

    for upload in (("a.zip", pack_of(256, large)), ("a.png", b"x" * large)):
        with pytest.raises(DataError, match="A file must be at most 25 MiB"):
            many.unpacked([upload])


def test_without_the_process_the_rest_is_not_waited_for(settings, people, login, tmp_path):
    settings.ASSAY_MODELS_SOCKET = str(tmp_path / "nobody.sock")
    picture_model(people, tmp_path)

    lines = stream(login(people.alice), picture=files("a.png", "b.png"))

    assert [line["problem"][:16] for line in lines[1:]] == ["The process that"] * 2


def test_settings_and_serial_are_kept_for_the_thread(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    browser.post(ASK, {"picture": files("a.png"), "part": "A-17", "setting_limit": "0.75"})
    answer = Answer.objects.get()

    page = browser.get(f"{ASK}?thread={answer.thread}").content.decode()

    assert answer.settings["limit"] == 0.75
    assert 'value="0.75"' in page
    assert 'value="A-17"' in page


def test_a_part_never_gets_the_picture_of_the_one_before_it(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    browser.post(ASK, {"picture": files("a.png"), "part": "A-17"})
    thread = Answer.objects.get().thread

    page = browser.post(f"{ASK}?thread={thread}", {"part": "B-99"})

    assert page.status_code == 422
    assert Answer.objects.count() == 1


def test_another_question_means_the_same_picture(models, people, login, settings, tmp_path):
    settings.ASSAY_EXTRA_SOLUTIONS = ["tests.apps.question_solution"]
    picture_model(people, tmp_path, "question")
    browser = login(people.alice)
    place = "/solutions/question/ask/"
    browser.post(place, {"picture": files("a.png"), "question": "One?"})
    thread = Answer.objects.get().thread

    page = browser.post(f"{place}?thread={thread}", {"question": "Two?"}, follow=True)

    text = page.content.decode()
    assert "meant again" in text
    # The newest stands on top.
    assert 0 < text.index("Two? yes") < text.index("One? yes")
    assert {answer.thread for answer in Answer.objects.all()} == {thread}


def test_what_was_said_of_a_part_is_found_by_its_serial(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    for part in ("A-17", "B-99"):
        browser.post(ASK, {"picture": files("a.png"), "part": part})

    page = browser.get("/answers/?q=a-17").content.decode()

    assert "A-17" in page
    assert "B-99" not in page
    assert "A-17" not in login(people.charlie).get("/answers/?q=A-17").content.decode().replace(
        'value="A-17"', ""
    )


def test_an_override_needs_a_reason(models, people, login, tmp_path):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    browser.post(ASK, {"picture": files("a.png"), "part": "A-17"})
    answer = Answer.objects.get()
    place = f"/answers/{answer.pk}/correct/"

    refused = browser.post(place, {"correction": "pass"})
    taken = browser.post(place, {"correction": "pass", "reason": "A reflection."}, follow=True)

    assert refused.status_code == 422
    assert "must have a reason" in refused.content.decode()
    assert "A reflection." in taken.content.decode()
    answer.refresh_from_db()
    assert (answer.correction, answer.label) == ("pass", "[]")


def test_a_list_of_answers_asks_the_database_a_fixed_number_of_times(
    models, people, login, tmp_path, django_assert_max_num_queries
):
    picture_model(people, tmp_path)
    browser = login(people.alice)
    browser.post(ASK, {"picture": files(*[f"{n}.png" for n in range(8)])})

    with django_assert_max_num_queries(14):
        browser.get("/answers/")
    with django_assert_max_num_queries(16):
        browser.get(ASK)
