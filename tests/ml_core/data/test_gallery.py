"""An archive is checked file by file, and what is wrong is told with its row and column."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ml_core.data.gallery import check_gallery
from ml_core.data.media import FolderMedia
from ml_core.data.schema import Column, Schema
from ml_core.data.sounds import Sound, write_sound
from ml_core.data.validate import Checker

SCHEMA = Schema(
    (
        Column("picture", "image", "Picture", "Seen."),
        Column("sound", "audio", "Sound", "Heard.", required=False, nullable=True),
    )
)


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def test_a_damaged_sound_is_told_with_its_row_and_a_good_one_is_taken(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "good.wav").write_bytes(write_sound(Sound(np.zeros(80, np.float32), 8000)))
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    (tmp_path / "rows.csv").write_text("picture,sound\na.png,good.wav\na.png,\na.png,bad.wav\n")
    checker, seen = Checker(SCHEMA), []

    frame = check_gallery(FolderMedia(tmp_path), SCHEMA, checker, lambda n, share: seen.append(n))

    (issue,) = checker.finish().errors
    assert (issue.code, issue.column, issue.row) == ("bad_sound", "sound", 3)
    assert frame["sound"].to_list() == ["good.wav", None, "bad.wav"]
    assert seen == [1, 2, 3]


def test_a_damaged_file_is_read_once_and_told_for_each_row_that_names_it(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "rows.csv").write_text("picture\nbad.png\na.png\nbad.png\n")
    checker, seen = Checker(SCHEMA), []

    check_gallery(FolderMedia(tmp_path), SCHEMA, checker, lambda n, share: seen.append((n, share)))

    assert [issue.row for issue in checker.finish().errors] == [1, 3]
    assert seen == [(1, 0.5), (2, 1.0)]
