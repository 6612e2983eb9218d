"""Where keys come from: a file of several, a service by HTTP, a program."""

import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import UnixStreamServer

import pytest

from ml_core.errors import ConfigError, IntegrityError
from ml_core.security.cipher import DecryptingReader, EncryptingWriter, renew
from ml_core.security.key_file import add_key, drop_key, read_keys
from ml_core.security.keys import Chain, Key, LocalKeys
from ml_core.security.kms import Command, KmsKeys, Vault


def seal(keys, data=b"rows"):
    file = io.BytesIO()
    with EncryptingWriter(file, keys) as writer:
        writer.write(data)
    return file.getvalue()


def read(sealed, keys):
    return DecryptingReader(io.BytesIO(sealed), keys).read()


# --- a file ----------------------------------------------------------------------------------
def test_a_new_key_comes_before_the_others_and_the_file_is_closed_to_others(tmp_path):
    path, first, second = tmp_path / "keys", Key.fresh(), Key.fresh()

    add_key(path, first)
    add_key(path, second)

    assert read_keys(path) == (second, first)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_keys(tmp_path / "none") == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_touch_is_refused(tmp_path, mode):
    path = tmp_path / "keys"
    add_key(path, Key.fresh())
    path.chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        read_keys(path)


def test_a_line_that_is_no_key_is_named_and_not_quoted(tmp_path):
    path = tmp_path / "keys"
    add_key(path, Key.fresh())
    with path.open("a") as file:
        file.write("# a remark\n\nnearly-a-secret\n")

    with pytest.raises(ConfigError, match="Line 6") as caught:
        read_keys(path)

    assert "nearly" not in str(caught.value)


def test_only_an_old_key_is_taken_away(tmp_path):
    path, old, new = tmp_path / "keys", Key.fresh(), Key.fresh()
    add_key(path, old)
    add_key(path, new)

    with pytest.raises(ConfigError, match="an old one"):
        drop_key(path, new.id)
    drop_key(path, old.id)

    assert read_keys(path) == (new,)


# --- a service -------------------------------------------------------------------------------
class Transit(BaseHTTPRequestHandler):
    """As much of Vault's transit engine as is asked for."""

    versions = 1
    asked: list  # of the paths

    def do_GET(self):
        self.answer({"latest_version": type(self).versions})

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/encrypt/assay"):
            sealed = json.dumps([said["plaintext"], said["associated_data"]]).encode()
            told = f"vault:v{type(self).versions}:{base64.b64encode(sealed).decode()}"
            self.answer({"ciphertext": told})
            return
        plain, bound = json.loads(base64.b64decode(said["ciphertext"].split(":")[2]))
        fits = bound == said["associated_data"]
        self.answer({"plaintext": plain} if fits else None)

    def answer(self, data):
        self.asked.append(self.path)
        known = self.headers["X-Vault-Token"] == "letmein"
        self.send_response((200 if data else 400) if known else 403)
        self.end_headers()
        self.wfile.write(json.dumps({"data": data}).encode() if known else b"{}")

    def log_message(self, *_):
        pass

    def address_string(self):
        return "test"


class UnixHTTPServer(UnixStreamServer):
    pass


@pytest.fixture(params=["http", "unix"])
def vault(request, tmp_path):
    handler = type("Own", (Transit,), {"asked": [], "versions": 1})
    if request.param == "http":
        server = HTTPServer(("127.0.0.1", 0), handler)
        address = f"http://127.0.0.1:{server.server_port}"
    else:
        server = UnixHTTPServer(str(tmp_path / "kms.sock"), handler)
        address = f"unix:{tmp_path / 'kms.sock'}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield address, handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_wraps_and_its_own_key_is_never_seen(vault):
    address, _ = vault
    keys = KmsKeys(Vault(address, "transit/assay", "letmein"))

    sealed = seal(keys)

    assert keys.current == "vault:transit/assay:v1"
    assert read(sealed, keys) == b"rows"
    assert keys.secret(keys.current) is None


