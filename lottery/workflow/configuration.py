"""The workflow's configuration: completed from its schema, and refused in one line where it is wrong."""

import copy
import difflib
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from lottery.approximation.points import planned_exact_networks, planned_points
from lottery.approximation.settings import Settings
from lottery.data.datasets import check_source, get_dataset
from lottery.errors import LotteryError
from lottery.planting.plan import planned_plantings
from lottery.plugins import load_plugins
from lottery.pruning.run import Variant
from lottery.pruning.sweeps import planned_runs
from lottery.recipe import Recipe
from lottery.settings import settings_from
from lottery.theory.plan import planned_exact_experiments
from lottery.tickets.construction import Construction
from lottery.tickets.ticket import check_signs
from lottery.workflow.schema import schema as config_schema

# Keys by their old names, which are read until version 0.3.
RENAMED = {
    "first_sparsity": "weight1_sparsity",
    "most_coefficients": "max_coefficients",
    "trials_beyond_16": "trials_above_16",
}


def _known_keys(error: ValidationError) -> list[str]:
    schema: Any = error.schema
    return list(schema.get("properties", {}))


WORDS = {
    "array": "a list", "object": "a mapping of keys to values", "integer": "a whole number", "number": "a number",
    "boolean": "true or false", "string": "text",
}  # fmt: skip


def _allowed(part: Any) -> list[str]:
    """What a key may be, in words, from its part of the schema."""
    for several in ("anyOf", "oneOf"):
        if several in part:
            return [word for option in part[several] for word in _allowed(option)]
    if "enum" in part:
        return [str(word) for word in part["enum"]]
    if "prefixItems" in part:
        return ["[low, high]"]
    if named := part.get("title", part.get("const")):
        return [named]
    types = part.get("type", "object")
    return [WORDS.get(name, name) for name in ([types] if isinstance(types, str) else types)]


def _one_line(error: ValidationError) -> str:
    """jsonschema prints the schema and the instance; a person wants the key, the fault and a way out."""
    instance: Any = error.instance
    allowed: Any = error.validator_value
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        unknown = sorted(set(instance) - set(_known_keys(error)))[0]
        close = difflib.get_close_matches(unknown, _known_keys(error), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(_known_keys(error))}"
        return f"config: {where}: unknown key {unknown!r}; {hint}"
    if error.validator == "enum":
        return f"config: {where}: {instance!r} is not one of {', '.join(map(str, allowed))}"
    if error.validator == "anyOf":
        return f"config: {where}: {instance!r} is not one of {', '.join(_allowed(error.schema))}"
    if error.validator == "type":
        return f"config: {where}: {' or '.join(_allowed({'type': allowed}))} is needed, not {instance!r}"
    return f"config: {where}: {error.message}"


def _typed(schema: dict[str, Any], value: Any) -> Any:
    """Text as the number, truth value or null that the schema asks for: inside a nested `--config`, Snakemake reads text."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if "integer" in types and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str) or not types or ("string" in types and value != "null"):
        return value
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    if "integer" in types and isinstance(parsed, float) and parsed.is_integer():
        return int(parsed)
    if "number" in types and isinstance(parsed, str):
        try:
            parsed = float(parsed)  # YAML takes 1e-3, without a point, for text
        except ValueError:
            return value
    return value if isinstance(parsed, str) or (parsed is None and "null" not in types) else parsed


def _fill(schema: dict[str, Any], root: dict[str, Any], value: Any) -> Any:
    """`value` with the defaults that the schema states for keys that are absent."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for alternative in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        value = _fill(alternative, root, value)
    value = _typed(schema, value)
    if isinstance(value, list):
        parts = [*schema.get("prefixItems", []), *[schema.get("items", {})] * len(value)]
        return [_fill(part, root, item) for part, item in zip(parts, value, strict=False)]
    if not isinstance(value, dict):
        return value
    for key, part in schema.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            value[key] = _fill(part, root, value[key])
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for key in value:
            if key not in schema.get("properties", {}):
                value[key] = _fill(others, root, value[key])
    return value


def _not_finite(value: Any, path: str) -> Iterator[str]:
    """Where NaN or an infinity stands: comparisons with a limit let them pass."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path


_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_PLAIN = re.compile(r"(?!~)/?[^${}/]+(/[^${}/]+)*")  # a path: Snakemake takes it as it is, and braces for wildcards


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    """A YAML node and all below it; raises LotteryError where a key is there twice."""
    yield node
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _nodes(item)
    if isinstance(node, yaml.MappingNode):
        names = set()
        for key, value in node.value:
            if key.value in names and key.value != "<<":
                raise LotteryError(
                    f"line {key.start_mark.line + 1}: {key.value!r} is there twice, of which YAML drops one; delete one"
                )
            names.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            yield from _nodes(key)
            yield from _nodes(value)


def check_file(path: Path) -> None:
    """Refuse a file of which YAML would drop something, or read a number as another one, without a word."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        for node in _nodes(root) if root is not None else ():
            octal = node.tag.endswith(":int") and not _DECIMAL.fullmatch(node.value)
            if octal or (node.tag.endswith(":float") and ":" in node.value):
                read = yaml.safe_load(node.value)
                raise LotteryError(
                    f"line {node.start_mark.line + 1}: YAML reads {node.value} as {read}; write a decimal number, or text in quotes"
                )
    except (OSError, ValueError, yaml.YAMLError):
        return  # Snakemake says what is wrong
    except LotteryError as problem:
        raise LotteryError(f"config: {path}: {problem}") from problem


