"""The house as it is drawn: who may import whom, what stays light, how long a file may be, which names are public."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import facezoo
import facezoo.errors
import facezoo.plugin
from tests.conftest import ROOT

# a module imports only what stands above it
ORDER = (
    "errors", "labels", "specs", "hookspecs", "core",
    "config", "contracts", "sources", "plugins", "registry", "store", "hub", "catalogue",  # from here: pydantic
    "records", "results", "tables", "disclosure", "images",  # from here: numpy, torch
    "crops", "components", "weights", "devices", "video",
    "batches", "panels", "pipelines", "tasks", "retrieval", "publish", "loader",
    "datasets", "training", "evaluation", "testing", "cli", "__main__",
)  # fmt: skip
FACADES = ("__init__", "plugin")
LATE = {("results", "images")}  # inside a function: a picture saves itself
HEAVY = {"torch", "timm", "numpy", "PIL", "pandas", "safetensors", "huggingface_hub", "rich", "pydantic", "yaml", "cv2", "av"}
FROM_PYDANTIC = {"pydantic", "yaml"}
LIGHT_COMMANDS = {"typer", "rich", "pydantic", "yaml"}  # what the command line may import before it knows what is wanted
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base"}
IMPORT_NAMES = {
    "opencv-python-headless": "cv2", "pillow": "PIL", "pyyaml": "yaml", "huggingface-hub": "huggingface_hub",
    "scikit-learn": "sklearn", "scikit-image": "skimage",
}  # fmt: skip

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = sorted((ROOT / "facezoo").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").glob("*/__init__.py"))
SOURCES = [*CORE, *sorted((ROOT / "plugins").rglob("*.py"))]
ALL = [*SOURCES, *(p for folder in ("tests", "docs", "benchmarks") for p in sorted((ROOT / folder).rglob("*.py")))]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: Path) -> tuple[tuple[str, bool], ...]:
    """(dotted name, True if at module level) of everything a file imports, TYPE_CHECKING blocks left out."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    tree = tree_of(path)
    ignored = {id(n) for node in ast.walk(tree) if _for_type_checkers(node) for n in ast.walk(node)}
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in inner


def _for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def module_of(path: Path) -> str:
    """errors.py -> errors; cli/app.py -> cli."""
    return path.relative_to(ROOT / "facezoo").parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_module_has_its_place_in_the_order() -> None:
    assert {module_of(path) for path in CORE} - set(FACADES) <= set(ORDER)


@pytest.mark.parametrize("path", [p for p in CORE if module_of(p) not in FACADES], ids=name_of)
def test_core_module_imports_only_what_stands_above_it(path: Path) -> None:
    own = module_of(path)
    for name, _ in imports_of(path):
        first, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if first != "facezoo" or other in ("", own, "__version__") or (own, other) in LATE:
            continue
        assert other in ORDER, f"imports facezoo.{other}; the façades are for users and plugins"
        assert ORDER.index(other) < ORDER.index(own), f"{own} stands above {other} and imports it"


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_imports_no_plugin(path: Path) -> None:
    plugins = {plugin.parent.name for plugin in PLUGINS}
    assert not {name.partition(".")[0] for name, _ in imports_of(path)} & plugins
    assert not any(plugin in path.read_text(encoding="utf-8") for plugin in plugins), "the core knows no plugin by name"


@pytest.mark.parametrize("path", [p for p in CORE if module_of(p) not in FACADES], ids=name_of)
def test_heavy_imports_stand_below_their_line(path: Path) -> None:
    own = module_of(path)
    place = ORDER.index(own)
    allowed: set[str] = set()
    if place >= ORDER.index("config"):
        allowed |= FROM_PYDANTIC
    if place >= ORDER.index("records"):
        allowed |= HEAVY
    assert heavy_at_top(path) <= allowed


def heavy_at_top(path: Path) -> set[str]:
    return {name.partition(".")[0] for name, at_top in imports_of(path) if at_top} & HEAVY


def test_commands_import_what_draws_only_when_they_draw() -> None:
    files = {f"facezoo.cli.{path.stem}": path for path in CORE if module_of(path) == "cli" and path.stem != "__init__"}
    above = {module: {n for n, top in imports_of(path) if top} & set(files) for module, path in files.items()}
    reached, waiting = set(), {"facezoo.cli.app"}
    while waiting:
        reached |= waiting
        waiting = {other for module in waiting for other in above[module]} - reached
    assert {"facezoo.cli.listing", "facezoo.cli.tasks"} <= reached
    assert {module: heavy_at_top(files[module]) - LIGHT_COMMANDS for module in reached} == dict.fromkeys(reached, set())


