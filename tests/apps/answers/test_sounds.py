"""A sound beside a question: played on the page of its answer, or refused with its reason."""

from __future__ import annotations

import json
import re
import struct

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.answers.models import Answer
from ml_core.data.sounds import Sound, read_sound, write_sound
from tests.apps.datasets.hostile import GOOD
from tests.ml_core.data.test_sounds import wav

pytestmark = pytest.mark.django_db(transaction=True)
ASK, REST = "/solutions/question/ask/", "/api/v1/solutions/question/answers/"
TONE = Sound((0.5 * np.sin(np.arange(4_000))).astype(np.float32), 8_000)
SAMPLES = np.round(TONE.samples * 32_767).astype("<i2").tobytes()


@pytest.fixture
def models(models, question_model):
    return question_model


def form(sound: bytes, name: str = "clip.wav", **more) -> dict:
    return {
        "question": "How many beeps?",
        "picture": SimpleUploadedFile("a.png", GOOD),
        "sound": SimpleUploadedFile(name, sound),
        **more,
    }


def played(browser, page: str) -> bytes:
    """What the control of a page plays."""
    [address] = re.findall(r'<audio [^>]*src="([^"]+)"', page)
    answer = browser.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "audio/wav"
    return answer.content


@pytest.mark.parametrize(
    "sound",
    [
        write_sound(TONE),
        wav(SAMPLES, channels=2),
        wav(b"\0\0\x10" * 800, bits=24, rate=96_000),
        wav(struct.pack("<400f", *TONE.samples[:400]), kind=3, bits=32, rate=44_100),
        wav(TONE.samples[:400].astype("<f8").tobytes(), kind=3, bits=64),
    ],
    ids=["8 bits", "stereo", "24 bits, 96 kHz", "float", "double"],
)
def test_a_sound_of_any_usual_form_is_played_as_the_model_heard_it(sound, models, login, alice):
    browser = login(alice)

    page = browser.post(ASK, form(sound), follow=True).content.decode()

    heard = read_sound(played(browser, page))
    assert np.abs(heard.samples - read_sound(sound).samples).max() < 0.0001
    assert "clip.wav" in page


def test_what_the_name_says_of_a_sound_counts_for_nothing(models, login, alice):
    browser = login(alice)

    page = browser.post(ASK, form(write_sound(TONE), "clip of today"), follow=True)

    assert read_sound(played(browser, page.content.decode())).rate == 8_000


def test_a_player_may_jump_within_a_sound(models, login, alice):
    browser = login(alice)
    browser.post(ASK, form(write_sound(TONE)))
    address = f"/answers/{Answer.objects.get().pk}/files/sound"
    whole = browser.get(address).content

    def part(asked: str):
        return browser.get(address, headers={"Range": asked})

    middle, rest, beyond = part("bytes=100-199"), part("bytes=8000-"), part("bytes=999999-")
    assert (middle.status_code, middle.content) == (206, whole[100:200])
    assert middle["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert (rest.status_code, rest.content) == (206, whole[8000:])
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole)}")
    for odd in ("bytes=5-2", "bytes=0-1,4-5", "bytes=-5", "lines=1-2", "bytes=x-"):
        assert (part(odd).status_code, part(odd).content) == (200, whole)


REFUSED = {
    "no bytes": (b"", "must be a WAV file"),
    "an MP3 called WAV": (b"ID3\4" + bytes(4_000), "must be a WAV file"),
    "cut off": (write_sound(TONE)[:2_000], "must be whole"),
    "a header that lies": (wav(SAMPLES, promised=2**32 - 1), "must be whole"),
    "a minute": (wav(bytes(60 * 8_000), bits=8), "last 30 s at most. Got 60 s"),
    "no number": (wav(struct.pack("<2f", 0, float("nan")), kind=3, bits=32), "finite samples"),
    "a page": (b"<script>alert(1)</script>", "must be a WAV file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_sound_that_cannot_be_played_is_refused_at_its_field_even_by_who_is_deaf(
    case, models, login, alice
):
    sound, reason = REFUSED[case]

    page = login(alice).post(ASK, form(sound))

    text = page.content.decode()
    assert page.status_code == 422
    [told] = re.findall(r'id="id_sound_error">\s*<div>(.*?)</div>', text)
    assert reason in told or (not sound and "empty" in told)
    assert not Answer.objects.exists()


def test_two_hours_are_refused_by_their_size(models, login, alice):
    two_hours = wav(bytes(2 * 3600 * 4_000), rate=4_000, bits=8)

    page = login(alice).post(ASK, form(two_hours))

    assert page.status_code == 422
    assert "A file must be at most 25 MiB. Got 27.5 MiB." in page.content.decode()


@pytest.mark.parametrize("case", ["an MP3 called WAV", "a page"])
def test_a_program_is_told_which_file_is_no_sound(case, models, api, alice):
    sent = form(REFUSED[case][0], row='{"question": "?"}')

    answer = api(alice).post(REST, sent, format="multipart")

    assert answer.status_code == 422, answer.content
    assert answer.json()["issues"][0]["column"] == "sound"


def test_a_sound_that_is_named_but_not_sent_is_refused(models, api, alice):
    row = {"question": "?", "sound": "/etc/hostname"}
    sent = {"row": json.dumps(row), "picture": SimpleUploadedFile("a.png", GOOD)}

    answer = api(alice).post(REST, sent, format="multipart")

    assert answer.status_code == 422, answer.content
    assert "must be there" in answer.json()["issues"][0]["message"]


def test_nobody_of_another_team_hears_or_follows_a_sound(models, people, login, api):
    login(people.alice).post(ASK, form(write_sound(TONE)))
    answer = Answer.objects.get()

    stranger = login(people.charlie)
    heard = stranger.get(f"/answers/{answer.pk}/files/sound")
    asked = api(people.charlie).post(
        REST, {"row": '{"question": "?"}', "follows": str(answer.pk)}, format="multipart"
    )

    assert heard.status_code == 404
    assert asked.status_code == 404
    assert Answer.objects.count() == 1