def _check_names(value: Any, where: str) -> None:
    """YAML reads no, on, 4 and 0.01 as truth values and numbers."""
    if isinstance(value, list):
        for item in value:
            _check_names(item, where)
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise LotteryError(
                    f"config: {where or 'top level'}: a name is read as {key!r}, which is no text; names begin with a letter,"
                    " and on, off, yes and no need quotes"
                )
            _check_names(part, f"{where}.{key}".lstrip("."))


def _expanded(path: str | None, key: str) -> str | None:
    """A path with `~` and environment variables replaced, as a shell would."""
    if path is None or Path(path).exists():
        return path
    found = os.path.expanduser(os.path.expandvars(path))
    if found.startswith("~") or "$" in found:
        raise LotteryError(
            f"config: {key}: {path!r} names no user or environment variable that is known; write it in full"
        )
    return found


def _expand_paths(config: dict[str, Any]) -> None:
    """Replace `~` and variables in the paths that we read; refuse them where Snakemake reads a path."""
    config["source"] = _expanded(config["source"], "source")
    config["plugins"] = [_expanded(path, "plugins") for path in config["plugins"]]
    for group, key in (("targets", "weights"), ("variants", "convolutions")):
        for name, entry in config[group].items():
            entry[key] = _expanded(entry[key], f"{group}.{name}.{key}")
    for name, path in config["pathvars"].items():
        if not _PLAIN.fullmatch(path):
            raise LotteryError(
                f"config: pathvars.{name}: {path!r} is taken as it is; write a path with no ~, $, braces, double or last slash"
            )


def _load_plugins(config: dict[str, Any]) -> None:
    """Before all else: what names there are depends on them."""
    plugins = config.get("plugins") or []
    if not isinstance(plugins, list) or not all(isinstance(path, str) for path in plugins):
        return  # the schema refuses it
    try:
        load_plugins(Path(str(_expanded(path, "plugins"))) for path in plugins)
    except LotteryError as problem:
        raise LotteryError(f"config: plugins: {problem}") from problem


def _rename_old_keys(config: dict[str, Any]) -> None:
    """Give keys with an old name their new one, and say so."""
    variants = config["variants"] if isinstance(config.get("variants"), dict) else {}
    sections = {"theory": config.get("theory"), **{f"variants.{name}": entry for name, entry in variants.items()}}
    for section, entry in sections.items():
        for old in RENAMED.keys() & set(entry if isinstance(entry, dict) else ()):
            entry[RENAMED[old]] = entry.pop(old)
            print(
                f"config: {section}.{old} is now named {RENAMED[old]}; version 0.3 will refuse the old name",
                file=sys.stderr,
            )


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """A valid configuration with every default filled in and entries set to null left out.

    Raises LotteryError: one line with the key, the fault and what is allowed.
    """
    _load_plugins(config)
    schema = config_schema()
    config = copy.deepcopy(config)
    _rename_old_keys(config)
    _check_names(config, "")
    if isinstance(config.setdefault("variants", {}), dict):
        config["variants"].setdefault("released", {})
    filled: dict[str, Any] = _fill(schema, schema, config)
    if not_finite := next(_not_finite(filled, ""), None):
        raise LotteryError(f"config: {not_finite}: a finite number is needed")
    error = best_match(Draft202012Validator(schema).iter_errors(filled))
    if error is not None:
        parent = error.parent
        whole = parent is not None and parent.validator == "anyOf" and parent.absolute_path == error.absolute_path
        raise LotteryError(_one_line(parent if whole else error))
    for group in (
        "targets", "approximations", "frontiers", "exact_networks", "tickets", "planted", "sweeps", "variants"
    ):  # fmt: skip
        filled[group] = {name: entry for name, entry in filled[group].items() if entry is not None}
    filled["pathvars"] = {name: path for name, path in filled["pathvars"].items() if path is not None}
    _expand_paths(filled)
    _check_targets(filled)
    for group, settings in (("approximations", Settings), ("tickets", Construction), ("targets", Recipe)):
        for name, entry in filled[group].items():
            try:
                settings_from(settings, entry)
            except (LotteryError, ValueError) as problem:
                raise LotteryError(f"config: {group}.{name}: {problem}") from problem
    try:
        planned_points(filled)
        planned_exact_networks(filled)
        planned_exact_experiments(filled["exactness"])
        planned_plantings(filled)
    except LotteryError as problem:
        raise LotteryError(f"config: {problem}") from problem
    _check_signs(filled)
    _check_sweeps(filled)
    _check_controls(filled)
    checked = filled["cross_check"]["approximation"]
    if checked is not None and checked not in filled["approximations"]:
        raise LotteryError(
            f"config: cross_check.approximation: {checked!r} is not one of the approximations"
            f" ({', '.join(filled['approximations']) or 'none'})"
        )
    try:
        check_source(get_dataset(filled["dataset"]), filled["source"])
    except LotteryError as problem:
        raise LotteryError(f"config: {problem}") from problem
    return filled


