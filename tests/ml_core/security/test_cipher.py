"""Encrypted files: what comes back, and what must never come back."""

import io

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import ConfigError, IntegrityError
from ml_core.security.cipher import CHUNK, SEALED, DecryptingReader, EncryptingWriter, Key

KEY = Key("2026-01", bytes(range(32)))
KEYS = {KEY.id: KEY.secret}
WRAPPED = 12 + 32 + 16
HEADER = 8 + 24 + 1 + len(KEY.id) + 2 + WRAPPED
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]


def plain(size):
    return np.random.default_rng(size).bytes(size)


def seal(data, key=KEY):
    file = io.BytesIO()
    with EncryptingWriter(file, key) as writer:
        writer.write(data)
    return file.getvalue()


def open_(sealed, keys=KEYS):
    return DecryptingReader(io.BytesIO(sealed), keys)


def chunks(sealed):
    return [sealed[at : at + SEALED] for at in range(HEADER, len(sealed), SEALED)]


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(size):
    data = plain(size)

    assert open_(seal(data)).read() == data


@pytest.mark.parametrize("size", SIZES)
def test_only_the_overhead_of_header_and_tags_is_added(size):
    n_chunks = max(1, -(-size // CHUNK))

    assert len(seal(plain(size))) == HEADER + size + 16 * n_chunks


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.integers(0, 2 * CHUNK), max_size=6),
    reads=st.lists(st.tuples(st.integers(0, 5 * CHUNK), st.integers(0, CHUNK + 9)), max_size=8),
)
def test_any_writes_and_any_seeks_agree_with_plain_bytes(pieces, reads):
    data = plain(sum(pieces))
    file, wanted = io.BytesIO(), io.BytesIO(data)
    with EncryptingWriter(file, KEY) as writer:
        for piece in pieces:
            writer.write(wanted.read(piece))
    reader = open_(file.getvalue())

    for place, length in reads:
        wanted.seek(place)
        assert reader.seek(place) == reader.tell() == place
        assert reader.read(length) == wanted.read(length)


def test_it_seeks_from_the_place_and_from_the_end():
    reader = open_(seal(b"0123456789"))

    assert reader.seek(-3, io.SEEK_END) == 7
    assert reader.read(1) == b"7"
    assert reader.seek(-2, io.SEEK_CUR) == 6
    with pytest.raises(ValueError, match="0 or more"):
        reader.seek(-1)


def test_the_same_text_never_looks_the_same():
    first, second = seal(plain(1000)), seal(plain(1000))

    assert first[HEADER:] != second[HEADER:]
    assert plain(1000)[:16] not in first


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, HEADER + CHUNK + 500 + 2 * 16 - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(place, bit):
    sealed = bytearray(SEALED_ONCE)
    sealed[place] ^= 1 << bit

    with pytest.raises(IntegrityError):
        open_(bytes(sealed)).read()


SEALED_ONCE = seal(plain(CHUNK + 500))


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, len(SEALED_ONCE) - 1))
def test_a_file_cut_anywhere_is_refused_when_opened(length):
    with pytest.raises(IntegrityError):
        open_(SEALED_ONCE[:length])


@pytest.mark.parametrize("n_kept", [0, 1, 2])
def test_a_file_cut_between_chunks_is_refused_when_opened(n_kept):
    sealed = seal(plain(3 * CHUNK))

    with pytest.raises(IntegrityError):
        open_(sealed[: HEADER + n_kept * SEALED])


@pytest.mark.parametrize(
    "order",
    [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 1, 2, 3), (0, 2, 3), (3,), (0, 1, 2, 3, 3)],
    ids=["swap", "swap later", "repeat", "drop", "last alone", "repeat last"],
)
def test_chunks_in_another_order_are_refused(order):
    sealed = seal(plain(3 * CHUNK + 9))
    pieces = chunks(sealed)

    with pytest.raises(IntegrityError):
        open_(sealed[:HEADER] + b"".join(pieces[index] for index in order)).read()


def test_a_chunk_of_another_file_is_refused():
    first, second = seal(plain(2 * CHUNK)), seal(plain(2 * CHUNK))

    with pytest.raises(IntegrityError):
        open_(first[:HEADER] + chunks(second)[0] + chunks(first)[1]).read()


def test_bytes_behind_the_end_are_refused():
    with pytest.raises(IntegrityError):
        open_(seal(plain(100)) + b"more").read()


def test_another_key_of_the_same_name_is_refused():
    with pytest.raises(IntegrityError):
        open_(seal(b"x"), {KEY.id: bytes(32)})


def test_a_missing_key_is_named_and_the_others_are_not_told():
    with pytest.raises(IntegrityError, match="2026-01") as caught:
        open_(seal(b"x"), {"2027-01": b"s" * 32})

    assert "sss" not in str(caught.value)


def test_files_of_an_old_key_stay_readable_after_a_new_one():
    new = Key("2027-01", bytes(32))
    keys = KEYS | {new.id: new.secret}

    assert open_(seal(b"old"), keys).read() == b"old"
    assert open_(seal(b"new", new), keys).read() == b"new"
    assert open_(seal(b"new", new), keys).key_id == "2027-01"


def test_a_write_that_failed_leaves_nothing_readable():
    file = io.BytesIO()

    with pytest.raises(TypeError), EncryptingWriter(file, KEY) as writer:
        writer.writelines([plain(3 * CHUNK), "no bytes"])

    with pytest.raises(IntegrityError):
        open_(file.getvalue())


def test_a_writer_that_was_forgotten_leaves_nothing_readable():
    file = io.BytesIO()
    writer = EncryptingWriter(file, KEY)
    writer.write(plain(2 * CHUNK))

    del writer

    with pytest.raises(IntegrityError):
        open_(file.getvalue())


def test_a_closed_writer_takes_nothing_more():
    writer = EncryptingWriter(io.BytesIO(), KEY)
    writer.close()
    writer.close()

    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x")


@pytest.mark.parametrize("secret", [b"", b"short", bytes(33)])
def test_a_key_of_another_length_is_refused(secret):
    with pytest.raises(ConfigError, match="32 bytes"):
        Key("k", secret)


def test_a_key_never_shows_its_secret():
    assert repr(KEY) == "Key(id='2026-01')"


def test_the_reader_closes_the_file_and_the_writer_leaves_it_to_its_owner():
    file = io.BytesIO()
    EncryptingWriter(file, KEY).close()
    assert not file.closed

    DecryptingReader(file, KEYS).close()

    assert file.closed


@pytest.mark.parametrize("wrap", [lambda raw: raw, io.BufferedReader], ids=["raw", "buffered"])
def test_parquet_is_written_and_read_through_it(wrap):
    frame = pl.DataFrame({"a": range(200_000), "b": [str(i % 7) for i in range(200_000)]})
    file = io.BytesIO()
    with EncryptingWriter(file, KEY) as writer:
        frame.write_parquet(writer, row_group_size=10_000)

    assert pl.read_parquet(wrap(open_(file.getvalue()))).equals(frame)
    batch = pq.ParquetFile(wrap(open_(file.getvalue()))).read_row_group(7, columns=["a"])
    assert batch["a"].to_pylist() == list(range(70_000, 80_000))
