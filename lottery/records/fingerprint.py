"""A hash of the code that a command uses, so that the workflow detects changes in this package.

The code of a command is the function of that name in a module of `lottery.commands`, the definitions that it uses there, and
every module of the package that these import, directly or indirectly.  Modules are hashed as parsed code without docstrings, so
comments, layout and documentation change nothing.  The hash is the same under every Python from 3.11, on every machine, and for
both line endings.
"""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from lottery.errors import LotteryError
from lottery.records.files import write_json

PACKAGE = "lottery"
# The module of each registry for plugins.  A command uses a plugin if it uses a registry that the plugin imports.
REGISTRIES = {
    "DATASETS": f"{PACKAGE}.data.datasets",
    "NETWORKS": f"{PACKAGE}.networks",
    "STRUCTURES": f"{PACKAGE}.pruning.run",
    "SOLVERS": f"{PACKAGE}.subset_sum.solvers",
    "OBJECTIVES": f"{PACKAGE}.subset_sum.problem",
}
ITSELF = f"{PACKAGE}.records.fingerprint"  # identifies results, but does not change them
KNOWN = "fingerprints.json"
ROOT = Path(__file__).resolve().parents[2]


def module_path(module: str, root: Path = ROOT) -> Path | None:
    """The file of a module of the package, or None if there is no such module."""
    base = root.joinpath(*module.split("."))
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Docstrings, and the help of settings, decide no byte of a result."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree


@cache
def _parsed(path: Path, changed: int) -> ast.Module:
    return _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))


def _dump(part: object) -> str:
    """Parsed code as text, like `ast.dump` in Python 3.11.

    Later versions give other text for the same source: 3.12 adds type parameters and empty text at the end of a format, and has the
    u of u"text" in other places; 3.13 omits empty lists.
    """
    if isinstance(part, list):
        return f"[{', '.join(map(_dump, part))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    fields = []
    for name in part._fields:
        value = getattr(part, name, None)
        if isinstance(part, ast.JoinedStr):
            value = [piece for piece in part.values if not (isinstance(piece, ast.Constant) and piece.value == "")]
        left_out = value is None and getattr(type(part), name, ...) is None  # optional and missing
        if not left_out and name != "kind" and (name, value) != ("type_params", []):
            fields.append(f"{name}={_dump(value)}")
    return f"{type(part).__name__}({', '.join(fields)})"


@cache
def _dumped(path: Path, changed: int) -> bytes:
    return _dump(_parsed(path, changed)).encode()


def _tree(path: Path) -> ast.Module:
    """The parsed code of a file, without docstrings."""
    return _parsed(path, path.stat().st_mtime_ns)


def _imported(node: ast.AST, root: Path) -> set[str]:
    """Modules of the package that `node` imports anywhere inside, including in functions."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            found.update(alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            if part.level:
                raise ValueError(f"relative import in line {part.lineno}: write {PACKAGE}.… in full")
            module = part.module or ""
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in part.names)
    return {module for module in found if module.split(".")[0] == PACKAGE and module_path(module, root)}


def _with_parents(module: str) -> list[str]:
    """a, a.b and a.b.c for a.b.c, because its import runs all three."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _closure(modules: set[str], root: Path) -> set[str]:
    reached: set[str] = set()
    waiting = list(modules)
    while waiting:
        for module in _with_parents(waiting.pop()):
            path = module_path(module, root)
            if module not in reached and module != ITSELF and path is not None:
                reached.add(module)
                waiting.extend(_imported(_tree(path), root))
    return reached


def _free_names(statement: ast.stmt) -> set[str]:
    """Names that a statement reads, except those that it imports itself, which refer to something else."""
    read = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if not isinstance(statement, ast.FunctionDef):
        return read
    imports = [part for part in ast.walk(statement) if isinstance(part, ast.Import | ast.ImportFrom)]
    return read - {alias.asname or alias.name for part in imports for alias in part.names}


