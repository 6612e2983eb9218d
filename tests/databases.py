"""What a product under test stores in: SQLite and files, or the servers that were started."""

from __future__ import annotations

import itertools
import os
import sqlite3
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.e2e.product import Product

# Where a run of tests finds the servers that `python -m tests.servers` started for it.
POSTGRES, REDIS = "ASSAY_TEST_POSTGRES", "ASSAY_TEST_REDIS"
# The first numbers of Redis belong to the processes of the tests themselves.
_numbers = itertools.count(32)


def own_services() -> dict[str, str]:
    """Return the settings of a new, empty installation: nothing where SQLite and files serve."""
    if not (postgres := os.environ.get(POSTGRES)):
        return {}
    broker = f"{os.environ[REDIS]}/{next(_numbers)}"
    return {"DATABASE_URL": new_database(postgres), "ASSAY_BROKER_URL": broker}


def new_database(server: str) -> str:
    """Make a database on a server and return its address."""
    name = f"assay_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def query(product: Product, sql: str, *values: str) -> list[tuple]:
    """Ask the database of a product, without the product's own code."""
    if address := product.env.get("DATABASE_URL"):
        with psycopg.connect(address) as connection:
            return connection.execute(sql.replace("?", "%s"), values).fetchall()
    with closing(sqlite3.connect(f"file:{product.home}/db.sqlite3?mode=ro", uri=True)) as database:
        return database.execute(sql, values).fetchall()
