"""Which solutions there are: folders of this package, and installed packages that are allowed.

A third party's solution is a stranger's code, so its entry point is only imported when the
name of its distribution is allowed. What cannot be used is listed with the reason, and the
rest goes on. Nothing changes after `discover`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ml_core.errors import ConfigError
from solutions.api import API_VERSION, Options, Solution

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

GROUP = "assay.solutions"
SLUG = re.compile(r"[a-z][a-z0-9_]{1,31}")
AnySolution = Solution[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A place where a solution may be, and how to get at the object.

    With `fixes_slug` the name there must be the slug: that of a folder or an entry point.
    """

    name: str
    source: str
    load: Callable[[], object]
    fixes_slug: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """A solution that cannot be used, and why, in words for an admin."""

    name: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The solutions by slug, and those that are broken."""

    solutions: Mapping[str, AnySolution]
    broken: tuple[Broken, ...] = ()

    @classmethod
    def discover(cls, allowed: Collection[str] = (), modules: Sequence[str] = ()) -> Registry:
        """Find solutions in our folders, in `modules`, and in `allowed` distributions.

        A module stands for a folder elsewhere, such as "tests.dummy_solution". Earlier finds
        win over later ones of the same slug, so no package can take the place of our own.
        """
        solutions: dict[str, AnySolution] = {}
        broken: list[Broken] = []
        for found in [*_folders(), *_modules(modules), *_packages(allowed)]:
            try:
                solution = _checked(found)
                if solution.slug in solutions:
                    message = f"The slug must be its own. Got {solution.slug!r}, which is taken."
                    raise ConfigError(message)
                solutions[solution.slug] = solution
            except Exception as error:  # noqa: BLE001  one bad guest must not close the house
                reason = f"{type(error).__name__}: {error}"
                broken.append(Broken(found.name, found.source, reason))
        ordered = {slug: solutions[slug] for slug in sorted(solutions)}
        return cls(MappingProxyType(ordered), tuple(broken))

    def __getitem__(self, slug: str) -> AnySolution:
        try:
            return self.solutions[slug]
        except KeyError:
            message = (
                f"A solution must be one of {', '.join(self.solutions) or 'none'}. "
                f"Got {slug!r}.{self._why_broken(slug)} Check the spelling."
            )
            raise ConfigError(message) from None

    def __iter__(self) -> Iterator[AnySolution]:
        return iter(self.solutions.values())

    def __len__(self) -> int:
        return len(self.solutions)

    def __contains__(self, slug: object) -> bool:
        return slug in self.solutions

    def _why_broken(self, name: str) -> str:
        return "".join(f" It is broken: {b.reason}." for b in self.broken if b.name == name)


def _folders() -> Iterator[Found]:
    here = Path(__file__).parent
    for module in pkgutil.iter_modules([str(here)]):
        if module.ispkg:
            name = f"solutions.{module.name}"
            yield Found(module.name, f"folder {name}", _from_module(name))


def _modules(names: Sequence[str]) -> Iterator[Found]:
    for name in names:
        yield Found(name, f"module {name}", _from_module(name), fixes_slug=False)


def _packages(allowed: Collection[str]) -> Iterator[Found]:
    wanted = {_canonical(name) for name in allowed}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.dist is not None and _canonical(point.dist.name) in wanted:
            yield Found(point.name, f"package {point.dist.name}", point.load)


def _from_module(name: str) -> Callable[[], object]:
    return lambda: importlib.import_module(name).solution


def _canonical(name: str) -> str:
    """Spell a distribution's name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _checked(found: Found) -> AnySolution:
    solution = found.load()
    if not isinstance(solution, Solution):
        message = (
            "`solution` must be an object of a class made from solutions.api.Solution. "
            f"Got {type(solution).__name__}."
        )
        raise ConfigError(message)
    if solution.api_version != API_VERSION:
        message = (
            f"api_version must be {API_VERSION}. Got {solution.api_version}. "
            "Install the release of the solution made for this product."
        )
        raise ConfigError(message)
    _check_names(solution, found)
    return solution


def _check_names(solution: AnySolution, found: Found) -> None:
    missing = [
        word
        for word in ("slug", "title", "summary", "version", "metrics")
        if not getattr(solution, word, None)
    ]
    if missing:
        message = f"A solution must name its {', '.join(missing)}. Got nothing. Add it."
        raise ConfigError(message)
    if not SLUG.fullmatch(solution.slug):
        message = (
            "A slug must be 2 to 32 of a-z, 0-9 and _, a letter first. "
            f"Got {solution.slug!r}. Choose another."
        )
        raise ConfigError(message)
    if found.fixes_slug and solution.slug != found.name:
        message = (
            f"The slug must be the name under which it was found, {found.name!r}. "
            f"Got {solution.slug!r}. Make them the same."
        )
        raise ConfigError(message)
    if not issubclass(solution.options, Options):
        message = f"options must be a class made from Options. Got {solution.options!r}."
        raise ConfigError(message)
