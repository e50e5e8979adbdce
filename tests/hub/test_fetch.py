"""Fetching at a pinned commit: once, verified, and then without the network."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
from pathlib import Path

from .machine import FILES, Machine, entry_for, finish, sha256
from .server import HubServer


def test_fetches_once_and_then_makes_no_request(hub: HubServer, client: Machine, toy: dict):
    first = client.locate(toy)["result"]
    assert {p.name: p.read_bytes() for p in Path(first["path"]).iterdir()} == FILES
    assert first["source"] == f"hub:org/toy@{toy['sources'][0]['revision']}"
    # a look at each file and its content, small files from the Hub and large ones from the content server
    seen = [(r.server, r.method, r.path.split("/")[-1 if r.server == "hub" else -2]) for r in hub.log]
    assert sorted(seen) == sorted(
        [("hub", "HEAD", name) for name in FILES]
        + [("hub", "GET", "config.json"), ("content", "GET", "model.safetensors"), ("content", "GET", "golden.safetensors")]
    )
    hub.log.clear()
    process = finish(client.start({"do": "locate", "entry": toy}))
    assert process["answers"][0]["result"] == first
    assert hub.log == []
    assert process["loaded"] == [], "a verified file needs neither the Hub's client nor torch"


def test_token_goes_to_the_hub_and_not_to_the_content_server(hub: HubServer, client: Machine):
    entry = entry_for("org/private", hub.publish("org/private", FILES, token="hf_right"))
    refused = client.locate(entry)
    assert refused["error"] == "WeightsUnavailableError"
    assert "401" in refused["text"] and "no token is set" in refused["text"] and "HF_TOKEN" in refused["text"]
    client.env["HF_TOKEN"] = "hf_wrong"
    refused = client.locate(entry)
    assert "404" in refused["text"] and "the token in use may not read it" in refused["text"]
    hub.log.clear()
    client.env["HF_TOKEN"] = "hf_right"
    assert "result" in client.locate(entry)
    assert {r.authorization for r in hub.log if r.server == "hub"} == {"Bearer hf_right"}
    assert {r.authorization for r in hub.log if r.server == "content"} == {None}


def test_offline_uses_what_is_there_and_explains_what_is_not(hub: HubServer, client: Machine, toy: dict):
    client.env["HF_HUB_OFFLINE"] = "1"
    answer = client.locate(toy)
    assert answer["error"] == "WeightsUnavailableError"
    assert "HF_HUB_OFFLINE" in answer["text"] and "facezoo download toy-one" in answer["text"]
    assert hub.log == []
    client.env["HF_HUB_OFFLINE"] = "0"
    found = client.locate(toy)
    hub.log.clear()
    client.env["HF_HUB_OFFLINE"] = "1"
    assert client.locate(toy) == found
    assert hub.log == []


def test_copied_caches_work_on_a_machine_without_network(hub: HubServer, client: Machine, toy: dict, tmp_path: Path):
    client.locate(toy)
    hub.log.clear()
    other = Machine("http://127.0.0.1:9", tmp_path / "other", {"HF_HUB_OFFLINE": "1"})
    # without the times of change, as cp without -p copies
    shutil.copytree(client.folder, other.folder, symlinks=True, copy_function=shutil.copyfile, ignore=lambda *_: ["other"])
    shutil.rmtree(client.folder / "huggingface")
    path = Path(other.locate(toy)["result"]["path"])
    assert path.is_relative_to(other.folder)
    assert (path / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_file_changed_in_the_cache_is_noticed_removed_and_fetched_anew(hub: HubServer, client: Machine, toy: dict):
    weights = Path(client.locate(toy)["result"]["path"]) / "model.safetensors"
    weights.resolve().write_bytes(b"x" * len(FILES["model.safetensors"]))
    answer = client.locate(toy)
    assert answer["error"] == "WeightsError" and "model.safetensors" in answer["text"]
    assert sha256(FILES["model.safetensors"])[:12] in answer["text"]
    assert not weights.exists()
    hub.log.clear()
    assert "result" in client.locate(toy)
    assert weights.read_bytes() == FILES["model.safetensors"]
    assert [r.path.split("/")[-2] for r in hub.requests("GET")] == ["model.safetensors"]


def test_touched_file_is_hashed_again_without_a_request(hub: HubServer, client: Machine, toy: dict):
    found = client.locate(toy)
    os.utime(Path(found["result"]["path"]) / "model.safetensors", (1, 1))
    hub.log.clear()
    assert client.locate(toy) == found
    assert hub.log == []


def test_verify_hashes_again_even_where_time_and_size_agree(client: Machine, toy: dict):
    weights = (Path(client.locate(toy)["result"]["path"]) / "model.safetensors").resolve()
    assert client.run({"do": "verify", "key": "toy-one"})[0]["result"] == sorted(FILES)
    before = weights.stat()
    weights.write_bytes(bytes(len(FILES["model.safetensors"])))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    answer = client.run({"do": "verify", "key": "toy-one"})[0]
    assert answer["error"] == "WeightsError" and "model.safetensors of toy-one" in answer["text"]


def test_another_pin_is_fetched_although_the_id_was_verified_before(hub: HubServer, client: Machine, toy: dict):
    client.locate(toy)
    newer = FILES | {"model.safetensors": b"newer" * 100}
    entry = entry_for("org/toy", hub.publish("org/toy", newer), newer)
    path = Path(client.locate(entry)["result"]["path"])
    assert (path / "model.safetensors").read_bytes() == newer["model.safetensors"]


def test_foreign_file_is_fetched_and_verified(hub: HubServer, client: Machine):
    commit = hub.publish("org/zoo", {"net.onnx": b"onnx" * 99})
    entry = entry_for("org/zoo", commit)
    entry["sources"] = [
        {"kind": "file", "repo": "org/zoo", "revision": commit, "files": {"net.onnx": sha256(b"onnx" * 99)}, "format": "f"}
    ]
    found = client.locate(entry)["result"]
    assert found["kind"] == "file" and found["format"] == "f"
    assert Path(found["path"]).read_bytes() == b"onnx" * 99


def test_name_with_a_commit_needs_no_registry(hub: HubServer, client: Machine):
    files = {name: FILES[name] for name in ("config.json", "model.safetensors")}  # no golden, no card
    commit = hub.publish("org/free", files | {"evil.py": b"print('hello')", "pytorch_model.bin": b"pickle"})
    name = f"hub:org/free@{commit}"
    path = Path(client.run({"do": "reference", "name": name})[0]["result"])
    assert {p.name for p in path.iterdir()} == set(files)
    hub.log.clear()
    assert client.run({"do": "reference", "name": name})[0]["result"] == str(path)
    assert hub.log == []


def test_name_without_a_commit_is_answered_with_the_commit_of_today(hub: HubServer, client: Machine):
    commit = hub.publish("org/free", FILES)
    online, branch = client.run({"do": "reference", "name": "hub:org/free"}, {"do": "reference", "name": "hub:org/free@main"})
    assert online["error"] == branch["error"] == "UnknownNameError"
    assert f"hub:org/free@{commit}" in online["text"] and f"hub:org/free@{commit}" in branch["text"]
    assert {r.path for r in hub.log} == {"/api/models/org/free/revision/main"}
    client.env["HF_HUB_OFFLINE"] = "1"
    assert "hub:org/free@<commit>" in client.run({"do": "reference", "name": "hub:org/free"})[0]["text"]


def test_progress_bar_on_a_terminal_and_nothing_in_a_pipe(client: Machine, toy: dict):
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    process = client.start({"do": "locate", "entry": toy}, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    process.communicate()
    assert b"model.safetensors" in shown and b"100%" in shown
    client.run({"do": "remove", "key": "toy-one"})
    assert finish(client.start({"do": "locate", "entry": toy}))["stderr"] == ""


def test_list_and_remove_free_what_was_fetched(hub: HubServer, client: Machine, toy: dict):
    size = sum(len(body) for body in FILES.values())
    _, listed, freed, empty, again = client.run(
        {"do": "locate", "entry": toy}, {"do": "list"}, {"do": "remove", "key": "toy-one"}, {"do": "list"},
        {"do": "remove", "key": "toy-one"},
    )  # fmt: skip
    label = f"hub:org/toy@{toy['sources'][0]['revision']}"
    assert listed["result"] == [["toy-one", "download", label, size]]
    assert freed["result"] == size and empty["result"] == []
    assert again["error"] == "WeightsError" and "nothing" in again["text"]
    assert not any(path.is_file() for path in client.cache.glob("models--*/blobs/*"))
    client.locate(toy)
    shutil.rmtree(client.cache)
    assert client.run({"do": "remove", "key": "toy-one"})[0]["result"] == 0


def test_two_processes_at_once_share_one_download(hub: HubServer, client: Machine, toy: dict):
    hub.fail("model.safetensors", "slow", pause=0.05, methods=("GET",))
    both = [client.start({"do": "locate", "entry": toy}) for _ in range(2)]
    first, second = (finish(process)["answers"][0] for process in both)
    assert first == second and "result" in first
    assert len(hub.requests("GET", "model.safetensors")) == 1
    assert len(hub.requests("GET")) == len(FILES)


def test_kill_in_the_middle_leaves_nothing_that_is_accepted(hub: HubServer, client: Machine, toy: dict):
    hub.fail("model.safetensors", "stall", after=20_000, times=1, methods=("GET",))
    process = client.start({"do": "locate", "entry": toy}, stderr=subprocess.DEVNULL)
    assert hub.sending.wait(30)
    process.kill()
    process.communicate()
    assert not list(client.cache.glob("models--*/snapshots/*/model.safetensors"))
    offline = Machine(hub.endpoint, client.folder, {"HF_HUB_OFFLINE": "1"})
    assert offline.locate(toy)["error"] == "WeightsUnavailableError"
    path = Path(client.locate(toy)["result"]["path"])
    assert (path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
