"""A training and its gate as a file that lies beside the code: what a pipeline is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from apps.experiments.services import LARGEST_SEED
from ml_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

LARGEST_BYTES = 1 << 20
LONGEST_MIN = 7 * 24 * 60
Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Filled = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """Where the data comes from: a dataset (its newest version, or one by number), or a file."""

    dataset: Filled | None = Field(None, description="name or id")
    version: Annotated[int, Field(ge=1)] | None = None
    file: Filled | None = Field(None, description="taken in as a version of the dataset `name`")
    name: Annotated[str, Field(min_length=1, max_length=120)] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Source:
        if (self.dataset is None) == (self.file is None):
            raise ValueError("Name either a dataset or a file")
        if self.file is not None and self.version is not None:
            raise ValueError("A version belongs to a dataset, not to a file")
        if self.dataset is not None and self.name is not None:
            raise ValueError("A name belongs to a file; a dataset has one")
        return self


class GateRule(_Strict):
    """What the new model must show beside the live one."""

    metric: str = Field("", description="a figure of the solution; the one that decides by default")
    least_gain: Finite = 0.0
    most_loss: Finite | None = Field(None, description="instead of a gain: how much may be lost")
    must_be_sure: bool = Field(default=False, description="ask it of the worse end, too")
    without_live: Literal["pass", "fail"] = Field("fail", description="when no model is live yet")

    @model_validator(mode="after")
    def _is_gain_or_loss(self) -> GateRule:
        if self.most_loss is not None and self.least_gain:
            raise ValueError("Say least_gain or most_loss, not both")
        return self


class Recipe(_Strict):
    """One training with its gate."""

    solution: Filled
    user: Annotated[str, Field(min_length=3)] = Field(description="address of whom it acts for")
    team: str = Field("", description="slug; the first team of that person by default")
    data: Source
    options: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    window: dict[str, int] = {}
    budget_min: Annotated[float, Field(gt=0, le=LONGEST_MIN)] = 60.0
    gate: GateRule = GateRule()
    keeps_model: bool = Field(default=True, alias="register", description="keep it as a candidate")
    report: Filled = Field("train_and_gate", description="name of the report, without ending")


def read_recipe(path: Path, **overrides: str) -> Recipe:
    """Read and check a recipe; places in it are relative to its own folder.

    Raises: ConfigError: naming the keys that cannot be.
    """
    said = _load(path)
    said |= {key: value for key, value in overrides.items() if value}
    try:
        found = Recipe.model_validate(said)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(dict(one)) for one in error.errors())) from error
    here = path.resolve().parent
    source = found.data
    if source.file is not None:
        source = source.model_copy(update={"file": str(here / source.file)})
    report = overrides.get("report") or str(here / found.report)
    return found.model_copy(update={"data": source, "report": report})


class _Loader(yaml.SafeLoader):
    """Plain values only, and each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  as the library calls it
        seen = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = sorted({str(key) for key in seen if seen.count(key) > 1})
        if twice:
            message = f"The key {twice[0]} stands there twice"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigError(
                f"A recipe must have at most 1 MiB. {path.name} has more. Shorten it."
            )
        said = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except OSError as error:
        message = f"A recipe must be a file that can be read. Got {path}: {error.strerror}."
        raise ConfigError(f"{message} Check the path.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"A recipe must be UTF-8. {path.name} is not. Save it again.") from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"A recipe must be YAML. Got {reason}. Correct it.") from error
    if not isinstance(said, dict):
        message = f"A recipe must be keys with values. Got {type(said).__name__}. See the example."
        raise ConfigError(message)
    return {str(key): value for key, value in said.items()}


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "recipe"
    if error["type"] == "extra_forbidden":
        return f"Key {where} must be one that a recipe has. It is not. Remove it, or correct it."
    if error["type"] == "missing":
        return f"Key {where} must be there. It is not. Add it."
    reason = error["msg"].removeprefix("Value error, ").removesuffix(".")
    return f"Key {where} must be valid. {reason}. Got {str(error['input'])[:80]!r}. Change it."
