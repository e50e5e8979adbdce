"""``facezoo synth render``: what lies where, going on after a kill, settings that do not mix, shards, room on the disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from facezoo.plugin import DatasetError, InputError, read
from facezoo_synthetic import layout, rendering
from facezoo_synthetic.labels import arrow
from facezoo_synthetic.rendering import Job, render_chunks
from facezoo_synthetic.starting import check, check_room, open_set
from tests.synthetic.conftest import settings


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def table(root: Path, chunk: int = 0):
    return arrow().parquet.read_table(layout.labels_path(root, chunk))


def test_a_set_lies_as_it_is_described(rendered, head_file):
    root = rendered()
    said = json.loads((root / "synthetic.json").read_text())
    assert said == {
        "facezoo_synthetic": 1, "seed": 5, "size": 32, "people": 20, "frames": 2, "tracks": False, "yaw": 60.0, "format": "png",
        "head": settings(head_file).head,
    }  # fmt: skip
    rows = table(root).to_pylist()
    assert [(row["person"], row["frame"]) for row in rows] == [divmod(number, 2) for number in range(40)]
    assert rows[37]["file"] == "images/000/000018/01.png"
    assert all(read(root / row["file"]).shape == (32, 32, 3) for row in rows)
    assert [len(rows[0][name]) for name in ("identity", "expression", "landmarks", "five")] == [100, 57, 136, 10]
    assert len(json.loads(table(root).schema.metadata[b"expression_names"])) == 57
    same = [rows[2 * n]["identity"] == rows[2 * n + 1]["identity"] for n in range(20)]
    assert all(same) and rows[0]["identity"] != rows[2]["identity"]


def test_labels_are_those_of_the_picture(rendered, head_file, studio):
    row = table(rendered()).to_pylist()[11]
    picture, [known] = studio.take([studio.plan(11, 5)])
    assert np.array_equal(read(rendered() / row["file"]), picture[0].permute(1, 2, 0).numpy())
    assert row["emotion"] == known.emotion and row["yaw"] == pytest.approx(known.yaw)
    assert {unit: row[unit] for unit in known.units} == pytest.approx(known.units)
    assert np.reshape(row["landmarks"], (68, 2)) == pytest.approx(known.landmarks)
    assert (row["gaze_right"], row["gaze_up"]) == pytest.approx(known.gaze)


def test_frames_of_a_track_share_what_is_behind(rendered):
    def corners(root: Path) -> np.ndarray:
        pictures = [read(root / row["file"]).astype(float) for row in table(root).to_pylist()]
        return np.stack([picture[:3, :3].mean((0, 1)) for picture in pictures]).reshape(-1, 4, 3).std(1).mean(1)

    together = corners(rendered(people=6, frames=4, tracks=True))
    apart = corners(rendered(people=6, frames=4))
    assert np.median(together) < 0.5 * np.median(apart)
    rows = table(rendered(people=6, frames=4, tracks=True)).to_pylist()
    assert len({row["yaw"] for row in rows[:4]}) == 4 and len({row["gaze_up"] for row in rows[:4]}) == 4
    assert len({row["emotion"] for row in rows}) > 3


def test_a_head_that_keeps_still_moves_its_face_only(rendered):
    rows = table(rendered(people=6, frames=4, tracks=True, still=True)).to_pylist()
    for track in (rows[start : start + 4] for start in range(0, 24, 4)):
        assert all(len({row[name] for row in track}) == 1 for name in ("yaw", "pitch", "roll"))
        assert len({tuple(row["expression"]) for row in track}) == 4
    assert len({row["yaw"] for row in rows}) == 6
    moving = table(rendered(people=6, frames=4, tracks=True)).to_pylist()
    assert [row["expression"] for row in rows] == [row["expression"] for row in moving], "only the pose is another"


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(layout, "CHUNK", 16)


def test_a_run_that_died_goes_on_and_ends_as_one_that_did_not(small_chunks, head_file, tmp_path, monkeypatch):
    def job(name: str) -> Job:
        return Job(tmp_path / name, settings(head_file), head_file)

    whole, broken = job("whole"), job("broken")
    for chunk in open_set(whole.out, whole.settings):
        whole.render(whole.studio(), chunk)
    first, second, third = open_set(broken.out, broken.settings)
    studio = broken.studio()
    broken.render(studio, first)
    before = (broken.out / "labels" / "00000.parquet").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "write_labels", _die)  # its pictures are written, its labels are not
        with pytest.raises(KeyboardInterrupt):
            broken.render(studio, second)
    assert open_set(broken.out, broken.settings) == [second, third]
    for chunk in (second, third):
        broken.render(studio, chunk)
    assert content(broken.out) == content(whole.out)
    assert (broken.out / "labels" / "00000.parquet").stat().st_mtime_ns == before, "what was finished is not touched"
    assert open_set(broken.out, broken.settings) == []


def _die(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("other", [{"seed": 6}, {"size": 48}, {"tracks": True}, {"format": "jpg"}, {"still": True}])
def test_two_settings_do_not_mix(rendered, head_file, other):
    [name] = other
    with pytest.raises(DatasetError, match=rf"has a set with {name} \S+, not {other[name]}"):
        open_set(rendered(), settings(head_file, **other))


def test_another_head_and_packing_do_not_mix_either(rendered, head_file):
    with pytest.raises(DatasetError, match="head .*; shards None, not webdataset"):
        open_set(rendered(), settings(head_file, head="0" * 64, shards="webdataset"))


def test_a_folder_of_something_else_is_left_alone(head_file, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose")
    with pytest.raises(DatasetError, match="is no set of synthetic faces"):
        open_set(tmp_path, settings(head_file))
    assert content(tmp_path) == {"thesis.txt": b"do not lose"}


@pytest.mark.parametrize("wrong", [{"people": 0}, {"frames": 101}, {"size": 20}, {"size": 600}, {"yaw": 120.0}, {"seed": -1}])
def test_settings_that_make_no_set_are_refused(head_file, wrong):
    with pytest.raises(InputError, match=f"--{next(iter(wrong))} "):
        check(settings(head_file, **wrong))


def test_room_on_the_disk_is_known_beforehand(rendered, head_file, studio, tmp_path, monkeypatch):
    job = Job(tmp_path, settings(head_file), head_file)
    used = sum(map(len, content(rendered()).values()))
    assert job.room(studio, [0]) == pytest.approx(used, rel=0.5)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(10**9))
    check_room(tmp_path, 10**9)
    with pytest.raises(InputError, match="takes about 2.0 GB, and the disk .* has 1.0 GB free"):
        check_room(tmp_path, 2 * 10**9)


def test_shards_are_what_webdataset_reads(rendered):
    root, plain = rendered(shards="webdataset"), table(rendered()).to_pylist()
    with tarfile.open(root / "shards" / "00000.tar") as shard:
        members = {member.name: shard.extractfile(member).read() for member in shard.getmembers()}  # type: ignore[union-attr]
    names = list(members)
    assert names[:4] == ["000000_00.png", "000000_00.json", "000000_01.png", "000000_01.json"] and len(names) == 80
    assert np.array_equal(read(members["000018_01.png"]), read(rendered() / plain[37]["file"]))
    facts = json.loads(members["000018_01.json"])
    assert facts["emotion"] == plain[37]["emotion"] and facts["landmarks"] == pytest.approx(plain[37]["landmarks"], abs=1e-3)
    assert facts["yaw"] == pytest.approx(plain[37]["yaw"]) and facts["AU12"] == pytest.approx(plain[37]["AU12"], abs=1e-5)


@pytest.mark.slow
def test_processes_render_the_same(rendered, head_file, tmp_path):
    job = Job(tmp_path / "set", settings(head_file), head_file)
    done: list[int] = []
    render_chunks(job, open_set(job.out, job.settings), 1, done.append)
    assert done == [40] and content(job.out) == content(rendered())


@pytest.mark.slow
def test_a_killed_command_goes_on(head_file, tmp_path):
    out = tmp_path / "set"
    command = [sys.executable, "-m", "facezoo", "synth", "render", out, "--head", head_file, "--size", "32", "--people", "300"]
    command = [str(word) for word in (*command, "--frames", "2", "--quiet", "--device", "cpu")]
    started = subprocess.Popen(command)
    while not (out / "labels" / "00000.parquet").is_file() and started.poll() is None:
        time.sleep(0.05)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    first = (out / "labels" / "00000.parquet").stat().st_mtime_ns
    assert not (out / "labels" / "00002.parquet").is_file(), "killed on the way"
    assert subprocess.run(command, check=True).returncode == 0
    assert (out / "labels" / "00000.parquet").stat().st_mtime_ns == first
    assert sum(table(out, chunk).num_rows for chunk in range(3)) == 600
