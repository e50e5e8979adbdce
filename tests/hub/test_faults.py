"""What the network and the disk do wrong: a clear error each, and nothing left that a later load accepts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .machine import FILES, Machine, entry_for, finish
from .server import HubServer

# what goes wrong with one repository each, and what the message must say
FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "busy": ({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, ("429", "Wait 1 s", "HF_TOKEN")),
    "down": ({"kind": "status", "status": 503, "headers": {"Retry-After": "0"}}, ("503", "later")),
    "forbidden": ({"kind": "status", "status": 403}, ("403", "HF_TOKEN")),
    "gated": (
        {"kind": "status", "status": 403, "headers": {"X-Error-Code": "GatedRepo"}},
        ("403", "gated", "https://huggingface.co/org/gated"),
    ),
    "unauthorized": ({"kind": "status", "status": 401}, ("401", "private", "hf auth login")),
    "dropped": ({"kind": "cut", "after": 0, "methods": ("GET",)}, ("stopped sending", "Nothing was kept")),
    "shortened": ({"kind": "short", "after": 1000, "methods": ("GET",)}, ("cut short", "nothing of it was kept")),
    "silent": ({"kind": "stall", "after": 5000, "methods": ("GET",)}, ("stopped sending", "HF_HUB_DOWNLOAD_TIMEOUT")),
    "wrong": ({"kind": "wrong", "methods": ("GET",)}, ("other content than was pinned", "It was removed", "HF_ENDPOINT")),
}


@dataclass
class Background:
    """Two processes that mostly wait, started before this module's other tests and read after them.

    Attributes:
        hub: answers the first process with all faults at once.
        client: its machine.
        entries: {fault: the entry it asks for}.
        faulty: locates all entries at once.
        unreachable: asks a port where nobody listens.
    """

    hub: HubServer
    client: Machine
    entries: dict[str, dict[str, Any]]
    faulty: subprocess.Popen[str]
    unreachable: subprocess.Popen[str]


@pytest.fixture(scope="module", autouse=True)
def background(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    with HubServer() as hub:
        entries = {}
        for name, (fault, _) in FAULTS.items():
            files = FILES | {"model.safetensors": name.encode() * 5000}
            entries[name] = entry_for(f"org/{name}", hub.publish(f"org/{name}", files), files, f"toy-{name}")
            hub.fail(f"org/{name}/.*model.safetensors", **fault)
        client = Machine(hub.endpoint, tmp_path_factory.mktemp("faults"), {"HF_HUB_DOWNLOAD_TIMEOUT": "1"})
        faulty = client.start("together", *({"do": "locate", "entry": entry} for entry in entries.values()))
        nowhere = Machine("http://127.0.0.1:9", tmp_path_factory.mktemp("unreachable"))
        unreachable = nowhere.start({"do": "locate", "entry": entry_for("org/toy", "0" * 40)})
        yield Background(hub, client, entries, faulty, unreachable)
        for process in (faulty, unreachable):
            process.kill()
            process.communicate()


def test_missing_repository_commit_and_file_are_told_apart(hub: HubServer, client: Machine):
    commit = hub.publish("org/toy", {"config.json": FILES["config.json"]})
    no_repository, no_commit, no_file = client.run(
        {"do": "locate", "entry": entry_for("org/none", commit)},
        {"do": "locate", "entry": entry_for("org/toy", "0" * 40)},
        {"do": "locate", "entry": entry_for("org/toy", commit)},
    )
    assert "no such repository" in no_repository["text"]
    assert "404" in no_commit["text"] and "no such commit" in no_commit["text"]
    assert "404" in no_file["text"] and "model.safetensors" in no_file["text"] and "no such file" in no_file["text"]


def test_dropped_connection_is_resumed_where_it_broke(hub: HubServer, client: Machine):
    files = FILES | {"model.safetensors": bytes(range(256)) * 50_000}  # the client writes pieces of 10 MiB
    entry = entry_for("org/large", hub.publish("org/large", files), files)
    hub.fail("model.safetensors", "cut", after=11 << 20, times=1, methods=("GET",))
    path = Path(client.locate(entry)["result"]["path"])
    assert (path / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert [r.range for r in hub.requests("GET", "model.safetensors")] == [None, f"bytes={10 << 20}-"]


def test_busy_hub_is_asked_again(hub: HubServer, client: Machine, toy: dict):
    hub.fail("org/toy/resolve/.*config.json", "status", status=429, headers={"Retry-After": "0"}, times=1)
    assert "result" in client.locate(toy)


def test_slow_stream_is_waited_for(hub: HubServer, client: Machine, toy: dict):
    hub.fail("model.safetensors", "slow", pause=0.1, methods=("GET",))
    client.env["HF_HUB_DOWNLOAD_TIMEOUT"] = "1"  # of silence; the whole takes longer
    assert "result" in client.locate(toy)


def test_wrong_bytes_are_noticed_without_a_pinned_hash(hub: HubServer, client: Machine):
    commit = hub.publish("org/free", FILES)
    hub.fail("org/free/.*config.json", "wrong", methods=("GET",), times=1)
    hub.fail("org/free/.*model.safetensors", "wrong", methods=("GET",), times=1)
    task = {"do": "reference", "name": f"hub:org/free@{commit}"}
    small, large, fine = client.run(task, task, task)
    assert small["error"] == "WeightsError" and "config.json" in small["text"]
    assert large["error"] == "WeightsError" and "model.safetensors" in large["text"]
    assert "result" in fine


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount command here, so no small disk")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk_is_named_and_left_clean(hub: HubServer, client: Machine, small_disk: Path):
    files = FILES | {"model.safetensors": bytes(1_000_000)}
    entry = entry_for("org/big", hub.publish("org/big", files), files)
    client.env["HF_HOME"] = str(small_disk)
    answer = client.locate(entry)
    assert answer["error"] == "WeightsUnavailableError"
    assert "No space is left" in answer["text"] and str(small_disk) in answer["text"] and "HF_HOME" in answer["text"]
    assert not [path for path in small_disk.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    del client.env["HF_HOME"]
    assert "result" in client.locate(entry)


def test_cache_that_cannot_be_written_is_named(client: Machine, toy: dict, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    client.env["HF_HOME"] = str(tmp_path / "file")
    answer = client.locate(toy)
    assert answer["error"] == "WeightsUnavailableError"
    assert str(tmp_path / "file") in answer["text"] and "set HF_HOME" in answer["text"]


def test_full_disk_stops_an_import_and_keeps_the_older_one(client: Machine, small_disk: Path, tmp_path: Path):
    client.env["FACEZOO_HOME"] = str(small_disk)
    for name, size in (("small", 1000), ("large", 1_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes(FILES["config.json"])
        (tmp_path / name / "model.safetensors").write_bytes(bytes(size))
    first, second = client.run(
        {"do": "install", "key": "toy-one", "directory": str(tmp_path / "small")},
        {"do": "install", "key": "toy-one", "directory": str(tmp_path / "large")},
    )
    assert second["error"] == "WeightsUnavailableError" and "No space is left" in second["text"]
    assert [path.name for path in (small_disk / "store").iterdir()] == ["toy-one"]
    assert (Path(first["result"]) / "model.safetensors").read_bytes() == bytes(1000)


@pytest.fixture(scope="module")
def answers(background: Background) -> dict[str, dict[str, Any]]:
    """What each fault led to."""
    done = finish(background.faulty)["answers"]
    background.hub.faults.clear()
    return dict(zip(background.entries, done, strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_explained(answers: dict[str, dict[str, Any]], name: str):
    answer = answers[name]
    assert answer.get("error") == ("WeightsError" if name == "wrong" else "WeightsUnavailableError"), answer
    assert "model.safetensors" in answer["text"]
    for words in FAULTS[name][1]:
        assert words in answer["text"]


@pytest.mark.usefixtures("answers")
def test_nothing_of_a_failed_download_is_accepted_and_the_next_one_works(background: Background):
    client = background.client
    offline = Machine(client.endpoint, client.folder, {"HF_HUB_OFFLINE": "1"})
    tasks = [{"do": "locate", "entry": entry} for entry in background.entries.values()]
    assert {answer["error"] for answer in offline.run(*tasks)} == {"WeightsUnavailableError"}
    assert not list(client.cache.glob("models--*/snapshots/*/model.safetensors"))
    for name, answer in zip(background.entries, client.run(*tasks), strict=True):
        path = Path(answer["result"]["path"]) / "model.safetensors"
        assert path.read_bytes() == name.encode() * 5000


def test_unreachable_hub_is_named(background: Background):
    answer = finish(background.unreachable)["answers"][0]
    assert answer["error"] == "WeightsUnavailableError"
    assert "http://127.0.0.1:9 cannot be reached" in answer["text"] and "proxy" in answer["text"]
