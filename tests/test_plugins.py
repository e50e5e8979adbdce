"""Discovery: plugins are found by their entry points, and a broken one is named and breaks nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import facezoo
from facezoo.errors import PluginError, UnknownNameError
from facezoo.plugins import discover
from facezoo.registry import load_registry
from facezoo.specs import ComponentSpec, PipelineSpec

Install = Callable[..., None]

HOOKS = """
from facezoo.plugin import ComponentSpec, PipelineSpec, hookimpl

FACEZOO_API = 1

@hookimpl
def facezoo_components():
    net = ComponentSpec(
        arch="{arch}", kinds=("encoder",), target="{module}.model:Net", config="{module}.model:Config", summary="s"
    )
    return (net,)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install(name, source, **files)`` puts a plugin on the path as pip would: a module, and metadata with an entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("FACEZOO_PLUGINS", raising=False)
    made: list[str] = []

    def forget() -> None:
        discover.cache_clear()
        load_registry.cache_clear()

    def write(name: str, source: str, *, module: str = "", files: dict[str, str] | None = None) -> None:
        module = module or f"made_{name.replace('-', '_')}"
        package = tmp_path / module
        package.mkdir()
        (package / "__init__.py").write_text(source)
        for file, text in (files or {}).items():
            (package / file).write_text(text)
        info = tmp_path / f"{module}-3.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-{name}\nVersion: 3.2\n")
        (info / "entry_points.txt").write_text(f"[facezoo]\n{name} = {module}\n")
        made.append(module)
        monkeypatch.syspath_prepend(tmp_path)  # again, so that importlib looks again
        forget()

    forget()
    yield write
    for module in made:
        for loaded in [key for key in sys.modules if key == module or key.startswith(f"{module}.")]:
            del sys.modules[loaded]
    monkeypatch.undo()
    forget()


def hooks(module: str, arch: str) -> str:
    return HOOKS.format(module=module, arch=arch)


def test_first_party_plugins_are_found_and_whole() -> None:
    found = {plugin.name: plugin for plugin in facezoo.list_plugins()}
    assert {"cycle-face", "detectors"} <= set(found)
    assert [plugin.error for plugin in found.values()] == [None] * len(found)
    assert found["cycle-face"].distribution == "facezoo"
    assert discover().get(ComponentSpec, "cycle-face").plugin == "cycle-face"


def test_third_party_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("face-net", hooks("made_face_net", "net"))
    plugin = next(p for p in facezoo.list_plugins() if p.name == "face-net")
    assert (plugin.module, plugin.distribution, plugin.version, plugin.error) == ("made_face_net", "made-face-net", "3.2", None)
    assert discover().get(ComponentSpec, "net").plugin == "face-net"
    assert "made_face_net.model" not in sys.modules


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise RuntimeError('no licence file')", "RuntimeError: no licence file"),
        ("import a_module_that_is_not_installed", "ModuleNotFoundError: No module named 'a_module_that_is_not_installed'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError"),
        ("FACEZOO_API = 2", "says FACEZOO_API = 2; this facezoo speaks 1"),
        ("pass", "says FACEZOO_API = None; this facezoo speaks 1"),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import hookimpl\n@hookimpl\ndef facezoo_componets():\n    return ()",
            "facezoo_componets",
        ),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import hookimpl\n@hookimpl\ndef facezoo_components():\n    return 7 / 0",
            "facezoo_components of broken raised ZeroDivisionError",
        ),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import hookimpl\n@hookimpl\ndef facezoo_components():\n    return 'net'",
            "facezoo_components of broken returned str; it returns a tuple",
        ),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import hookimpl\n@hookimpl\ndef facezoo_components():\n    return ('net',)",
            "returned str where ComponentSpec belongs",
        ),
        (hooks("made_broken", "Bad_Name"), "names are kebab-case"),
        (hooks("made_broken", "net").replace('("encoder",)', '("encodr",)'), "kinds are encoder, head"),
    ],
)
def test_broken_plugin_is_remembered_and_breaks_nothing_else(install: Install, source: str, error: str) -> None:
    install("broken", source)
    install("sound", hooks("made_sound", "sound-net"))
    found = {plugin.name: plugin for plugin in facezoo.list_plugins()}
    assert error in (found["broken"].error or "")
    assert found["broken"].offers == ()
    assert discover().get(ComponentSpec, "sound-net").plugin == "sound"
    assert any(row.id == "haar-frontal" for row in facezoo.list_models())


def test_failing_look_up_names_the_broken_plugin(install: Install) -> None:
    install("broken", "raise RuntimeError('half installed')")
    with pytest.raises(UnknownNameError, match="could not be used and may have it: broken .see `facezoo doctor`"):
        facezoo.load("somebodys-model")
    with pytest.raises(UnknownNameError, match="broken"):
        facezoo.pipeline("somebodys-task")
    with pytest.raises(UnknownNameError, match="Did you mean haar-frontal.*broken"):
        facezoo.info("haar-fronta")


def test_name_offered_twice_is_reached_through_its_plugin(install: Install) -> None:
    install("one", hooks("made_one", "net"))
    install("two", hooks("made_two", "net"))
    with pytest.raises(UnknownNameError, match="Several plugins offer the component 'net'; say one:net or two:net"):
        discover().get(ComponentSpec, "net")
    assert discover().get(ComponentSpec, "two:net").target == "made_two.model:Net"
    assert discover().get(ComponentSpec, "one:net").target == "made_one.model:Net"


