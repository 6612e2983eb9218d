# ruff: noqa: E402  Django must be set up before its models are imported
"""What encryption costs a scoring job of the fraud solution, against the same job on plain files.

    .venv/bin/python benchmarks/encryption.py [--rows 200000] [--rounds 5]

The same payments lie once encrypted and once plain; a null cipher, which the product does not
have, takes the cipher's place for the plain rounds. Both kinds take turns, and each job reads its
payments and writes its result. `encryption_overhead` compares the medians of processor time, which
is what a cipher costs; the clock on the wall, which on a busy machine is mostly waiting, stands
beside.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tests.settings  # noqa: F401  a home that is thrown away, before Django reads its settings

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import polars as pl
from django.core.management import call_command

from apps.datasets import storage
from apps.datasets.models import Dataset, DatasetVersion
from apps.experiments.models import TrainingRun
from apps.inference.services import start_scoring
from apps.jobs import runner
from apps.jobs.models import State
from apps.registry.services import register
from benchmarks._record import record
from ml_core.security.cipher import DecryptingReader, EncryptingWriter
from ml_core.security.keys import Key, LocalKeys
from ml_core.tracking.run import NullRun
from solutions.api import TableBatch
from solutions.fraud import solution
from solutions.fraud.options import FraudOptions
from solutions.fraud.simulate import simulate
from tests.people import People, make_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.registry.models import ModelVersion

MIB = 2**20
QUICK = FraudOptions(epochs=1, hidden=16, neighbours=8)


class PlainWriter(io.RawIOBase):
    """Take the place of the cipher, and change nothing."""

    def __init__(self, raw: BinaryIO, _: object) -> None:
        super().__init__()
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:
        return self._raw.write(data)

    def close(self) -> None:
        if not self.closed:
            self._raw.flush()
        super().close()

    abort = close


def plain_reader(raw: BinaryIO, *_: object) -> BinaryIO:
    """Read what is not encrypted."""
    return io.FileIO(raw.name)


@contextmanager
def ciphers(*, are_on: bool) -> Iterator[None]:
    """Have files written and read encrypted, or as they are."""
    pair = (EncryptingWriter, DecryptingReader) if are_on else (PlainWriter, plain_reader)
    storage.EncryptingWriter, storage.DecryptingReader = pair
    try:
        yield
    finally:
        storage.EncryptingWriter, storage.DecryptingReader = EncryptingWriter, DecryptingReader


def version_of(people: People, frame: pl.DataFrame, name: str) -> DatasetVersion:
    """Keep payments as a dataset version that has passed its checks."""
    with storage.write("prepared") as blob:
        frame.write_parquet(blob)
    dataset = Dataset.objects.create(
        name=name, solution="fraud", team=people.team, created_by=people.alice
    )
    return DatasetVersion.objects.create(
        dataset=dataset, team=people.team, created_by=people.alice, number=1, state="ready",
        filename=name, format="parquet", sha256=blob.sha256, source_blob=blob.name,
        prepared_blob=blob.name, n_rows=frame.height,
    )  # fmt: skip


def model_of(people: People, version: DatasetVersion) -> ModelVersion:
    """Train a small model on a small world, and register it."""
    world = simulate(120, 60, 60, trouble=4.0, seed=1)
    run = TrainingRun.objects.create(
        team=people.team, created_by=people.alice, solution="fraud", dataset_version=version,
        options={}, state=State.SUCCEEDED, token=uuid4().hex, data_sha256=version.sha256,
        code_version="benchmark",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        split = solution.split(TableBatch(world), QUICK, 0)
        solution.train(split, QUICK, NullRun(), Path(folder))
        return register(run, Path(folder), {})


def score(people: People, version: DatasetVersion, model: ModelVersion) -> tuple[float, float, int]:
    """Run one scoring job; return its seconds, those of the processor, and bytes read, written."""
    prediction = start_scoring(user=people.alice, version=version, model=model, history=None)
    wall, cpu = time.perf_counter(), time.process_time()
    job = runner.run(prediction.job_id)
    took = (time.perf_counter() - wall, time.process_time() - cpu)
    if job is None or job.state != State.SUCCEEDED:
        raise SystemExit(f"The job must succeed. Got {job and job.error}.")
    prediction.refresh_from_db()
    names = (version.prepared_blob, prediction.result_blob)
    return *took, sum(storage.path_of(name).stat().st_size for name in names)


def speed(n_bytes: int = 256 * MIB) -> dict[str, float]:
    """Return how fast the cipher itself is, the median of five."""
    keys, data = LocalKeys([Key.fresh()]), os.urandom(MIB)
    found: dict[str, list[float]] = {"encrypt_mb_s": [], "decrypt_mb_s": []}
    for _ in range(5):
        file = io.BytesIO()
        began = time.process_time()
        with EncryptingWriter(file, keys) as writer:
            for _ in range(n_bytes // MIB):
                writer.write(data)
        found["encrypt_mb_s"].append(n_bytes / 1e6 / (time.process_time() - began))
        reader, buffer = DecryptingReader(file, keys), bytearray(MIB)
        began = time.process_time()
        while reader.readinto(buffer):
            pass
        found["decrypt_mb_s"].append(n_bytes / 1e6 / (time.process_time() - began))
    return {name: median(values) for name, values in found.items()}


def measure(n_rows: int, rounds: int) -> dict[str, float]:
    """Score with both kinds of files in turn, after one round that is not counted."""
    people = make_people()
    frame = simulate(max(200, n_rows // 100), max(100, n_rows // 200), 120, seed=2)[:n_rows]
    frame = frame.with_columns(row=pl.int_range(1, frame.height + 1, dtype=pl.Int64))
    versions: dict[bool, DatasetVersion] = {}
    for are_on in (True, False):
        with ciphers(are_on=are_on):
            versions[are_on] = version_of(people, frame, "encrypted" if are_on else "plain")
    model = model_of(people, versions[True])
    times: dict[bool, list[tuple[float, float, int]]] = {True: [], False: []}
    for number in range(rounds + 1):
        # Encrypted first where it is not counted: it loads the model, which lies encrypted.
        for are_on in (False, True) if number % 2 else (True, False):
            with ciphers(are_on=are_on):
                found = score(people, versions[are_on], model)
            if number:
                times[are_on].append(found)
    wall, cpu = ({on: median(t[place] for t in times[on]) for on in times} for place in (0, 1))
    return {
        "n_rows": frame.height,
        "encryption_overhead": cpu[True] / cpu[False] - 1,
        "encryption_overhead_wall": wall[True] / wall[False] - 1,
        "encrypted_cpu_s": cpu[True],
        "plain_cpu_s": cpu[False],
        "encrypted_s": wall[True],
        "plain_s": wall[False],
        "job_mb": times[True][0][2] / 1e6,
    }


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write instead")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    figures = speed()
    figures |= measure(asked.rows, asked.rounds)
    # What the cipher's own speed makes one expect: much less than the noise of whole jobs.
    seconds = figures["job_mb"] / min(figures["encrypt_mb_s"], figures["decrypt_mb_s"])
    figures["cipher_share_of_job"] = seconds / figures["plain_cpu_s"]
    print("\n".join(f"{name:28} {value:,.4f}" for name, value in figures.items()))
    record("encryption", figures=figures, seeds=[1, 2], out=asked.json)


if __name__ == "__main__":
    main()
