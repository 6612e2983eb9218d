"""Gates begin as identity, and the pyramid keeps the sizes of its maps."""

from __future__ import annotations

import pytest
import torch

from ml_core.nn.attention_gate import AttentionGate
from ml_core.seed import seed_all


def test_a_new_gate_changes_nothing():
    seed_all(0)
    x = torch.randn(2, 24, 7, 9)

    assert torch.equal(AttentionGate(24)(x), x)


def test_a_gate_can_learn_to_close_a_channel():
    seed_all(0)
    gate = AttentionGate(16)
    with torch.no_grad():
        gate.excite.bias[3] = -50.0

    y = gate(torch.ones(1, 16, 4, 4))

    assert y[0, 3].abs().max() < 1e-6
    assert torch.allclose(y[0, 4], torch.ones(4, 4))


@pytest.mark.slow
@pytest.mark.parametrize("gated", [True, False])
def test_the_pyramid_keeps_sizes(gated):
    from ml_core.nn.guided_pyramid import GuidedPyramid  # noqa: PLC0415  brings Ultralytics

    pyramid = GuidedPyramid((40, 112, 192), gated=gated).eval()
    maps = [torch.randn(1, c, s, s) for c, s in ((40, 16), (112, 8), (192, 4))]

    told = pyramid(maps)

    assert [tuple(m.shape[1:]) for m in told] == [
        (w, s, s) for w, s in zip(pyramid.widths, (16, 8, 4), strict=True)
    ]
