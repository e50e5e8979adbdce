"""The local store: whole or not at all, checked on every load; and the order in which sources are tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facezoo import hub, store
from facezoo.errors import InputError, WeightsError, WeightsUnavailableError
from facezoo.registry import ModelEntry, load_registry

from .machine import FILES, entry_for

AUTHOR = {"kind": "author", "url": "https://a.example/file", "format": "f", "note": "What is needed is file.tar by A."}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "component"
    folder.mkdir()
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    return folder


def entry(*sources: dict[str, Any], plugin: str = "facezoo", note: str | None = None) -> ModelEntry:
    data = entry_for("org/toy", "0" * 40) | {"sources": list(sources), "plugin": plugin, "note": note}
    return ModelEntry.model_validate(data)


def test_import_is_found_before_any_source(directory: Path):
    path = hub.install("toy-one", directory, {"file": "file.tar"})
    shutil.rmtree(directory)
    assert hub.locate(entry(AUTHOR)) == hub.Located(path, "store", "directory")
    assert {p.name: p.read_bytes() for p in path.iterdir() if p.name != "record.json"} == FILES
    (item,) = hub.listing()
    assert (item.key, item.kind, item.origin) == ("toy-one", "import", {"file": "file.tar"})


def test_import_of_one_plugin_is_not_another_plugins(directory: Path):
    hub.install("acme:toy-one", directory, {})
    assert hub.locate(entry(AUTHOR, plugin="acme")).source == "store"
    with pytest.raises(WeightsUnavailableError):
        hub.locate(entry(AUTHOR))


def test_newer_import_replaces_the_older_one(directory: Path):
    hub.install("toy-one", directory, {})
    (directory / "golden.safetensors").unlink()
    (directory / "model.safetensors").write_bytes(b"newer")
    path = hub.install("toy-one", directory, {})
    assert sorted(p.name for p in path.iterdir()) == ["config.json", "model.safetensors", "record.json"]
    assert hub.locate(entry(AUTHOR)).path == path
    assert [p.name for p in path.parent.iterdir()] == ["toy-one"]


@pytest.mark.parametrize("name", ["weights.pth", "model.py", "pytorch_model.bin", "record.json"])
def test_file_that_is_no_weights_is_refused(directory: Path, home: Path, name: str):
    (directory / name).write_bytes(b"x")
    with pytest.raises(WeightsError, match=name):
        hub.install("toy-one", directory, {})
    assert hub.listing() == [] and not list(home.glob("store/*"))


def test_link_is_refused(directory: Path, tmp_path: Path):
    (directory / "README.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WeightsError, match=r"README\.md"):
        hub.install("toy-one", directory, {})


def test_changed_import_is_refused_and_a_touched_one_is_not(directory: Path):
    path = hub.install("toy-one", directory, {})
    os.utime(path / "model.safetensors", (1, 1))
    assert hub.locate(entry()).path == path
    record = store.read_record("toy-one")
    assert record is not None and all(file.unchanged for file in record.files.values())
    (path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"model\.safetensors of toy-one .*facezoo cache remove toy-one"):
        hub.locate(entry())
    (path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors of toy-one .* is gone"):
        hub.locate(entry())


def test_verify_hashes_where_size_and_time_agree(directory: Path):
    path = hub.install("toy-one", directory, {})
    assert hub.verify("toy-one") == sorted(FILES)
    weights = path / "model.safetensors"
    before = weights.stat()
    weights.write_bytes(bytes(before.st_size))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hub.locate(entry()).path == path
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        hub.verify("toy-one")


def test_folder_without_a_record_is_not_trusted(directory: Path, home: Path):
    shutil.copytree(directory, home / "store" / "toy-one")
    with pytest.raises(WeightsUnavailableError, match="not released"):
        hub.locate(entry())
    with pytest.raises(WeightsError, match="no readable record"):
        hub.check_record(home / "store" / "toy-one")


def test_damaged_record_counts_as_none(directory: Path):
    path = hub.install("toy-one", directory, {})
    (path / "record.json").write_text('{"facezoo": 1, "key"')
    assert hub.listing() == []
    with pytest.raises(WeightsUnavailableError):
        hub.locate(entry())
    hub.install("toy-one", directory, {})
    assert hub.locate(entry()).source == "store"


def test_import_that_was_killed_leaves_nothing_and_the_next_one_tidies(directory: Path, home: Path):
    code = (
        "import os, sys, signal, pathlib; from facezoo import store\n"
        "store.write_record = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "store.install('toy-one', pathlib.Path(sys.argv[1]), {})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(directory)], env=dict(os.environ))
    assert done.returncode == -9
    assert list((home / "store").iterdir()), "the kill came after files were copied"
    assert hub.listing() == []
    with pytest.raises(WeightsUnavailableError):
        hub.locate(entry())
    hub.install("toy-one", directory, {})
    assert [p.name for p in (home / "store").iterdir()] == ["toy-one"]


def test_remove_frees_an_import(directory: Path, home: Path):
    hub.install("toy-one", directory, {})
    assert hub.remove("toy-one") == sum(len(body) for body in FILES.values())
    assert not list((home / "store").iterdir())
    with pytest.raises(WeightsError, match="stored are nothing"):
        hub.remove("toy-one")


@pytest.mark.parametrize("key", ["../evil", "/etc", "a/../../b", "", ".hidden", "a b"])
def test_key_cannot_leave_the_store(key: str):
    with pytest.raises(InputError):
        hub.store_path(key)


def test_home_that_cannot_be_written_is_named(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FACEZOO_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="Cannot write under .* FACEZOO_HOME"):
        hub.install("toy-one", directory, {})


def test_sources_are_tried_in_order_and_all_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    absent = {"kind": "package", "path": "no_such_package/weights/toy"}
    folder = tmp_path / "toy_package" / "weights" / "toy"
    folder.mkdir(parents=True)
    (tmp_path / "toy_package" / "__init__.py").write_text("raise RuntimeError('a package is found, not imported')")
    (folder / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    present = {"kind": "package", "path": "toy_package/weights/toy"}
    assert hub.locate(entry(absent, present, AUTHOR)) == hub.Located(folder, "package", "directory")
    assert hub.locate(entry({"kind": "builtin"})) == hub.Located(None, "builtin", "builtin")
    with pytest.raises(WeightsUnavailableError, match=r"no_such_package.* file\.tar by A.*facezoo import toy-one FILE"):
        hub.locate(entry(absent, AUTHOR))


def test_authors_checkpoint_says_what_from_whom_under_which_licence_and_how():
    with pytest.raises(WeightsUnavailableError) as caught:
        hub.locate(load_registry().model("cycle-face-vox12"))
    text = str(caught.value)
    for words in (
        "finalmodel.tar",
        "Jia-Ren Chang",
        "https://drive.google.com/",
        "licence of the weights: unknown",
        "inferred",
    ):
        assert words in text
    assert text.endswith("facezoo import cycle-face-vox12 FILE")


@pytest.mark.parametrize("name", ["cycle-face-vox1", "cycle-face-vox1-flip", "cycle-face-vox1-128"])
def test_unpublished_checkpoint_is_not_released(name: str):
    with pytest.raises(WeightsUnavailableError, match=f"{name} is not released"):
        hub.locate(load_registry().model(name))