def test_a_new_version_of_its_key_is_wrapped_with_after_rotation(vault):
    address, handler = vault
    keys = KmsKeys(Vault(address, "transit/assay", "letmein"))
    before, target = seal(keys), io.BytesIO()

    handler.versions = 2
    renew(io.BytesIO(before), target, keys)

    assert DecryptingReader(target, keys).key_id == "vault:transit/assay:v2" == keys.current
    assert read(before, keys) == b"rows"


def test_the_service_is_asked_once_for_what_is_read_often(vault):
    address, handler = vault
    keys = KmsKeys(Vault(address, "transit/assay", "letmein"))
    sealed = seal(keys)

    for _ in range(5):
        read(sealed, keys)

    assert handler.asked.count("/v1/transit/decrypt/assay") == 1


def test_a_wrapped_key_that_the_service_refuses_is_tampering(vault):
    address, _ = vault
    keys = KmsKeys(Vault(address, "transit/assay", "letmein"))
    sealed = bytearray(seal(keys))
    sealed[10] ^= 1  # of the core that the wrapped key is bound to

    with pytest.raises(IntegrityError, match="wrapped key"):
        read(bytes(sealed), keys)


def test_files_of_local_keys_move_into_the_service(vault):
    address, _ = vault
    old, kms = LocalKeys([Key.fresh()]), KmsKeys(Vault(address, "transit/assay", "letmein"))
    target = io.BytesIO()

    renew(io.BytesIO(seal(old)), target, Chain([kms, old]))

    assert read(target.getvalue(), kms) == b"rows"


def test_a_wrong_token_is_told_without_the_token(vault):
    address, _ = vault
    service = Vault(address, "transit/assay", "secret-token")

    with pytest.raises(ConfigError, match="status 403") as caught:
        seal(KmsKeys(service))

    assert "secret-token" not in str(caught.value) + repr(service)


def test_a_service_that_is_gone_is_named(tmp_path):
    keys = KmsKeys(Vault(f"unix:{tmp_path}/none", "transit/assay", "t"))

    with pytest.raises(ConfigError, match="must answer"):
        seal(keys)


@pytest.mark.parametrize("address", ["http://vault.example:8200", "ftp://127.0.0.1", "vault", ""])
def test_a_token_does_not_cross_a_network_in_the_clear(address):
    with pytest.raises(ConfigError, match="ASSAY_KMS_ADDRESS"):
        Vault(address, "transit/assay", "t")


# --- a program -------------------------------------------------------------------------------
PROGRAM = """
import base64, json, sys
said = json.load(sys.stdin)
if sys.argv[1] == "wrap":
    said["data"] = base64.b64encode((said["bound"] + "|" + said["data"]).encode()).decode()
elif sys.argv[1] == "unwrap":
    bound, said["data"] = base64.b64decode(said["data"]).decode().split("|")
    sys.exit(2) if bound != said["bound"] else None
print(json.dumps({"key": "7", "data": said.get("data")}))
"""


def test_a_program_wraps_and_unwraps(tmp_path):
    (tmp_path / "kms.py").write_text(PROGRAM)
    keys = KmsKeys(Command([sys.executable, str(tmp_path / "kms.py")]))
    sealed = bytearray(seal(keys))

    assert keys.current == "command:7"
    assert read(bytes(sealed), keys) == b"rows"
    sealed[10] ^= 1
    with pytest.raises(IntegrityError, match="wrapped key"):
        read(bytes(sealed), keys)


@pytest.mark.parametrize("program", ["sys.exit(1)", "print('no json')", "print('{}')"])
def test_a_program_that_fails_is_told(tmp_path, program):
    (tmp_path / "kms.py").write_text(f"import sys; {program}")

    with pytest.raises(ConfigError, match="must answer"):
        seal(KmsKeys(Command([sys.executable, str(tmp_path / "kms.py")])))
