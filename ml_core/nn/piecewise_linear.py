"""Numbers of a table told in pieces, so that a network can see sharp limits."""

from __future__ import annotations

from torch import Tensor, clamp, nn


class PiecewiseLinear(nn.Module):
    """Tell for each number how far it has passed through each of its bins.

    With edges b_0 <= b_1 <= ... <= b_t of a feature x:

        e_j = clamp((x - b_{j-1}) / (b_j - b_{j-1}), 0, 1)      j = 1..t

    A perceptron on x itself needs large weights to bend at a limit; on e it only has to pick a
    bin. Bins without width become a step.

    Shapes: edges (f, t + 1), features (n, f) -> (n, f t).
    Source: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep
    Learning" (NeurIPS 2022, arXiv:2203.05556), equation 1; edges from trees as in section 3.2.2.
    """

    low: Tensor
    width: Tensor

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        self.register_buffer("low", edges[:, :-1].clone())
        self.register_buffer("width", clamp(edges[:, 1:] - edges[:, :-1], min=1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """Encode rows of numbers."""
        return clamp((features.unsqueeze(-1) - self.low) / self.width, 0.0, 1.0).flatten(1)
