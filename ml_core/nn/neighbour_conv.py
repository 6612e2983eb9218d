"""Graph attention over a fixed number of neighbours per node."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing


class NeighbourConv(MessagePassing):  # type: ignore[misc]  # torch_geometric carries no types
    """Attend from each target to its k neighbours, which may differ in kind from it.

    With h heads, target x_i and neighbours e_ij (j = 1..k), of which some may be absent:

        v_ij = W_v e_ij,   s_ij = a . leaky_relu(W_q x_i + W_k e_ij)   (per head)
        y_i = W_o [sum_j softmax_j(s_ij) v_ij]      over the neighbours that are there

    A target without neighbours gets W_o [0]. The graph is bipartite: edge number i k + j leads
    from neighbour j of target i to target i, so that messages lie in the order of their targets
    and the sum over a neighbourhood is a sum over an axis. Plain gathers and sums are all that
    is left for ONNX, with any number of targets.

    Shapes: targets (n, target_size), neighbours (n, k, neighbour_size), present (n, k) of 0 or 1
    -> (n, size).
    Source: Brody, Alon, Yahav, "How Attentive are Graph Attention Networks?" (ICLR 2022,
    arXiv:2105.14491), equation 7; there over a general graph, here over fixed neighbourhoods.
    """

    def __init__(self, target_size: int, neighbour_size: int, size: int, heads: int = 4) -> None:
        super().__init__(node_dim=0)
        if size % heads:
            message = f"`size` must be a multiple of `heads`. Got {size} and {heads}. Change one."
            raise ValueError(message)
        self.heads = heads
        self.query = nn.Linear(target_size, size, bias=False)
        self.key_value = nn.Linear(neighbour_size, 2 * size)
        self.attention = nn.Parameter(torch.empty(heads, size // heads))
        self.out = nn.Linear(size, size)
        nn.init.xavier_uniform_(self.attention)

    def forward(self, targets: Tensor, neighbours: Tensor, present: Tensor) -> Tensor:
        """Gather what the neighbours say to each target."""
        n, k = neighbours.shape[0], neighbours.shape[1]
        key, value = self.key_value(neighbours).flatten(0, 1).chunk(2, dim=-1)
        target = torch.arange(n, device=targets.device).unsqueeze(1).expand(n, k).flatten()
        edge_index = torch.stack([torch.arange(n * k, device=targets.device), target])
        gathered = self.propagate(
            edge_index,
            x=(None, self.query(targets)),
            key=key,
            value=value,
            present=present,
            size=(None, n),
        )
        result: Tensor = self.out(gathered)
        return result

    def message(self, x_i: Tensor, key: Tensor, value: Tensor, present: Tensor) -> Tensor:
        """Weigh what each edge carries.

        Shapes: x_i, key, value (n k, size), present (n, k) -> (n, k, size).
        """
        k = present.shape[1]
        shape = (-1, k, self.heads, self.attention.shape[1])
        mixed = nn.functional.leaky_relu(x_i + key, 0.2).reshape(shape)
        score = (mixed * self.attention).sum(dim=-1)
        there = present.unsqueeze(-1)
        weight = torch.softmax(score - 1e4 * (1.0 - there), dim=1) * there
        heads = value.reshape(shape)
        return (weight.unsqueeze(-1) * heads).flatten(2)

    def aggregate(self, inputs: Tensor) -> Tensor:
        """Sum over each neighbourhood. Shapes: (n, k, size) -> (n, size)."""
        return inputs.sum(dim=1)
