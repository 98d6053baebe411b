"""The flags of a command, made from the signature of its function.

A parameter becomes a flag with the type and help of its annotation (`Annotated[Path, "help"]`, where short names such as "-d"
may follow) and its default.  A parameter whose type is a class of settings becomes one flag per field.  A positional-only parameter
is positional on the command line, except for the first one, the provenance tracker, which every command gets.
"""

import argparse
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from lottery.records.provenance import ProvenanceTracker
from lottery.settings import fields_of, flag, is_settings, options, settings_from
from lottery.workflow.shared_jobs import SHARED, Parse, shared

Function = Callable[..., None]


def _parameters(function: Function) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())[1:]  # without the provenance tracker


class _Words(argparse.Action):
    """Words of a flag that takes a name (`uniform`) or two numbers (LOW HIGH); what is neither is refused by its settings."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        try:
            value = values[0] if len(values) == 1 else [float(word) for word in values]
        except ValueError:
            value = " ".join(values)
        setattr(namespace, self.dest, value)


def _as_argparse(kind: Any) -> dict[str, Any]:
    """How argparse reads words of a type."""
    [first, *others] = options(kind)
    if get_origin(first) is Annotated:
        first = get_args(first)[0]
    if get_origin(first) is Literal:
        return {"action": _Words, "nargs": "+"} if others else {"type": str}
    if get_origin(first) in (list, Sequence):
        return {"type": _as_argparse(get_args(first)[0])["type"], "nargs": "*"}
    return {"type": first}


def _add(parser: argparse.ArgumentParser, names: list[str], kind: Any, default: Any, text: str) -> None:
    """Add a flag; default: `...` where it is required."""
    text = text.replace("%", "%%")
    if kind is bool and names[0].startswith("-"):
        off = [flag(f"no_{names[0][2:]}")] if default else names
        parser.add_argument(
            *off, dest=names[0][2:].replace("-", "_"), action="store_false" if default else "store_true", help=text
        )
        return
    how = _as_argparse(kind)
    if default is ... and how.get("nargs") == "*":
        how["nargs"] = "+"
    if default not in (..., None, ()):
        text += " (default: %(default)s)"
    if default is ... and names[0].startswith("-"):
        how["required"] = True
    parser.add_argument(*names, **how, default=None if default is ... else default, help=text)


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, function: Function, parse: Parse
) -> None:
    """Add a command to the command line.

    parse: parser for the command lines of other jobs, which a job may run as well.
    """
    parser = commands.add_parser(
        name, description=inspect.getdoc(function), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plugin", type=Path, action="append", default=[], metavar="FILE",
        help="Python file that adds datasets, networks, structures, solvers or objectives; may be repeated",
    )  # fmt: skip
    _add_flags(parser, function)
    run = partial(call, function)
    parser.set_defaults(run=shared(run, parse) if function.__name__ in SHARED else run)


def _add_flags(parser: argparse.ArgumentParser, function: Function) -> None:
    """Give a parser the flags of a command."""
    for parameter in _parameters(function):
        kind, texts = parameter.annotation, [""]
        if get_origin(kind) is Annotated:
            kind, *texts = get_args(kind)
        if is_settings(kind):
            for name, field in fields_of(kind).items():
                default = ... if field.is_required() else field.default
                _add(parser, [flag(name)], field.annotation, default, " ".join((field.description or "").split()))
            continue
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        names = [parameter.name] if positional else [flag(parameter.name), *texts[1:]]
        default = ... if parameter.default is parameter.empty else parameter.default
        _add(parser, names, kind, default, texts[0])


def call(function: Function, arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Run a command with what its flags say.  Raises LotteryError where a setting is refused."""
    positional: list[Any] = [provenance]
    named: dict[str, Any] = {}
    for parameter in _parameters(function):
        kind = parameter.annotation
        value = settings_from(kind, arguments) if is_settings(kind) else getattr(arguments, parameter.name)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[parameter.name] = value
    function(*positional, **named)
