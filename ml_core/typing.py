"""Names for the types that every room of `ml_core` shares."""

from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Frame: TypeAlias = pl.DataFrame
FloatArray: TypeAlias = NDArray[np.float64]
Float32Array: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
