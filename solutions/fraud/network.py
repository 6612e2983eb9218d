"""The network: a graph convolution and a temporal extractor, joined into one decision.

Cards and terminals are the nodes of a graph, payments its edges in time. To judge the payment of
card c at terminal t,

- a *convolution* over the terminal's last known payments asks what became of other cards there;
- a *convolution* over the card's last payments asks where it has been, and what was known of
  these terminals then (each neighbour carries the as-of numbers of its own far end: the second
  hop);
- a *recurrent* unit reads the card's last payments in their order: bursts and changes of pace;
- a perceptron reads the payment's own row of features, each told in pieces between the limits
  that matter.

What the four say is joined, and a small perceptron decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml_core.nn.neighbour_conv import NeighbourConv
from ml_core.nn.piecewise_linear import PiecewiseLinear


@dataclass(frozen=True, slots=True)
class Scale:
    """How to read f features: their mean and spread (f,), and the edges of their bins (f, t)."""

    mean: Tensor
    spread: Tensor
    edges: Tensor


class FraudNetwork(nn.Module):
    """Give the log-odds of fraud.

    Shapes: features (n, f), card (n, k, c), terminal (n, k, d) -> (n,). The first number of each
    neighbour is 1 if it is there and 0 if not; neighbours come newest first.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, scale: Scale, sizes: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", scale.mean)
        self.register_buffer("spread", scale.spread)
        self.pieces = PiecewiseLinear(scale.edges)
        card_size, terminal_size = sizes
        n_features, n_edges = scale.edges.shape
        self.payment = nn.Sequential(
            nn.Linear(n_features * n_edges, 2 * hidden),
            nn.SiLU(),
            nn.Linear(2 * hidden, hidden),
            nn.SiLU(),
        )
        self.memory = nn.GRU(card_size, hidden // 2, batch_first=True)
        self.at_card = NeighbourConv(hidden, card_size, hidden)
        self.at_terminal = NeighbourConv(hidden, terminal_size, hidden)
        self.decide = nn.Sequential(
            nn.Linear(3 * hidden + hidden // 2, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def forward(self, features: Tensor, card: Tensor, terminal: Tensor) -> Tensor:
        """Judge payments."""
        level = torch.clamp((features - self.mean) / self.spread, -8.0, 8.0)
        payment = self.payment(torch.cat((level, self.pieces(features)), dim=-1))
        # Told its beginning while it learns: gradients of single units are not found without.
        start = card.new_zeros(1, len(card), self.memory.hidden_size) if self.training else None
        _, memory = self.memory(card.flip(1), start)
        parts = (
            payment,
            memory[0],
            nn.functional.silu(self.at_card(payment, card, card[:, :, 0])),
            nn.functional.silu(self.at_terminal(payment, terminal, terminal[:, :, 0])),
        )
        log_odds: Tensor = self.decide(torch.cat(parts, dim=-1))
        return log_odds.squeeze(-1)
