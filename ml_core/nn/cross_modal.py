"""Attention of words over pictures and sounds, and over each other.

Each modality m gives tokens X_m (t_m, d_m), projected to one width: K_m = X_m W_m + e_m, where e_m
tells modalities apart. The words Q ask all of them at once:

    A = softmax(Q W_q (K W_k)' / sqrt(width / heads)),   Q' = Q + A (K W_v) W_o,   Q'' = Q' + f(Q')

Before each look the words may look at each other in the same way (K = Q), so that a word can hear
what another has found.

Source: Vaswani et al., "Attention is all you need" (NeurIPS 2017), section 3.2; asking another
modality as in Lu et al., "ViLBERT" (NeurIPS 2019), section 3.1. We depart from both in that the
other modalities are concatenated, so that any subset of them may be there, and that norms come
before (Xiong et al., ICML 2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class CrossModalAttention(nn.Module):
    """One step of looking: words attend to all tokens of the other modalities.

    Shapes: query (n, q, width), keys (n, k, width), hidden (n, k) bool, True where there is
    nothing -> asked (n, q, width), attention (n, q, k), the mean over heads.
    A row that has nothing to look at keeps its query.
    """

    def __init__(self, width: int, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            message = f"The width must be a multiple of the heads. Got {width} and {heads}."
            raise ValueError(message)
        self.heads = heads
        self.before_query, self.before_keys = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.forward_net = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(),
            nn.Linear(2 * width, width), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(
        self, query: Tensor, keys: Tensor, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look once."""
        return self.attend(query, self.told(keys), hidden)

    def told(self, keys: Tensor) -> Tensor:
        """Return keys and values, which are the same whoever asks. Shapes: -> (n, k, 2 width)."""
        told: Tensor = self.key_value(self.before_keys(keys))
        return told

    def attend(
        self, query: Tensor, told: Tensor, hidden: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Look at what has been told."""
        n, q, width = query.shape
        depth = width // self.heads
        asked = self.query(self.before_query(query)).view(n, q, self.heads, depth).transpose(1, 2)
        told = told.view(n, -1, 2, self.heads, depth)
        key, value = told[:, :, 0].transpose(1, 2), told[:, :, 1].transpose(1, 2)
        odds = asked @ key.transpose(2, 3) * depth**-0.5
        if hidden is not None:
            odds = odds.masked_fill(hidden[:, None, None, :], -1e4)
        attention = odds.softmax(dim=-1)
        if hidden is not None:
            # With nothing to see the softmax is even over nothing: it must not count.
            attention = attention * (~hidden)[:, None, None, :]
        seen = (self.dropout(attention) @ value).transpose(1, 2).reshape(n, q, width)
        query = query + self.out(seen)
        return query + self.forward_net(query), attention.mean(dim=1)


class CrossModal(nn.Module):
    """Several steps of looking, over any subset of the modalities it was made for.

    Shapes: words (n, q, width); tokens by modality (n, t_m, d_m), hidden by modality (n, t_m)
    -> words (n, q, width), attention by modality (n, q, t_m) of the last step. With `among` the
    words look at each other before each step, but for those where `ended` (n, q) is True. With
    `which` (n,) by modality, tokens are (p, t_m, d_m), and a row has those of its number: what many
    ask about is told once.
    """

    def __init__(
        self, width: int, widths: Mapping[str, int], *, steps: int = 2, heads: int = 4,
        dropout: float = 0.0, among: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.projections = nn.ModuleDict({m: nn.Linear(w, width) for m, w in widths.items()})
        self.kinds = nn.ParameterDict({m: nn.Parameter(torch.randn(width) * 0.02) for m in widths})
        self.steps = nn.ModuleList(CrossModalAttention(width, heads, dropout) for _ in range(steps))
        self.among = nn.ModuleList(
            CrossModalAttention(width, heads, dropout) for _ in range(steps if among else 0)
        )

    def forward(
        self,
        words: Tensor,
        tokens: Mapping[str, Tensor],
        hidden: Mapping[str, Tensor] | None = None,
        ended: Tensor | None = None,
        which: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Look at what is there."""
        if not tokens:
            return words, {}
        masks, rows = hidden or {}, which or {}
        keys = {m: self.projections[m](t) + self.kinds[m] for m, t in tokens.items()}
        mask = torch.cat([masks.get(m, _nothing_hidden(words, t)) for m, t in tokens.items()], 1)
        attention = words.new_zeros(0)
        for index, step in enumerate(cast("Iterable[CrossModalAttention]", self.steps)):
            if len(self.among):
                words, _ = self.among[index](words, words, ended)
            told = {m: step.told(key) for m, key in keys.items()}
            each = [t[rows[m]] if m in rows else t for m, t in told.items()]
            words, attention = step.attend(words, torch.cat(each, dim=1), mask)
        sizes = [t.shape[1] for t in tokens.values()]
        parts = torch.split(attention, sizes, dim=2)
        return words, dict(zip(tokens, parts, strict=True))


def _nothing_hidden(words: Tensor, tokens: Tensor) -> Tensor:
    return torch.zeros(words.shape[0], tokens.shape[1], dtype=torch.bool, device=tokens.device)