REGISTRY = """
version: 1
models:
  haar-frontal:
    arch: haar
    summary: another file under a name that the core lists
    tasks: [face-detection]
    sources: [{kind: builtin}]
    license: {code: unknown, weights: unknown, data: unknown}
  haar-own:
    arch: haar
    summary: a name of its own
    tasks: [face-detection]
    sources: [{kind: builtin}]
    license: {code: unknown, weights: unknown, data: unknown}
"""
WITH_REGISTRY = """
from pathlib import Path
from facezoo.plugin import hookimpl

FACEZOO_API = 1

@hookimpl
def facezoo_registries():
    return (Path(__file__).with_name("registry.yaml"),)
"""


def test_model_listed_twice_is_reached_through_its_plugin(install: Install) -> None:
    install("cascades", WITH_REGISTRY, files={"registry.yaml": REGISTRY})
    with pytest.raises(UnknownNameError, match="say cascades:haar-frontal or facezoo:haar-frontal"):
        facezoo.load("haar-frontal")
    assert facezoo.load("cascades:haar-frontal").spec.arch == "haar"
    assert facezoo.info("facezoo:haar-frontal")["plugin"] == "facezoo"
    assert {"cascades:haar-frontal", "facezoo:haar-frontal", "haar-own"} <= {row.id for row in facezoo.list_models()}


def test_registry_that_does_not_fit_is_named_and_breaks_nothing_else(install: Install) -> None:
    install("cascades", WITH_REGISTRY, files={"registry.yaml": "version: 1\nmodels: {haar-own: {arch: haar}}"})
    assert any(row.id == "haar-frontal" for row in facezoo.list_models())
    with pytest.raises(UnknownNameError, match="registries of these plugins could not be read and may have it: cascades"):
        facezoo.load("haar-own")


def test_environment_restricts_discovery(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("sound", hooks("made_sound", "sound-net"))
    install("broken", "raise RuntimeError('never imported')")
    monkeypatch.setenv("FACEZOO_PLUGINS", "sound, detectors")
    discover.cache_clear()
    assert [plugin.name for plugin in facezoo.list_plugins() if plugin.module != "facezoo.core"] == ["detectors", "sound"]
    monkeypatch.setenv("FACEZOO_PLUGINS", "sond")
    discover.cache_clear()
    with pytest.raises(PluginError, match="FACEZOO_PLUGINS names sond, which is not installed; installed are"):
        facezoo.list_plugins()


def test_plugin_installed_twice_is_one(install: Install, tmp_path: Path) -> None:
    install("sound", hooks("made_sound", "sound-net"))
    twin = tmp_path / "made_twin-3.2.dist-info"
    twin.mkdir()
    (twin / "METADATA").write_text("Metadata-Version: 2.1\nName: made-twin\nVersion: 3.2\n")
    (twin / "entry_points.txt").write_text("[facezoo]\nsound = made_sound\n")
    discover.cache_clear()
    assert [plugin.name for plugin in facezoo.list_plugins()].count("sound") == 1
    assert discover().get(ComponentSpec, "sound-net").plugin == "sound"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (None, "ModuleNotFoundError: No module named 'made_nets.model'"),
        ("raise RuntimeError('no such operator')", "RuntimeError: no such operator"),
        ("import torch\ntorch.no_such_name", "AttributeError: module 'torch' has no attribute 'no_such_name'"),
    ],
    ids=["missing", "raises", "outdated"],
)
def test_target_that_does_not_import_says_whose_it_is(install: Install, model: str | None, error: str) -> None:
    registry = REGISTRY.replace("haar", "net").replace("frontal", "one")
    source = hooks("made_nets", "net") + WITH_REGISTRY
    install("nets", source, files={"registry.yaml": registry} | ({"model.py": model} if model else {}))
    with pytest.raises(PluginError, match=f"component net points to made_nets.model:Config, which does not import: {error}"):
        facezoo.load("net-one")


def test_core_tasks_are_found_like_a_plugins() -> None:
    names = {spec.name for spec in discover().all(PipelineSpec)}
    assert {"face-detection", "identity-embedding", "expression-embedding", "face-verification"} <= names


def test_listing_with_a_broken_plugin_from_the_command_line(install: Install, tmp_path: Path) -> None:
    install("broken", "raise RuntimeError('half installed')")
    command = [sys.executable, "-c", "import facezoo.cli, sys; sys.exit(facezoo.cli.main())", "plugins"]
    pytest.importorskip("facezoo.cli.app", reason="the command line is not there")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": paths})
    assert "broken" in done.stdout and "cycle-face" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["sound", "facezoo"])
def test_a_name_that_is_taken_makes_the_second_plugin_unusable(install: Install, name: str) -> None:
    if name != "facezoo":
        install(name, hooks("made_sound", "net"), files={"model.py": ""})
    install(name, hooks("made_other", "other-net"), module="made_other")
    second = [plugin for plugin in discover().found if plugin.name == name][1]
    assert second.error is not None and "named" in second.error
    assert second.offers == ()
