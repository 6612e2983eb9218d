"""What the card of a model says of its purpose, and of what it cannot do."""

from __future__ import annotations

PURPOSE = "Answer short questions about pictures of a known kind."
LIMITS = (
    "It chooses among the answers that it has seen; it writes none.",
    "It answers badly about combinations, such as colour and shape, that training never had.",
    "It knows the kind of pictures and questions that it learnt from, and no others.",
    "The share of a question's words that it has never seen lowers its confidence.",
    "Where it looked is the attention of its last step: a hint, not a proof.",
    "Blind accuracy says how far the questions alone lead; only what is above it was seen.",
)
SOUND_LIMIT = (
    "It tells pitch and time of sounds, no speech. What is longer than all it learnt from is heard "
    "up to there, and the share left out lowers its confidence."
)