def _definitions_used(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The statements of `tree` that define `name` and all names that it uses, directly or indirectly, in file order."""
    defined: dict[str, ast.stmt] = {}
    body = [part for statement in tree.body for part in _one_by_one(statement)]
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            defined.update({target.id: statement for target in targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            defined.update({(alias.asname or alias.name).split(".")[0]: statement for alias in statement.names})
    used: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in defined and current not in used:
            used.add(current)
            waiting.extend(_free_names(defined[current]))
    return [statement for statement in body if any(defined[name] is statement for name in used)]


def _one_by_one(statement: ast.stmt) -> Iterator[ast.stmt]:
    """`from a import b, c` as two statements: who uses b does not depend on c."""
    if isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield ast.ImportFrom(statement.module, [alias], statement.level, lineno=statement.lineno)
    else:
        yield statement


def _data_files(path: Path) -> list[Path]:
    """Files in the folder of a module, other than Python, whose names are string constants in it."""
    named = {
        part.value for part in ast.walk(_tree(path)) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return [
        file for file in sorted(path.parent.iterdir()) if file.name in named and file.suffix != ".py" and file.is_file()
    ]


def statements(command: str, root: Path = ROOT) -> list[ast.stmt]:
    """The statements of a command in the module of `lottery.commands` that defines it."""
    name = command.replace("-", "_")
    for path in sorted((root / PACKAGE / "commands").glob("*.py")):
        if any(isinstance(statement, ast.FunctionDef) and statement.name == name for statement in _tree(path).body):
            return _definitions_used(_tree(path), name)
    raise KeyError(f"{name} is not defined in {PACKAGE}.commands")


def modules_used(command: str, root: Path = ROOT) -> set[str]:
    """Modules of the package, except those of `lottery.commands`, that a command can import."""
    direct = set().union(*(_imported(statement, root) for statement in statements(command, root))) | {PACKAGE}
    return _closure(direct, root)


def _state(root: Path) -> str:
    """A hash of the times and sizes of all files of the package, by which Python also decides to recompile modules."""
    package = root / PACKAGE
    listed = []
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            with suppress(FileNotFoundError):  # a temporary file
                stat = os.stat(path)
                listed.append((os.path.relpath(path, package), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def fingerprint(command: str, root: Path = ROOT, plugins: Iterable[Path] = ()) -> str:
    """Sixteen hexadecimal digits that change if and only if the code or data changes that `lottery COMMAND` uses.

    This includes code of the package and of plugins, and data files (tables, templates) that a module names.  Computing it takes a
    quarter of a second, longer than the rest of a light command, so it is cached beside Python's compiled modules.
    Raises LotteryError if a plugin does not exist.
    """
    known = root / PACKAGE / "__pycache__" / KNOWN
    state, found = _state(root), {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        cached = json.loads(known.read_text(encoding="utf-8"))
        found = dict(cached["fingerprints"]) if cached["state"] == state else {}
    if command not in found:
        found[command] = _fingerprint(command, root)
        with suppress(OSError, LotteryError):  # the folder of the package is not writable
            write_json(known, {"state": state, "fingerprints": found})
    parts = [str(found[command]), *(part for path in plugins for part in _plugin_code(path, command, root))]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _plugin_code(path: Path, command: str, root: Path) -> Iterator[str]:
    """The code of a plugin, and of modules that it imports from the package; nothing if the command does not use it."""
    if not path.is_file():
        raise LotteryError(f"plugin {path}: there is no such file")
    tree, used = _tree(path), modules_used(command, root)
    imports = [part for part in ast.walk(tree) if isinstance(part, ast.ImportFrom)]
    homes = {REGISTRIES[alias.name] for part in imports for alias in part.names if alias.name in REGISTRIES}
    if not homes & used:
        return
    yield _dump(tree)
    for module in sorted(_closure(_imported(tree, root), root) - used):
        file = module_path(module, root)
        assert file is not None
        yield _dump(_tree(file))


def _fingerprint(command: str, root: Path) -> str:
    digest = hashlib.sha256()
    for statement in statements(command, root):
        digest.update(_dump(statement).encode())
    for module in sorted(modules_used(command, root)):
        path = module_path(module, root)
        assert path is not None
        digest.update(module.encode())
        for data in _data_files(path):
            digest.update(data.read_bytes().replace(b"\r\n", b"\n"))  # a checkout may have either line ending
        digest.update(_dumped(path, path.stat().st_mtime_ns))
    return digest.hexdigest()[:16]
