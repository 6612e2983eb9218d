"""What is known of a file before it is read: its format, columns and some values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ml_core.errors import DataError, Issue

if TYPE_CHECKING:
    from ml_core.typing import Frame

N_SAMPLES = 4
MAX_COLUMNS = 2_000


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a CSV. `n_lines` is how many lines the header ends after."""

    delimiter: str
    n_lines: int
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def columns(self) -> list[list[str]]:
        """Return the values of each column in these rows; what is missing is empty."""
        return [
            [row[index] if index < len(row) else "" for row in self.rows]
            for index in range(len(self.names))
        ]


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """One column of a file: its name there, what it seems to hold, and a few of its values."""

    name: str
    dtype: str
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is. `n_rows` is known for Parquet only; `head` is for CSV only."""

    format: Literal["csv", "parquet", "pictures"]
    columns: tuple[ColumnPreview, ...]
    n_rows: int | None = None
    head: Head | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the file."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as they stand in the file. `share` is how much of the file has been read so far."""

    frame: Frame
    first_row: int
    share: float


def refusal(code: str, what: str, advice: str, *, column: str | None = None) -> DataError:
    """Return the error for a file that cannot be used: what must hold, what came, what to do."""
    return DataError(Issue(code, f"{what} {advice}", column=column))