def _check_targets(config: dict[str, Any]) -> None:
    """Whatever is done to a target is done to one that there is."""
    for group in ("approximations", "frontiers", "exact_networks", "tickets", "planted"):
        for name, entry in config[group].items():
            if entry["target"] not in config["targets"]:
                raise LotteryError(
                    f"config: {group}.{name}.target: {entry['target']!r} is not one of the targets"
                    f" ({', '.join(config['targets']) or 'none'})"
                )


def _check_signs(config: dict[str, Any]) -> None:
    """A ticket must pass the pixels that its target was trained on."""
    for name, entry in config["tickets"].items():
        target = config["targets"][entry["target"]]
        try:
            check_signs(target["network"], target["pixels"], entry["signed_inputs"])
        except LotteryError as problem:
            raise LotteryError(f"config: tickets.{name}.{problem}") from problem


def _check_controls(config: dict[str, Any]) -> None:
    """Controls are of sweeps that there are."""
    for name in (config["controls"] or {}).get("sweeps") or []:
        if name not in config["sweeps"]:
            known = ", ".join(config["sweeps"]) or "none"
            raise LotteryError(f"config: controls.sweeps: {name!r} is not one of the sweeps ({known})")


def _check_sweeps(config: dict[str, Any]) -> None:
    """What the schema cannot say of sweeps and variants."""
    for name, entry in config["variants"].items():
        try:
            variant = settings_from(Variant, entry)
        except LotteryError as problem:
            raise LotteryError(f"config: variants.{name}: {problem}") from problem
        if name == "released" and (variant != Variant() or entry["convolutions"] is not None):
            raise LotteryError("config: variants.released: is what the paper released; give yours another name")
    published: dict[str, tuple[int, str]] = {}
    for name, entry in config["sweeps"].items():
        for wanted in entry["variants"]:
            if wanted not in config["variants"]:
                known = ", ".join(config["variants"]) or "none"
                raise LotteryError(f"config: sweeps.{name}.variants: {wanted!r} is not one of the variants ({known})")
        seed = entry["published_seed"]
        if seed is None and not entry["held_out_seeds"]:
            raise LotteryError(
                f"config: sweeps.{name}: neither protocol has a seed; set the sweep to null to leave it out"
            )
        draws = (seed, entry["published_stream"])
        changed = (settings_from(Variant, config["variants"][wanted]).not_released for wanted in entry["variants"])
        if (
            seed is not None
            and entry["published_stream"] == "released"
            and (switch := next(filter(None, changed), None))
        ):
            raise LotteryError(
                f"config: sweeps.{name}.published_stream: released has no numbers for {switch}, which changes what is"
                " drawn; set it to keyed"
            )
        if seed is not None and published.setdefault(entry["network"], draws) != draws:
            key = "published_seed" if published[entry["network"]][0] != seed else "published_stream"
            raise LotteryError(
                f"config: sweeps.{name}.{key}: the published protocol has one seed and one stream for a network"
            )
        if entry["perturbations"] and (seed is None or entry["published_stream"] != "released"):
            raise LotteryError(
                f"config: sweeps.{name}.perturbations: repeat replays, which the published protocol makes with"
                " published_stream: released"
            )
        images = get_dataset(config["dataset"]).train_count
        if entry["held_out_seeds"] and config["validation_images"] >= images:
            raise LotteryError(
                f"config: validation_images: {config['validation_images']} of {images} training images"
                f" of {config['dataset']} leave none to learn from"
            )
    try:
        planned_runs(config)
    except LotteryError as problem:
        raise LotteryError(f"config: {problem}") from problem


def _described(part: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    """(key, allowed values, default, description) of every key below a part of the schema, required ones first."""
    required = part.get("required", [])
    for key, value in sorted(part["properties"].items(), key=lambda item: item[0] not in required):
        entries = value.get("additionalProperties") or value  # by names that a person chooses, or one
        below = next((option["$ref"] for option in (entries, *entries.get("oneOf", ())) if "$ref" in option), None)
        default = "" if below and "oneOf" not in value else json.dumps(value.get("default"))
        allowed = _allowed({"type": "object"} if "$ref" in value else value)
        yield f"{path}{key}", ", ".join(allowed), "required" if key in required else default, value["description"]
        if below:
            name = "NAME." if "propertyNames" in value else ""
            yield from _described(root["$defs"][below.rpartition("/")[2]], root, f"{path}{key}.{name}")


def reference() -> str:
    """Every key of the configuration as a Markdown table, from the schema."""
    schema = config_schema()
    lines = ["| key | allowed | default | meaning |", "| --- | --- | --- | --- |"]
    for key, allowed, default, description in _described(schema, schema, ""):
        lines.append(f"| `{key}` | {allowed} | {f'`{default}`' if default else ''} | {' '.join(description.split())} |")
    return "\n".join(lines) + "\n"
