"""Layers: shapes, absent neighbours, and the formulas they promise."""

from __future__ import annotations

import pytest
import torch

from ml_core.nn.neighbour_conv import NeighbourConv
from ml_core.nn.piecewise_linear import PiecewiseLinear


@pytest.fixture
def conv():
    torch.manual_seed(0)
    return NeighbourConv(5, 3, 8, heads=2)


def test_an_absent_neighbour_says_nothing(conv):
    targets, neighbours = torch.randn(4, 5), torch.randn(4, 6, 3)
    present = torch.ones(4, 6)
    present[:, 3:] = 0

    whole = conv(targets, neighbours, present)

    assert torch.allclose(whole, conv(targets, neighbours[:, :3], present[:, :3]), atol=1e-6)


def test_the_order_of_neighbours_does_not_matter(conv):
    targets, neighbours = torch.randn(4, 5), torch.randn(4, 6, 3)
    present = torch.ones(4, 6)

    whole = conv(targets, neighbours, present)

    assert torch.allclose(whole, conv(targets, neighbours.flip(1), present), atol=1e-6)


def test_a_target_hears_its_own_neighbours_only(conv):
    targets, neighbours = torch.randn(3, 5), torch.randn(3, 4, 3)
    changed = neighbours.clone()
    changed[1] += 1.0

    one, other = (conv(targets, n, torch.ones(3, 4)) for n in (neighbours, changed))

    assert torch.allclose(one[[0, 2]], other[[0, 2]])
    assert not torch.allclose(one[1], other[1])


def test_nobody_around_gives_the_bias_alone(conv):
    result = conv(torch.randn(2, 5), torch.randn(2, 4, 3), torch.zeros(2, 4))

    assert torch.allclose(result, conv.out.bias.expand(2, -1))


def test_attention_is_the_softmax_of_the_formula():
    torch.manual_seed(1)
    conv = NeighbourConv(5, 3, 4, heads=1)
    x, e = torch.randn(1, 5), torch.randn(1, 3, 3)
    key, value = conv.key_value(e[0]).chunk(2, dim=-1)

    score = torch.nn.functional.leaky_relu(conv.query(x) + key, 0.2) @ conv.attention[0]
    expected = conv.out(torch.softmax(score, 0) @ value)

    assert torch.allclose(conv(x, e, torch.ones(1, 3))[0], expected, atol=1e-6)


def test_a_size_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        NeighbourConv(5, 3, 7, heads=2)


def test_pieces_tell_how_far_a_number_has_come():
    layer = PiecewiseLinear(torch.tensor([[0.0, 1.0, 3.0]]))

    result = layer(torch.tensor([[-1.0], [0.5], [2.0], [9.0]]))

    assert result.tolist() == [[0.0, 0.0], [0.5, 0.0], [1.0, 0.5], [1.0, 1.0]]


def test_a_bin_without_width_is_a_step():
    layer = PiecewiseLinear(torch.tensor([[2.0, 2.0]]))

    assert layer(torch.tensor([[1.99], [2.01]])).tolist() == [[0.0], [1.0]]
