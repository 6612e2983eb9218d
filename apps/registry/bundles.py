"""Bundles on this machine: decrypted into a private folder, verified, loaded once a process."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from apps.catalog.services import solution as find_solution
from apps.datasets import storage
from apps.registry import signing
from ml_core.errors import AssayError, ModelError

if TYPE_CHECKING:
    from apps.registry.models import ModelVersion
    from solutions.api import Predictor

MOST_LOADED = 4  # one of each solution; asked in turn, none waits to be loaded again
_BLOCK = 1 << 20
_loaded: OrderedDict[str, Predictor] = OrderedDict()
_lock = threading.Lock()


def load(model: ModelVersion) -> Predictor:
    """Return the predictor of a model, loaded at most once by each process.

    Raises: ModelError: if the bundle is not as it was registered.
    """
    key = f"{model.pk}:{signing.digest(model)}"
    with _lock:
        if key not in _loaded:
            _loaded[key] = find_solution(model.solution).load(materialise(model))
        _loaded.move_to_end(key)
        while len(_loaded) > MOST_LOADED:
            _loaded.popitem(last=False)
        return _loaded[key]


def materialise(model: ModelVersion) -> Path:
    """Return a private folder with the files of a bundle, each as its checksum says.

    Several processes may ask at once: each writes a folder of its own, and the first to rename
    wins.
    Raises: ModelError: if signature, decryption or a checksum does not fit.
    """
    signing.check(model)
    root = Path(settings.ASSAY_CACHE_DIR) / "models"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / f"{model.pk}-{signing.digest(model)[:16]}"
    if folder.is_dir():
        if is_whole(folder, model.manifest):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(dir=root, prefix="new-"))
    try:
        _unpack(model, fresh)
        _put_in_place(fresh, folder, model)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def require_whole(model: ModelVersion) -> None:
    """Stop unless the files that are kept of a model are those that were registered.

    The store itself is read, not the cache of this machine: others must find them there too.
    Raises: ModelError: if signature, decryption or a checksum does not fit.
    """
    signing.check(model)
    try:
        for name, entry in model.manifest.items():
            digest = hashlib.sha256()
            with storage.open_blob(entry["blob"]) as source:
                while block := source.read(_BLOCK):
                    digest.update(block)
            if digest.hexdigest() != entry["sha256"]:
                raise ModelError(f"{name} has another checksum than its manifest says.")
    except (AssayError, OSError) as error:
        message = (
            f"The files of {model} must be whole and as they were registered. {error} "
            "Nothing was changed. Restore them from a backup, or choose another model."
        )
        raise ModelError(message) from error


def is_whole(folder: Path, manifest: dict[str, dict[str, object]]) -> bool:
    """Say whether a folder holds every file of a manifest, unchanged, and nothing else."""
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return found == set(manifest) and all(
        sha256_of(folder / name) == entry["sha256"] for name, entry in manifest.items()
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unpack(model: ModelVersion, folder: Path) -> None:
    try:
        storage.get_folder(model.manifest, folder)
    except (AssayError, OSError) as error:
        message = (
            f"The files of {model} must be whole and as they were registered. {error} "
            "Restore them from a backup, or promote another model."
        )
        raise ModelError(message) from error
    if not is_whole(folder, model.manifest):
        message = (
            f"The files of {model} must have the checksums of its manifest. At least one differs. "
            "Restore them from a backup, or promote another model."
        )
        raise ModelError(message)


def _put_in_place(fresh: Path, folder: Path, model: ModelVersion) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        # Another process was first; what it wrote must be just as whole.
        if not (folder.is_dir() and is_whole(folder, model.manifest)):
            message = f"{model} could not be put into the cache. Check the disk and try again."
            raise ModelError(message) from None
