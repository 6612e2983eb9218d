"""A key for each file, wrapped by a named one: rotation touches headers, tampering is found."""

import io
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ml_core.errors import IntegrityError
from ml_core.security.cipher import CHUNK, DecryptingReader, EncryptingWriter, renew
from ml_core.security.envelope import CORE_BYTES, MAGIC, Header
from ml_core.security.keys import Chain, Key, LocalKeys

OLD, NEW = Key.named(b"o" * 32), Key.named(b"n" * 32)
DATA = bytes(range(256)) * 600  # two chunks and a half


def seal(keys, data=DATA):
    file = io.BytesIO()
    with EncryptingWriter(file, keys) as writer:
        writer.write(data)
    return file.getvalue()


def seal_as_first_format(key, data):
    """What earlier versions wrote: one chunk, its key derived from the named one."""
    salt, prefix = b"s" * 16, b"p" * 8
    name = key.id.encode()
    header = b"ASSAY\x00\x00\x01" + bytes([len(name)]) + name + salt + prefix
    derive = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"assay file 1")
    bound = header + struct.pack(">I?", 0, True)
    return header + AESGCM(derive.derive(key.secret)).encrypt(
        prefix + struct.pack(">I", 0), data, bound
    )


def read(sealed, *keys):
    return DecryptingReader(io.BytesIO(sealed), LocalKeys(keys)).read()


def renewed(sealed, keys, **how):
    target = io.BytesIO()
    renew(io.BytesIO(sealed), target, keys, **how)
    return target.getvalue()


def body(sealed):
    file = io.BytesIO(sealed)
    Header.read(file)
    return file.read()


def header(sealed):
    return sealed[: -len(body(sealed))]


def test_two_files_of_one_key_have_keys_of_their_own():
    first, second = (Header.read(io.BytesIO(seal(OLD))) for _ in range(2))
    keys = LocalKeys([OLD])

    assert first.data_key(keys) != second.data_key(keys)
    assert OLD.secret not in (first.data_key(keys), second.data_key(keys))


def test_rotation_wraps_the_key_anew_and_leaves_the_chunks():
    before = seal(OLD)

    after = renewed(before, LocalKeys([NEW, OLD]))

    assert body(after) == body(before)
    assert read(after, NEW) == DATA
    with pytest.raises(IntegrityError, match=OLD.id):
        read(before, NEW)


def test_a_fresh_key_changes_every_byte_that_rests():
    before = seal(OLD)

    after = renewed(before, LocalKeys([NEW, OLD]), fresh=True)

    assert body(after)[:CHUNK] != body(before)[:CHUNK]
    assert read(after, NEW) == DATA


def test_files_of_the_first_format_are_read_and_brought_to_the_second():
    before = seal_as_first_format(OLD, b"written long ago")

    after = renewed(before, LocalKeys([NEW, OLD]))

    assert read(before, NEW, OLD) == b"written long ago"
    assert after.startswith(MAGIC)
    assert read(after, NEW) == b"written long ago"


@pytest.mark.parametrize("place", range(8 + CORE_BYTES + 1 + len(OLD.id) + 2 + 60))
def test_a_flipped_bit_of_the_header_or_the_wrapped_key_is_found(place):
    sealed = bytearray(SEALED)
    sealed[place] ^= 1

    with pytest.raises(IntegrityError):
        read(bytes(sealed), OLD, NEW)


SEALED = seal(OLD, b"some rows")


def test_the_header_of_another_file_of_the_same_key_does_not_fit():
    one, other = seal(OLD), seal(OLD)

    with pytest.raises(IntegrityError):
        read(header(other) + body(one), OLD)


def test_the_wrapped_key_of_another_file_does_not_fit():
    one, other = (Header.read(io.BytesIO(seal(OLD))) for _ in range(2))
    mixed = Header(one.key_id, one.core, other.wrapped)

    with pytest.raises(IntegrityError, match="wrapped key"):
        mixed.data_key(LocalKeys([OLD]))


def test_a_wrapped_key_does_not_open_under_another_name():
    twin = Key("another-name", OLD.secret)
    found = Header.read(io.BytesIO(seal(OLD)))
    renamed = Header(twin.id, found.core, type(found.wrapped)(twin.id, found.wrapped.data))

    with pytest.raises(IntegrityError, match="wrapped key"):
        renamed.data_key(LocalKeys([twin]))


@pytest.mark.parametrize("at", [0, CHUNK + 100, -1])
def test_rotation_does_not_bless_a_file_that_was_changed(at):
    sealed = bytearray(seal(OLD))
    sealed[len(header(bytes(sealed))) + at if at >= 0 else at] ^= 1

    with pytest.raises(IntegrityError):
        read(renewed(bytes(sealed), LocalKeys([NEW, OLD])), NEW)


def test_an_error_names_the_file_by_what_it_is():
    sealed = bytearray(seal(OLD))
    sealed[-1] ^= 1

    with pytest.raises(IntegrityError, match="the model Fraud 7"):
        DecryptingReader(io.BytesIO(sealed), LocalKeys([OLD]), "the model Fraud 7")


def test_a_chain_writes_by_its_first_source_and_reads_by_all():
    chain = Chain([LocalKeys([NEW]), LocalKeys([OLD])])

    assert DecryptingReader(io.BytesIO(seal(chain)), LocalKeys([NEW])).key_id == NEW.id
    assert DecryptingReader(io.BytesIO(seal(OLD)), chain).read() == DATA
    assert not chain.knows("k0")
    with pytest.raises(IntegrityError, match="must be at hand"):
        DecryptingReader(io.BytesIO(seal(Key("k0", b"0" * 32))), chain)
