"""Draw scenes and ask about them: counts, colours, shapes, relations, negation, sounds and traps.

    python -m solutions.vqa.simulate --pictures 2000 --sounds 0.5 --seed 1 --out scenes.zip

Colours and shapes are drawn at random, but for pairs that may be held back (`UNSEEN_PAIRS`), and
questions come in several wordings, the last of each held back. So a model can be measured on
combinations and wordings that it has never met. A share of scenes comes with a clip of beeps.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from ml_core.data.archive import write_archive
from ml_core.seed import generator
from solutions.vqa import beeps
from solutions.vqa.schema import CANNOT_TELL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np

SIDE = 64
COLOURS = {
    "red": (214, 40, 40), "green": (46, 160, 67), "blue": (38, 84, 214),
    "yellow": (240, 200, 20), "purple": (136, 60, 190),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle")
PAIRS = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
UNSEEN_PAIRS = frozenset({("red", "triangle"), ("blue", "circle"), ("yellow", "square")})
MOST_THINGS = 4
UNHEARD = 0.15  # share of questions about a sound that come without one


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape of a scene; `x`, `y` is its middle, `size` its width, in pixels."""

    colour: str
    shape: str
    x: int
    y: int
    size: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer; `kind` is what it tests, `sound` the file to listen to."""

    kind: str
    question: str
    answer: str
    sound: str = ""


# The last wording of each kind is held back for the measurement of unseen wordings.
WORDINGS: dict[str, tuple[str, ...]] = {
    "exists": (
        "Is there a {c} {s}?",
        "Does the picture show a {c} {s}?",
        "Can you see a {c} {s}?",
    ),
    "negation": (
        "Is there no {c} {s}?",
        "Is the picture without a {c} {s}?",
        "Is a {c} {s} missing?",
    ),
    "count": (
        "How many {s}s are there?",
        "What is the number of {s}s?",
        "How many {s}s can you see?",
    ),
    "colour": (
        "What colour is the {s}?",
        "Which colour does the {s} have?",
        "The {s} has what colour?",
    ),
    "shape": (
        "What shape is the {c} thing?",
        "Which shape is {c}?",
        "The {c} thing has what shape?",
    ),
    "relation": (
        "Is the {c} {s} {r} the {d} {t}?",
        "Does the {c} {s} lie {r} the {d} {t}?",
        "The {c} {s}: is it {r} the {d} {t}?",
    ),
}
RELATIONS: dict[str, Callable[[Thing, Thing], bool]] = {
    "left of": lambda a, b: a.x < b.x,
    "right of": lambda a, b: a.x > b.x,
    "above": lambda a, b: a.y < b.y,
    "below": lambda a, b: a.y > b.y,
}


def scene(draws: np.random.Generator, pairs: Sequence[tuple[str, str]]) -> list[Thing]:
    """Place 1 to 4 things that do not touch, no two of them alike."""
    n_things = int(draws.integers(1, MOST_THINGS + 1))
    chosen = [pairs[i] for i in draws.choice(len(pairs), n_things, replace=False)]
    cells = draws.choice(9, n_things, replace=False)
    things = []
    for (colour, shape), cell in zip(chosen, cells, strict=True):
        size = int(draws.integers(12, 18))
        shift = draws.integers(-1, 2, 2)
        x, y = 11 + 21 * (int(cell) % 3) + int(shift[0]), 11 + 21 * (int(cell) // 3) + int(shift[1])
        things.append(Thing(colour, shape, x, y, size))
    return things


def draw(things: Iterable[Thing], ground: tuple[int, int, int] = (245, 245, 240)) -> bytes:
    """Return a scene as PNG."""
    image = Image.new("RGB", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(image)
    for thing in things:
        half = thing.size // 2
        box = (thing.x - half, thing.y - half, thing.x + half, thing.y + half)
        fill = COLOURS[thing.colour]
        if thing.shape == "circle":
            pen.ellipse(box, fill=fill)
        elif thing.shape == "square":
            pen.rectangle(box, fill=fill)
        else:
            pen.polygon([(thing.x, box[1]), (box[2], box[3]), (box[0], box[3])], fill=fill)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def ask(
    things: Sequence[Thing],
    draws: np.random.Generator,
    wordings: slice = slice(0, 2),
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> list[Asked]:
    """Ask one question of each kind; what cannot be told has that as its answer.

    No question names a pair of colour and shape beyond `pairs`: what is held back from pictures
    only would be learnt as what is never there.
    """
    return [
        _ask_one(kind, things, draws, WORDINGS[kind][wordings], pairs)
        for kind in WORDINGS
        if kind != "relation" or len(things) > 1
    ]


def _ask_one(
    kind: str, things: Sequence[Thing], draws: np.random.Generator, wordings: Sequence[str],
    pairs: Sequence[tuple[str, str]],
) -> Asked:  # fmt: skip
    words = wordings[int(draws.integers(len(wordings)))]
    shape = SHAPES[int(draws.integers(len(SHAPES)))]
    colour = list(COLOURS)[int(draws.integers(len(COLOURS)))]
    if kind in ("exists", "negation"):
        return _existence(kind, things, draws, words, pairs[int(draws.integers(len(pairs)))])
    if kind == "count":
        n_such = sum(thing.shape == shape for thing in things)
        return Asked(kind, words.format(s=shape), str(n_such))
    if kind == "relation":
        return _relation(things, draws, words)
    if kind == "colour":
        found = _sets((thing.shape, thing.colour) for thing in things)
        asked = _mostly_told(draws, found, shape)
        return _only(kind, words.format(s=asked), found.get(asked, set()))
    found = _sets((thing.colour, thing.shape) for thing in things)
    asked = _mostly_told(draws, found, colour)
    return _only(kind, words.format(c=asked), found.get(asked, set()))


def _sets(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def _mostly_told(draws: np.random.Generator, found: Mapping[str, set[str]], other: str) -> str:
    """Ask for what can be told, if anything can, two times of three."""
    told = [key for key, values in found.items() if len(values) == 1]
    return str(draws.choice(told)) if told and draws.random() < 2 / 3 else other


def _existence(
    kind: str, things: Sequence[Thing], draws: np.random.Generator, words: str,
    pair: tuple[str, str],
) -> Asked:  # fmt: skip
    if draws.random() < 0.5:  # half of the time ask for one that is there
        one = things[int(draws.integers(len(things)))]
        pair = (one.colour, one.shape)
    is_there = pair in {(thing.colour, thing.shape) for thing in things}
    answer = is_there if kind == "exists" else not is_there
    return Asked(kind, words.format(c=pair[0], s=pair[1]), "yes" if answer else "no")


def _relation(things: Sequence[Thing], draws: np.random.Generator, words: str) -> Asked:
    first, second = (things[i] for i in draws.choice(len(things), 2, replace=False))
    name = list(RELATIONS)[int(draws.integers(len(RELATIONS)))]
    question = words.format(c=first.colour, s=first.shape, r=name, d=second.colour, t=second.shape)
    return Asked("relation", question, "yes" if RELATIONS[name](first, second) else "no")


def ask_of_sound(
    things: Sequence[Thing],
    clip: Sequence[beeps.Beep],
    draws: np.random.Generator,
    wordings: slice = slice(0, 2),
) -> list[Asked]:
    """Ask one question of each kind about a clip, one of them beside the scene."""
    shape = SHAPES[int(draws.integers(len(SHAPES)))]
    n_such = sum(thing.shape == shape for thing in things)
    answers = {
        "beeps": str(len(clip)),
        "pitch": beeps.pitch_of(clip),
        "more_beeps": "yes" if len(clip) > n_such else "no",
    }
    asked = []
    for kind, answer in answers.items():
        words = beeps.WORDINGS[kind][wordings]
        question = words[int(draws.integers(len(words)))].format(s=shape)
        asked.append(_only(kind, question, {answer} if answer else set()))
    return asked


def _only(kind: str, question: str, found: set[str]) -> Asked:
    """Answer what is one; of none or several nobody can tell."""
    if len(found) == 1:
        return Asked(kind, question, found.pop())
    return Asked("unanswerable", question, CANNOT_TELL)


def scenes(
    n_pictures: int, seed: int, *, pairs: str = "seen", wordings: str = "seen", sounds: float = 0.0
) -> tuple[dict[str, bytes], list[tuple[str, Asked]]]:
    """Return files by name, and questions with the picture they are about.

    With `pairs="unseen"` each scene has only colour and shape pairs that are else held back;
    "all" holds nothing back. With `wordings="unseen"` each question is in the held back words.
    `sounds` is the share of scenes that come with a clip of beeps.
    """
    chosen = {
        "seen": [p for p in PAIRS if p not in UNSEEN_PAIRS],
        "unseen": [p for p in PAIRS if p in UNSEEN_PAIRS],
        "all": list(PAIRS),
    }[pairs]
    which = {"seen": slice(0, 2), "unseen": slice(2, 3), "all": slice(0, 3)}[wordings]
    draws = generator(seed, "scenes", pairs, wordings)
    noises = generator(seed, "beeps", pairs, wordings)
    files, asked = {}, []
    for index in range(n_pictures):
        things = scene(draws, chosen) if len(chosen) >= MOST_THINGS else scene_of_few(draws, chosen)
        name = f"images/{index:05d}.png"
        files[name] = draw(things)
        told = ask(things, draws, which, chosen)
        if noises.random() < sounds:
            sound = f"sounds/{index:05d}.wav"
            clip = beeps.beeps(noises)
            files[sound] = beeps.sound_of(clip, noises)
            told = _with_sound(told, ask_of_sound(things, clip, noises, which), sound, noises)
        asked += [(name, one) for one in told]
    return files, asked


def _with_sound(
    seen: Sequence[Asked], heard: Sequence[Asked], sound: str, draws: np.random.Generator
) -> list[Asked]:
    """Give all questions the sound, but for some that need it: nobody can tell those."""
    told = [replace(one, sound=sound) for one in seen]
    for one in heard:
        if draws.random() < UNHEARD:
            told.append(replace(one, kind="unanswerable", answer=CANNOT_TELL))
        else:
            told.append(replace(one, sound=sound))
    return told


def scene_of_few(draws: np.random.Generator, pairs: Sequence[tuple[str, str]]) -> list[Thing]:
    """Place things where there are fewer pairs than a scene may hold."""
    while len(things := scene(draws, [*pairs, *pairs])) != len(
        {(t.colour, t.shape) for t in things}
    ):
        pass
    return things


def pack(files: dict[str, bytes], asked: Iterable[tuple[str, Asked]], path: Path) -> None:
    """Write pictures, sounds and questions as a ZIP that is the same each time."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("picture", "question", "answer", "kind", "sound"))
    writer.writerows((name, one.question, one.answer, one.kind, one.sound) for name, one in asked)
    write_archive(path, {**files, "questions.csv": table.getvalue().encode()})


def main(arguments: Sequence[str] | None = None) -> None:
    """Write scenes to a file."""
    parser = argparse.ArgumentParser(description="Draw scenes and ask about them.")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--sounds", type=float, default=0.0, help="share of scenes with beeps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    files, asked = scenes(args.pictures, args.seed, sounds=args.sounds)
    pack(files, asked, args.out)
    sys.stdout.write(f"{args.pictures:,} pictures, {len(asked):,} questions: {args.out}\n")


if __name__ == "__main__":
    main()
