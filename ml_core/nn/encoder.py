"""What makes tokens of one sense, whatever is inside; any two of a kind may change places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Encoder(Protocol):
    """Shapes: whatever it reads (n, ...) -> tokens (n, t, width), t the same for all."""

    width: int

    def __call__(self, told: Tensor) -> Tensor:
        """Make tokens."""
        ...


class TextEncoder(Encoder, Protocol):
    """One whose texts may end early."""

    def there(self, told: Tensor) -> Tensor:
        """Return where there is a word. Shapes: (n, length, ...) -> (n, length) bool."""
        ...
