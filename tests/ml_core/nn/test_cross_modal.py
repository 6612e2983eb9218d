"""Words look at any subset of what there is, and at nothing that is hidden."""

from __future__ import annotations

import torch

from ml_core.nn.cross_modal import CrossModal, CrossModalAttention
from ml_core.seed import seed_all


def made() -> tuple[CrossModal, torch.Tensor, dict[str, torch.Tensor]]:
    seed_all(0)
    look = CrossModal(16, {"picture": 8, "sound": 6}, steps=2, heads=4).eval()
    tokens = {"picture": torch.randn(3, 5, 8), "sound": torch.randn(3, 4, 6)}
    return look, torch.randn(3, 7, 16), tokens


def test_attention_is_told_by_modality_and_sums_to_one():
    look, words, tokens = made()

    seen, attention = look(words, tokens)

    assert seen.shape == (3, 7, 16)
    assert {name: tuple(a.shape) for name, a in attention.items()} == {
        "picture": (3, 7, 5), "sound": (3, 7, 4),
    }  # fmt: skip
    assert torch.allclose(sum(a.sum(-1) for a in attention.values()), torch.ones(3, 7))


def test_a_subset_is_as_if_the_rest_were_hidden():
    look, words, tokens = made()
    hidden = {"sound": torch.ones(3, 4, dtype=torch.bool)}

    alone, _ = look(words, {"picture": tokens["picture"]})
    masked, attention = look(words, tokens, hidden)

    assert torch.allclose(alone, masked, atol=1e-5)
    assert attention["sound"].abs().max() == 0


def test_what_is_hidden_changes_nothing():
    look, words, tokens = made()
    hidden = {"picture": torch.tensor([[False, False, True, True, True]]).expand(3, 5)}
    other = {**tokens, "picture": tokens["picture"].clone()}
    other["picture"][:, 2:] = 99.0

    first, _ = look(words, tokens, hidden)
    second, _ = look(words, other, hidden)

    assert torch.allclose(first, second, atol=1e-5)


def test_with_nothing_to_see_there_are_no_strange_numbers():
    seed_all(0)
    step = CrossModalAttention(16).eval()
    words, keys = torch.randn(2, 3, 16), torch.randn(2, 4, 16)

    seen, attention = step(words, keys, torch.ones(2, 4, dtype=torch.bool))

    assert torch.isfinite(seen).all()
    assert attention.abs().max() == 0
    without, _ = look_at_none(words)
    assert torch.equal(without, words)


def look_at_none(words: torch.Tensor):
    return CrossModal(16, {"picture": 8})(words, {})


def test_words_look_at_each_other_but_not_at_what_has_ended():
    seed_all(0)
    look = CrossModal(16, {"picture": 8}, among=True).eval()
    words, tokens = torch.randn(2, 6, 16), {"picture": torch.randn(2, 5, 8)}
    ended = torch.arange(6) >= 4
    changed, beyond = words.clone(), words.clone()
    changed[:, 0] = torch.randn(2, 16)
    beyond[:, 5] = torch.randn(2, 16)

    whole, _ = look(words, tokens, ended=ended.expand(2, 6))

    heard, _ = look(changed, tokens, ended=ended.expand(2, 6))
    unheard, _ = look(beyond, tokens, ended=ended.expand(2, 6))
    assert (whole - heard)[:, 1:4].abs().min() > 0
    assert torch.equal(whole[:, :4], unheard[:, :4])


def test_what_many_ask_about_is_told_once():
    look, _, tokens = made()
    words = torch.randn(5, 7, 16)
    which = {"picture": torch.tensor([0, 0, 2, 1, 2]), "sound": torch.tensor([1, 0, 0, 2, 2])}
    hidden = {"sound": torch.tensor([True, False, False, True, False])[:, None].expand(5, 4)}

    once, attention = look(words, tokens, hidden, which=which)
    each, other = look(words, {m: t[which[m]] for m, t in tokens.items()}, hidden)

    assert torch.allclose(once, each, atol=1e-6)
    assert torch.allclose(attention["sound"], other["sound"], atol=1e-6)
