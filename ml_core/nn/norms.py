"""Norms of channels: by the batch, or by each example alone where examples must not mix."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norm = Literal["batch", "group"]
GROUPS = 8


def norm_2d(kind: Norm, channels: int) -> nn.Module:
    """Return a norm of maps (n, channels, height, width)."""
    return nn.BatchNorm2d(channels) if kind == "batch" else _grouped(channels)


def norm_1d(kind: Norm, channels: int) -> nn.Module:
    """Return a norm of series (n, channels, length)."""
    return nn.BatchNorm1d(channels) if kind == "batch" else _grouped(channels)


def _grouped(channels: int) -> nn.Module:
    """Return group norms. Source: Wu and He, "Group normalization" (ECCV 2018)."""
    if channels % GROUPS:
        message = f"Channels must be a multiple of {GROUPS} for group norms. Got {channels}."
        raise ValueError(message)
    return nn.GroupNorm(GROUPS, channels)
