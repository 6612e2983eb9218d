"""Make welds.csv: `python tests/dummy_solution/demo/make.py`."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl


def welds(n: int = 900, seed: int = 0) -> pl.DataFrame:
    """Make welds whose risk rises with low current, low force and a worn electrode."""
    rng = np.random.default_rng(seed)
    start = datetime.fromisoformat("2026-01-05T06:00:00")
    minutes = np.sort(rng.integers(60 * 24 * 14, size=n))
    electrode = rng.integers(4, size=n)
    current, force = rng.normal(10, 0.8, n), rng.normal(3, 0.3, n)
    wear = np.array([np.sum(electrode[:i] == electrode[i]) for i in range(n)])
    odds = -4.5 - 1.8 * (current - 10) - 4 * (force - 3) + 0.5 * np.log1p(wear)
    failed = rng.random(n) < 1 / (1 + np.exp(-odds))
    return pl.DataFrame(
        {
            "weld_id": [f"W{number:05d}" for number in range(n)],
            "time": [start + timedelta(minutes=int(minute)) for minute in minutes],
            "tip": [f"E{code}" for code in electrode],
            "current": current.round(3),
            "force_kN": force.round(3),
            "failed": [None if rng.random() < 0.1 else int(bad) for bad in failed],
        }
    )


if __name__ == "__main__":
    welds().write_csv(Path(__file__).parent / "welds.csv", datetime_format="%Y-%m-%d %H:%M:%S")
