"""What code a command really uses, as one hash, so that a workflow can see a change in a package.

The code of a verb is the function of that name in a module of `lottery.commands`, what it refers to there, and every module of
the package that these import, directly or through others.  Modules are taken as parsed code without docstrings, so that
comments, layout and documentation change nothing.  The same source has the same fingerprint under every Python from 3.11, on
every machine, with every line end.
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
# Where each registry is that plugins add to; a command uses a plugin if it uses one of the registries that the plugin names.
REGISTRIES = {
    "DATASETS": f"{PACKAGE}.data.datasets",
    "NETWORKS": f"{PACKAGE}.networks",
    "STRUCTURES": f"{PACKAGE}.pruning.run",
    "SOLVERS": f"{PACKAGE}.subset_sum.solvers",
    "OBJECTIVES": f"{PACKAGE}.subset_sum.problem",
}
ITSELF = f"{PACKAGE}.records.fingerprint"  # says what a result is known by and decides none of its bytes
KNOWN = "fingerprints.json"
ROOT = Path(__file__).resolve().parents[2]


def module_path(module: str, root: Path = ROOT) -> Path | None:
    """The file of a module of the package, or None where there is no such module."""
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
    """Parsed code as text: what `ast.dump` of Python 3.11 gives.

    That of other versions differs for the same source: 3.12 has type parameters, empty text at the end of a format, and the
    u of u"text" in other places; 3.13 leaves empty lists out.
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
        left_out = value is None and getattr(type(part), name, ...) is None  # optional, and not there
        if not left_out and name != "kind" and (name, value) != ("type_params", []):
            fields.append(f"{name}={_dump(value)}")
    return f"{type(part).__name__}({', '.join(fields)})"


@cache
def _dumped(path: Path, changed: int) -> bytes:
    return _dump(_parsed(path, changed)).encode()


def _tree(path: Path) -> ast.Module:
    """The code of a file, docstrings left out."""
    return _parsed(path, path.stat().st_mtime_ns)


def _imported(node: ast.AST, root: Path) -> set[str]:
    """Modules of the package that `node` imports anywhere inside, functions included."""
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
    """Importing a.b.c runs a and a.b too."""
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
    """Names that a statement reads and does not itself import: what it imports is another thing of that name."""
    read = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if not isinstance(statement, ast.FunctionDef):
        return read
    imports = [part for part in ast.walk(statement) if isinstance(part, ast.Import | ast.ImportFrom)]
    return read - {alias.asname or alias.name for part in imports for alias in part.names}


def _definitions_used(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The statement of `tree` that defines `name`, and those of all names that it uses, in the order of the file."""
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
    """Files beside a module, not Python, whose names stand in it as text."""
    named = {
        part.value for part in ast.walk(_tree(path)) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return [
        file for file in sorted(path.parent.iterdir()) if file.name in named and file.suffix != ".py" and file.is_file()
    ]


def statements(verb: str, root: Path = ROOT) -> list[ast.stmt]:
    """What a verb is made of in the module of `lottery.commands` that defines it."""
    name = verb.replace("-", "_")
    for path in sorted((root / PACKAGE / "commands").glob("*.py")):
        if any(isinstance(statement, ast.FunctionDef) and statement.name == name for statement in _tree(path).body):
            return _definitions_used(_tree(path), name)
    raise KeyError(f"{name} is not defined in {PACKAGE}.commands")


def modules_used(verb: str, root: Path = ROOT) -> set[str]:
    """Modules of the package, but for those of `lottery.commands`, that the verb can import."""
    direct = set().union(*(_imported(statement, root) for statement in statements(verb, root))) | {PACKAGE}
    return _closure(direct, root)


def _state(root: Path) -> str:
    """What the files of the package are, by their times and sizes, as Python tells whether to compile a module again."""
    package = root / PACKAGE
    listed = []
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            with suppress(FileNotFoundError):  # a temporary one
                stat = os.stat(path)
                listed.append((os.path.relpath(path, package), stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def fingerprint(verb: str, root: Path = ROOT, plugins: Iterable[Path] = ()) -> str:
    """Sixteen hexadecimal digits that change when, and only when, what `lottery VERB` uses of package and plugins changes.

    That is its code, and the data files beside a module that the module names (tables, templates).  To find it takes a
    quarter of a second, longer than all else that a light command does; so it is kept beside Python's compiled modules.
    """
    known = root / PACKAGE / "__pycache__" / KNOWN
    state, found = _state(root), {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(known.read_text(encoding="utf-8"))
        found = dict(kept["fingerprints"]) if kept["state"] == state else {}
    if verb not in found:
        found[verb] = _fingerprint(verb, root)
        with suppress(OSError, LotteryError):  # a package that cannot be written to
            write_json(known, {"state": state, "fingerprints": found})
    parts = [str(found[verb]), *(part for path in plugins for part in _of_plugin(path, verb, root))]
    return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _of_plugin(path: Path, verb: str, root: Path) -> Iterator[str]:
    """The code of a plugin that a command uses, and of what it imports of the package; nothing of one that it does not."""
    if not path.is_file():
        raise LotteryError(f"plugin {path}: there is no such file")
    tree, used = _tree(path), modules_used(verb, root)
    imports = [part for part in ast.walk(tree) if isinstance(part, ast.ImportFrom)]
    homes = {REGISTRIES[alias.name] for part in imports for alias in part.names if alias.name in REGISTRIES}
    if not homes & used:
        return
    yield _dump(tree)
    for module in sorted(_closure(_imported(tree, root), root) - used):
        file = module_path(module, root)
        assert file is not None
        yield _dump(_tree(file))


def _fingerprint(verb: str, root: Path) -> str:
    digest = hashlib.sha256()
    for statement in statements(verb, root):
        digest.update(_dump(statement).encode())
    for module in sorted(modules_used(verb, root)):
        path = module_path(module, root)
        assert path is not None
        digest.update(module.encode())
        for data in _data_files(path):
            digest.update(data.read_bytes().replace(b"\r\n", b"\n"))  # as text: a checkout may have either line end
        digest.update(_dumped(path, path.stat().st_mtime_ns))
    return digest.hexdigest()[:16]
