"""Settings: frozen dataclasses whose fields are declared once, each with type, default, limits and one line of help.

From a field come its flag on the command line, its key in the schema of the configuration and in config/README.md, the
flag that a rule passes, and the message that refuses a wrong value.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from lottery.errors import LotteryError

Model = TypeVar("Model")


@dataclass(frozen=True)
class NameIn:
    """An annotation for names that plugins may add to: they are looked up when a value is validated.

    check: raises an error for an unknown name.    schema: the part of a JSON schema that allows the known names.
    """

    check: Callable[[str], object]
    schema: Callable[[], dict[str, Any]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.schema()

    def _checked(self, name: str) -> str:
        self.check(name)
        return name


def one_of(kind: str, names: Callable[[], Collection[str]]) -> NameIn:
    """One of `names`, which are listed anew each time; kind: what they are, for the message."""

    def check(name: str) -> None:
        if name not in names():
            raise LotteryError(f"{kind}: {name!r} is not one of {', '.join(names())}")

    return NameIn(check, lambda: {"enum": [*names()]})


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def settings(model: type[Model]) -> type[Model]:
    """Make a class a frozen dataclass that refuses wrong values with a LotteryError of one line."""
    made: Any = validated_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(model)
    validate = made.__init__

    @wraps(validate)
    def refuse_in_one_line(self: Any, *values: Any, **named: Any) -> None:
        try:
            validate(self, *values, **named)
        except ValidationError as error:
            given = dict(zip(made.__pydantic_fields__, values, strict=False)) | named
            raise LotteryError(_refusal(made.__pydantic_fields__, given, error)) from error

    made.__init__ = refuse_in_one_line
    return cast("type[Model]", made)


def is_settings(kind: object) -> bool:
    """Whether a type is one that `settings` made."""
    return hasattr(kind, "__pydantic_fields__")


def fields_of(model: type) -> dict[str, FieldInfo]:
    """The fields of a class of settings by name; those of settings within it stand in its place."""
    found: dict[str, FieldInfo] = {}
    for name, field in cast("Any", model).__pydantic_fields__.items():
        found |= fields_of(field.annotation) if is_settings(field.annotation) else {name: field}
    return found


def settings_from(model: type[Model], values: Any) -> Model:
    """Settings from a mapping or the attributes of an object, which may have others as well."""
    get = values.__getitem__ if hasattr(values, "__getitem__") else values.__getattribute__
    return model(
        **{
            name: settings_from(field.annotation, values) if is_settings(field.annotation) else get(name)
            for name, field in cast("Any", model).__pydantic_fields__.items()
        }
    )


def options(kind: Any) -> list[Any]:
    """The types of a union but for None; a type by itself is the only one of its options."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [part for part in parts if part is not NoneType]


def allowed(kind: Any) -> list[str]:
    """The words that a type allows: those of a Literal, and LOW HIGH for a range."""
    words: list[str] = []
    for part in options(kind):
        if get_origin(part) is Literal:
            words += map(str, get_args(part))
        elif get_origin(part) is tuple:
            words.append("LOW HIGH")
    return words


LIMITS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def limits(field: FieldInfo) -> str:
    """What a number may be, in words: `from 1 to 64`, `above 0 and below 1`; empty where it has no limits."""
    parts = [*field.metadata]
    for option in get_args(field.annotation):  # of a union with None
        parts += [part for info in get_args(option)[1:] for part in getattr(info, "metadata", ())]
    said = [
        text.format(plain(getattr(part, name)))
        for name, text in LIMITS.items()
        for part in parts
        if hasattr(part, name)
    ]
    words = " and ".join(said).replace("and to", "to")
    return words.replace("and below", "to below") if words.startswith("from") else words


def _refusal(fields: dict[str, FieldInfo], given: dict[str, Any], error: ValidationError) -> str:
    """A validation error as one line: the setting, what it may be, and what was given."""
    found = error.errors()[0]
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    place = found["loc"][0]
    name = place if isinstance(place, str) else list(fields)[place]  # a number where it was given by position
    if name not in fields:
        return f"{name}: there is no such setting; known: {', '.join(fields)}"
    if name not in given:
        return f"{name}: is required"
    if words := allowed(fields[name].annotation):
        return f"{name}: {given[name]!r} is not one of {', '.join(words)}"
    if found["type"] == "finite_number" or "than" in found["type"]:
        return f"{name}: {limits(fields[name]) or 'a finite number'} is needed, not {given[name]}"
    return f"{name}: {given[name]!r} {found['msg'].replace('Input should', 'should')}"


def plain(number: float) -> str:
    """A number with all its digits and no exponent: 3, 0.01, -0.00001, which a command line takes for no flag."""
    return format(Decimal(repr(number + 0)).normalize(), "f")  # + 0: no minus before 0


def flag(name: str) -> str:
    """coefficients_per_bit -> --coefficients-per-bit"""
    return f"--{name.replace('_', '-')}"


def flags(*settings: object, **others: Any) -> list[str]:
    """Settings, and other values by name, as words of a command line.

    None is left out; a truth value is said where it is not the default; a list becomes several words.
    """
    words: list[str] = []
    for part in settings:
        for name, field in cast("Any", type(part)).__pydantic_fields__.items():
            value = getattr(part, name)
            if is_settings(type(value)):
                words += flags(value)
            elif isinstance(value, bool):
                words += [flag(name if value else f"no_{name}")] if value != field.default else []
            else:
                words += _words(name, value)
    return words + [word for name, value in others.items() for word in _words(name, value)]


def _words(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    several = value if isinstance(value, list | tuple) else [value]
    return [flag(name), *(plain(part) if isinstance(part, float) else str(part) for part in several)]
