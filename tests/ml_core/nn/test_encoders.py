"""Encoders: tokens of one width, whatever they read."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from ml_core.errors import ConfigError
from ml_core.nn import minilm
from ml_core.nn.picture_encoder import SmallPictureEncoder
from ml_core.nn.sound_encoder import SoundEncoder
from ml_core.nn.state_encoder import StateEncoder
from ml_core.nn.word_encoder import WordEncoder

HAS_MINILM = importlib.util.find_spec(minilm.PACKAGE) and importlib.util.find_spec("tokenizers")


@pytest.mark.parametrize("kind", ["own", "lite"])
def test_a_picture_gives_one_token_for_each_place(kind):
    if kind == "lite":
        from ml_core.nn.efficientnet_lite import LitePictureEncoder as Encoder  # noqa: PLC0415
    else:
        Encoder = SmallPictureEncoder  # noqa: N806
    eye = Encoder(64, 32).eval()
    picture = torch.zeros(1, 3, 64, 64)
    picture[:, :, 32:, 32:] = 1.0

    tokens = eye(picture)

    assert (tokens.shape, eye.width) == ((1, 64, 32), 32)
    seen = (tokens - eye.place).reshape(8, 8, 32)
    assert not torch.allclose(seen[0, 0], seen[7, 7])


def test_what_imagenet_taught_stays_as_it_was():
    from ml_core.nn.efficientnet_lite import LitePictureEncoder  # noqa: PLC0415  heavy

    eye = LitePictureEncoder(64, 16).train()
    before = {name: t.clone() for name, t in eye.backbone.state_dict().items()}

    eye(torch.rand(4, 3, 64, 64)).sum().backward()

    assert all(torch.equal(t, before[name]) for name, t in eye.backbone.state_dict().items())
    assert all(p.grad is None for p in eye.backbone.parameters())
    assert eye.layers[0].weight.grad.abs().max() > 0


def test_a_sound_gives_tokens_in_the_order_of_time():
    ear = SoundEncoder(50, 16).eval()
    quiet, late = torch.full((1, 50, 40), -1.0), torch.full((1, 50, 40), -1.0)
    late[:, 40:, 12] = 1.0

    changed = (ear(quiet) - ear(late)).abs().sum(-1)[0]

    assert ear(quiet).shape == (1, ear.n_tokens, 16) == (1, 13, 16)
    assert changed[:8].max() < 1e-6 < changed[10:].min()


@pytest.mark.parametrize("kind", ["own", "states"])
def test_words_that_are_not_there_give_no_tokens(kind):
    if kind == "own":
        reader, told = WordEncoder(9, 16, 5), torch.tensor([[2, 3, 0, 0, 0]])
    else:
        reader, told = StateEncoder(7, 16), torch.randn(1, 5, 7)
        told[:, 2:] = 0

    tokens = reader.eval()(told)

    assert reader.there(told).tolist() == [[True, True, False, False, False]]
    assert (tokens[:, 2:] == 0).all()
    assert tokens[:, :2].abs().min() > 0


def test_without_its_package_minilm_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")

    with pytest.raises(ConfigError, match=r"assay\[vqa\].*or choose own"):
        minilm.minilm_folder()


@pytest.mark.skipif(not HAS_MINILM, reason="the extra vqa is not installed")
def test_minilm_reads_a_sentence_as_its_authors_do():
    from tokenizers import Tokenizer  # noqa: PLC0415  of an extra

    folder = minilm.minilm_folder()
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cut.enable_padding(length=12)
    asked = ["How many beeps are there?", "What is the number of beeps?", "The sky is blue."]

    words = torch.tensor([one.ids for one in cut.encode_batch(asked)])
    states = minilm.load_minilm(folder)(words)

    # As transformers 5.23.0 computes them from the same weights; the largest gap was 1.5e-6.
    known = torch.tensor([0.1891, -0.3090, 0.4414, -0.1217])
    assert torch.allclose(states[0, 0, :4], known, atol=1e-4)
    assert (states[0, 9:] == 0).all()
    means = states.sum(1) / (words != 0).sum(1, keepdim=True)
    near = torch.nn.functional.cosine_similarity(means[:1], means[1:])
    assert near[0] > 0.7 > 0.3 > near[1]


@pytest.mark.parametrize("kind", ["own", "states"])
def test_nothing_at_the_end_changes_nothing(kind):
    if kind == "own":
        reader, told = WordEncoder(9, 16, 8).eval(), torch.tensor([[2, 3, 4, 0, 0, 0, 0, 0]])
    else:
        reader, told = StateEncoder(7, 16).eval(), torch.randn(1, 8, 7)
        told[:, 3:] = 0

    assert torch.allclose(reader(told)[:, :4], reader(told[:, :4]), atol=1e-6)