@pytest.mark.parametrize("path", [p for plugin in PLUGINS for p in sorted(plugin.parent.rglob("*.py"))], ids=name_of)
def test_plugin_imports_the_facade_itself_and_declared_dependencies(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[0]
    needs = [*PROJECT["dependencies"], *(need for extra in PROJECT["optional-dependencies"].values() for need in extra)]
    declared = {re.split(r"[<>=\[ ;]", need)[0].lower() for need in needs}
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in declared} - {"facezoo"}
    required = re.search(r"^REQUIRES_PLUGINS = (\(.*\))$", (ROOT / "plugins" / own / "__init__.py").read_text(), re.MULTILINE)
    friends = set(ast.literal_eval(required[1])) if required else set()
    for name, _ in imports_of(path):
        first, second = (*name.split("."), "")[:2]
        if first == "facezoo":
            assert second == "plugin", f"imports {name}; a plugin imports facezoo.plugin"
        elif first.startswith("facezoo_"):
            assert first == own or (first in friends and second == "model"), f"imports {name}"
        else:
            assert first in sys.stdlib_module_names or first in known, f"imports {first}, which is no declared dependency"


@pytest.mark.parametrize("path", PLUGINS, ids=name_of)
def test_plugin_is_read_from_hooks_to_tasks(path: Path) -> None:
    later = {
        "config": {"model", "convert", "train", "evaluate", "pipeline"},
        "model": {"convert", "train", "evaluate", "pipeline"},
    }
    package = path.parent
    for own, below in later.items():
        source = package / f"{own}.py"
        used = (
            {name.split(".")[1] for name, _ in imports_of(source) if name.startswith(package.name)}
            if source.is_file()
            else set()
        )
        assert not used & below, f"{own} imports {used & below}"
    assert {name.partition(".")[0] for name, _ in imports_of(path)} <= {"facezoo", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_file_is_short_and_its_name_says_something(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in FORBIDDEN_NAMES and path.parent.name not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            told = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) and first.end_lineno else 0
            assert (node.end_lineno or 0) - node.lineno - told < 60, f"{node.name} in line {node.lineno}"


def modules_after(script: str) -> set[str]:
    code = f"{script}\nimport json, sys\nprint('\\n' + json.dumps([m for m in sys.modules if '.' not in m]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["facezoo", "facezoo.plugin", *(path.parent.name for path in PLUGINS)])
def test_import_is_light(module: str) -> None:
    assert not modules_after(f"import {module}") & HEAVY


def test_listing_needs_no_torch() -> None:
    everything = "facezoo.list_models(); facezoo.list_pipelines(); facezoo.list_plugins(); facezoo.info('haar-frontal')"
    assert not modules_after(f"import facezoo; {everything}") & {"torch", "numpy", "timm", "cv2", "huggingface_hub"}


@pytest.mark.parametrize("command", ["list", "plugins", "--help", "info haar-frontal"])
def test_command_line_lists_without_torch(command: str) -> None:
    pytest.importorskip("facezoo.cli.app", reason="the command line is not there")
    script = f"""
import contextlib, io, sys
sys.argv = ["facezoo", *{command.split()!r}]
from facezoo.cli import main
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    main()
assert shown.getvalue().strip()
"""
    assert not modules_after(script) & {"torch", "numpy", "timm", "cv2", "huggingface_hub"}


def test_public_names_exist_and_are_few_and_sorted() -> None:
    names = facezoo.__all__
    assert len(names) <= 40
    assert names == ["__version__", *sorted(names[1:])]
    assert {name for name in names if getattr(facezoo, name) is None} == set()
    assert dir(facezoo) == sorted(names)
    with pytest.raises(AttributeError, match="facezoo has no 'lod'; it has .*load"):
        _ = facezoo.lod


def test_names_for_plugins_exist_and_are_sorted() -> None:
    names = facezoo.plugin.__all__
    assert names == sorted(set(names))
    missing = []
    for name in names:
        try:
            getattr(facezoo.plugin, name)
        except (AttributeError, ImportError) as error:
            missing.append(f"{name}: {error}")
    assert missing == []


@pytest.mark.parametrize("facade", ["facezoo", "facezoo.plugin"])
def test_type_checkers_see_the_same_names(facade: str) -> None:
    module = importlib.import_module(facade)
    tree = tree_of(Path(module.__file__ or ""))
    seen: set[str] = set()
    for node in (n for block in ast.walk(tree) if _for_type_checkers(block) for n in ast.walk(block)):
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            seen |= set(module._HOME.get(node.module, ())) if names == ["*"] else set(names)
    assert seen == set(module._WHERE)


def test_every_error_is_in_the_tree_and_public() -> None:
    tree = facezoo.errors.__doc__ or ""
    errors = {
        name for name, value in vars(facezoo.errors).items() if isinstance(value, type) and value.__module__ == "facezoo.errors"
    }
    assert errors == {name for name in errors if re.search(rf"\b{name}\b", tree)}
    assert errors <= set(facezoo.__all__)
    assert all(issubclass(getattr(facezoo, name), facezoo.FacezooError) for name in errors)
