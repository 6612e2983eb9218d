"""The weights of a network as they were learnt, beside its ONNX form, which folds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ml_core.errors import ModelError
from solutions.bundle import WEIGHTS, read_card

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from solutions.api import Options


def save_weights(network: nn.Module, bundle: Path) -> None:
    """Write all that a network has learnt into a bundle, to be learnt on from."""
    state = {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in network.state_dict().items()
    }
    save_file(state, bundle / WEIGHTS)


def load_weights(network: nn.Module, bundle: Path) -> None:
    """Give a network what a bundle's has learnt.

    Raises: ModelError: if the bundle holds none, as those of before and compressed ones do not.
    """
    try:
        network.load_state_dict(load_file(bundle / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        message = (
            f"A model must hold its weights ({WEIGHTS}) to be made smaller. Got none that fit. "
            "Compress the model that this one was made from, or train again."
        )
        raise ModelError(message) from error


def options_of(bundle: Path, kind: type[Options]) -> Any:
    """Return the options that a bundle was trained with.

    Raises: ModelError: if its card does not say, or they are of other code.
    """
    try:
        return kind.model_validate(read_card(bundle)["options"])
    except (KeyError, ValidationError) as error:
        message = (
            "The card of a model must say the options of its training. Got none that this version "
            "knows. Train again."
        )
        raise ModelError(message) from error
