"""Archives from strangers are refused before anything is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.data.archive import members_of, open_archive
from ml_core.data.media import ZipMedia
from ml_core.errors import DataError
from tests.apps.pictures import damaged


def archive(*members: tuple[str, bytes], packing: int = zipfile.ZIP_STORED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        for name, data in members:
            made.writestr(zipfile.ZipInfo(name), data, packing)
    return out


@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/passwd", "a/../../b.png", "..\\b.png", "C:/a.png"]
)
def test_a_name_that_leads_out_is_refused(name):
    with pytest.raises(DataError, match="stay in the folder"):
        open_archive(archive((name, b"x")))


def test_a_bomb_is_refused_by_its_ratio():
    with pytest.raises(DataError, match="shrink at most"):
        open_archive(archive(("big.png", b"\0" * 30_000_000), packing=zipfile.ZIP_DEFLATED))


def test_a_link_is_refused():
    out = io.BytesIO()
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(info, "/etc/passwd")

    with pytest.raises(DataError, match="plain file"):
        open_archive(out)


def test_what_systems_leave_behind_is_not_a_file():
    made = archive(("a.png", b"1"), ("__MACOSX/._a.png", b"2"), (".DS_Store", b"3"))

    assert members_of(open_archive(made)) == ["a.png"]


@pytest.mark.parametrize("name", ["./", "."])
def test_the_folder_of_the_archive_itself_may_stand_in_it(name):
    made = archive((name, b""), ("a.png", b"1"))

    assert "a.png" in members_of(open_archive(made))


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("place", [0, 5, 400])
def test_a_damaged_file_is_named_however_it_was_packed(packing, place):
    data = np.random.default_rng(1).bytes(2_000)
    made = damaged(archive(("a.png", data), packing=packing), "a.png", place)
    media = ZipMedia(open_archive(io.BytesIO(made)))

    with pytest.raises(DataError, match=r"'a\.png' is not .* Pack it again"):
        media.read("a.png")


@given(st.binary(max_size=300))
def test_noise_is_always_a_data_error(data):
    with pytest.raises(DataError):
        open_archive(io.BytesIO(b"PK\x03\x04" + data))
