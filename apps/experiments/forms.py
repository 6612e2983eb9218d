"""The form of a training, made from the options of its solution."""

from __future__ import annotations

from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin
from uuid import uuid4

from annotated_types import Ge, Gt, Le, Lt
from django import forms

from apps.experiments.services import LARGEST_SEED

if TYPE_CHECKING:
    from django.forms import BoundField
    from pydantic.fields import FieldInfo

    from apps.datasets.models import DatasetVersion
    from solutions.api import Options

PREFIX = "option_"
SHOWN_AT_FIRST = 6


class OptionsForm(forms.Form):
    """The options of a solution, one field each, and the seed."""

    token = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    seed = forms.IntegerField(
        min_value=0,
        max_value=LARGEST_SEED,
        initial=0,
        required=False,
        help_text="All randomness follows from it: the same seed gives the same model.",
    )

    def __init__(self, options: type[Options], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.option_names: dict[str, str] = {}
        self.advanced: set[str] = set()
        self.fields["token"].initial = uuid4().hex
        own = options.__annotations__  # before what all solutions have alike
        ordered = sorted(options.model_fields.items(), key=lambda item: item[0] not in own)
        for index, (name, info) in enumerate(ordered):
            self.fields[PREFIX + name] = field_for(name, info)
            self.option_names[PREFIX + name] = name
            if _is_advanced(info, index, options):
                self.advanced.add(PREFIX + name)

    @property
    def options(self) -> dict[str, Any]:
        """Return what was chosen; what was left empty takes its default."""
        data = self.cleaned_data
        names = self.option_names.items()
        return {name: data[field] for field, name in names if data[field] not in (None, "")}

    @property
    def plain_fields(self) -> list[BoundField]:
        """Fields that are always open."""
        return [f for f in self.visible_fields() if f.name not in self.advanced | {"seed"}]

    @property
    def advanced_fields(self) -> list[BoundField]:
        """Fields that are folded away until somebody wants them."""
        return [f for f in self.visible_fields() if f.name in self.advanced | {"seed"}]

    @property
    def has_folded_errors(self) -> bool:
        """Say whether a folded field is wrong, so that the fold must be open."""
        return any(field.errors for field in self.advanced_fields)


class TrainForm(OptionsForm):
    """Which data, which seed, and the options of the solution."""

    version: forms.ModelChoiceField[DatasetVersion] = forms.ModelChoiceField(
        queryset=None, label="Data", help_text="A dataset version that has passed its checks."
    )

    def __init__(self, options: type[Options], versions: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(options, *args, **kwargs)
        chosen = self.fields["version"]
        chosen.queryset = versions  # type: ignore[attr-defined]
        chosen.label_from_instance = name_of_version  # type: ignore[attr-defined]
        self.order_fields(["version", *self.option_names, "seed", "token"])


def name_of_version(version: DatasetVersion) -> str:
    """Name a dataset version in a list of choices."""
    return f"{version.dataset.name} · version {version.number} · {version.n_rows or 0:,} rows"


def field_for(name: str, info: FieldInfo) -> forms.Field:
    """Return the form field for an option: its default, bounds and description."""
    kind, optional = _plain_type(info.annotation)
    common = {
        "label": info.title or name.replace("_", " ").capitalize(),
        "help_text": info.description or "",
        "initial": info.get_default(call_default_factory=True),
        "required": False,
    }
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return _choice(kind, optional=optional, common=common)
    if kind is bool:
        return forms.BooleanField(**common)
    if kind in (int, float):
        return _number(kind, info, common)
    return forms.CharField(**common)


def _choice(kind: Any, *, optional: bool, common: dict[str, Any]) -> forms.Field:
    if get_origin(kind) is Literal:
        choices = [(str(value), str(value).replace("_", " ")) for value in get_args(kind)]
    else:
        choices = [(str(value.value), value.name.replace("_", " ").lower()) for value in kind]
    initial = common["initial"]
    common = common | {"initial": initial.value if isinstance(initial, Enum) else initial}
    # A browser sends text; an option that is one of several numbers wants the number.
    values = {str(value): value for value in get_args(kind)} if get_origin(kind) else {}
    return forms.TypedChoiceField(
        choices=[("", "(default)")] * optional + choices,
        coerce=lambda text: values.get(text, text),
        empty_value="",
        **common,
    )


def _number(kind: type, info: FieldInfo, common: dict[str, Any]) -> forms.Field:
    low, high, open_low, open_high = _bounds(info)
    words = _bounds_in_words(low, high, open_low=open_low, open_high=open_high)
    common = common | {"help_text": f"{common['help_text']} {words}".strip()}
    limits = {"min_value": low, "max_value": high}
    if kind is int:
        return forms.IntegerField(**common, **limits)
    if isinstance(common["initial"], float) and common["initial"].is_integer():
        common["initial"] = int(common["initial"])  # 7, as people write it, and not 7.0
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(**common, **limits, widget=widget)


def _bounds(info: FieldInfo) -> tuple[Any, Any, bool, bool]:
    low: Any = None
    high: Any = None
    open_low = open_high = False
    for rule in info.metadata:
        if isinstance(rule, Ge | Gt):
            low, open_low = (rule.ge, False) if isinstance(rule, Ge) else (rule.gt, True)
        if isinstance(rule, Le | Lt):
            high, open_high = (rule.le, False) if isinstance(rule, Le) else (rule.lt, True)
    return low, high, open_low, open_high


def _bounds_in_words(low: Any, high: Any, *, open_low: bool, open_high: bool) -> str:
    if low is None and high is None:
        return ""
    least = "" if low is None else f"{'above' if open_low else 'from'} {_say(low)}"
    most = "" if high is None else f"{'below' if open_high else 'to'} {_say(high)}"
    return f"({' '.join(filter(None, (least, most)))})"


def _say(bound: float) -> str:
    whole = isinstance(bound, int) or bound.is_integer()
    return f"{int(bound):,}" if whole else f"{bound:g}"


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type without `None`, and whether `None` was allowed."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return (kinds[0] if len(kinds) == 1 else str), len(kinds) < len(get_args(annotation))
    return annotation, False


def _is_advanced(info: FieldInfo, index: int, options: type[Options]) -> bool:
    """Say whether to fold a field: as its solution says, else all but the first few."""
    flags = [_flag(field) for field in options.model_fields.values()]
    return bool(_flag(info)) if any(flags) else index >= SHOWN_AT_FIRST


def _flag(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("advanced"))
