"""The small world: the same for the same seed, with frauds of several kinds."""

from __future__ import annotations

from solutions.fraud import solution
from solutions.fraud.schema import LEAKING, SCHEMA
from solutions.fraud.simulate import simulate


def test_the_same_seed_gives_the_same_world():
    assert simulate(30, 20, 20, seed=3).equals(simulate(30, 20, 20, seed=3))
    assert not simulate(30, 20, 20, seed=3).equals(simulate(30, 20, 20, seed=4))


def test_it_has_the_columns_of_the_schema_sorted_by_time(world):
    assert tuple(world.columns) == SCHEMA.names
    assert world["time"].is_sorted()
    assert world["transaction_id"].is_unique().all()
    assert (world["amount"] > 0).all()


def test_frauds_are_few_and_of_several_kinds(world):
    frauds = world.filter(is_fraud=1)

    assert 0.005 < frauds.height / world.height < 0.08
    assert frauds["amount"].max() > 200 > 3 > frauds["amount"].min()


def test_the_leaking_column_is_no_alias():
    aliases = {alias.lower() for column in SCHEMA.columns for alias in column.aliases}

    assert not aliases & {name.lower() for name in LEAKING}


def test_the_demo_is_small():
    assert solution.demo().stat().st_size <= 100 * 1024
