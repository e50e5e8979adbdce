"""``facezoo synth import`` on a made-up checkout: the same arrays come out, and what does not fit is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from facezoo.plugin import DatasetError
from facezoo_synthetic.head import find_head, load_head, stored_path
from facezoo_synthetic.importing import import_head, needed_shapes
from facezoo_synthetic.wavefront import read_mesh
from tests.synthetic import madeup_head


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> Path:
    return madeup_head.write_checkout(tmp_path_factory.mktemp("checkout") / "ICT-FaceKit")


@pytest.fixture
def checkout(intact, tmp_path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(intact, tmp_path / "ICT-FaceKit"))


def test_the_arrays_are_those_of_the_files(intact, tmp_path):
    read: list[int] = []
    path = import_head(intact, tmp_path / "deep" / "head.npz", read.append)
    expected = madeup_head.arrays()
    with np.load(path) as found:
        for name in ("quads", "material", "landmarks68", "expression_names"):
            assert np.array_equal(found[name], expected[name]), name
        for name in ("neutral", "identity", "expression"):
            assert found[name].dtype == expected[name].dtype
            assert found[name].astype(float) == pytest.approx(expected[name].astype(float), abs=2e-3), name
        assert found["uv"].tolist() == [[0.5, 0.25]]
    assert sum(read) == 100 + len(madeup_head.NAMES)
    assert load_head(path).own == 588 and list(path.parent.iterdir()) == [path]


def test_the_folder_of_the_model_may_be_given_itself(intact, tmp_path):
    assert import_head(intact / "FaceXModel", tmp_path / "head.npz").is_file()


def test_every_shape_that_is_used_is_asked_for():
    names = {name.removesuffix("_L").removesuffix("_R") for name in madeup_head.NAMES}
    assert needed_shapes() <= names and {"mouthSmile", "jawLeft", "eyeLookIn", "cheekRaiser", "mouthClose"} <= needed_shapes()


@pytest.mark.parametrize(
    "name, message",
    [
        ("generic_neutral_mesh.obj", "Expected .*generic_neutral_mesh.obj; give the folder of a checkout"),
        ("identity042.obj", "99 files identity000.obj"),
        ("jawOpen.obj", "has no jawOpen.obj"),
        ("vertex_indices.json", "has no idx_to_landmark_verts"),
    ],
)
def test_a_missing_file_is_named(checkout, tmp_path, name, message):
    (checkout / "FaceXModel" / name).unlink()
    with pytest.raises(DatasetError, match=message):
        import_head(checkout, tmp_path / "head.npz")
    assert not (tmp_path / "head.npz").exists()


def test_one_side_of_a_shape_is_enough_to_know_it(checkout, tmp_path):
    (checkout / "FaceXModel" / "mouthSmile_L.obj").unlink()
    import_head(checkout, tmp_path / "head.npz")


@pytest.mark.parametrize(
    "line, message",
    [
        ("v 1 2", "line 'v ' without 3 numbers"),
        ("f 1/1 2/1 99999/1", "vertex 99999, but only"),
        ("f 1 2 3 4 5", "a polygon of 5 corners"),
        ("f a/1 b/2 c/3", "expected corners as in"),
    ],
)
def test_a_line_that_does_not_fit_is_named(checkout, line, message):
    path = checkout / "FaceXModel" / "generic_neutral_mesh.obj"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(DatasetError, match=message):
        read_mesh(path)


def test_other_versions_of_the_head_are_refused(checkout, tmp_path):
    folder = checkout / "FaceXModel"
    shape = folder / "identity001.obj"
    shape.write_text(shape.read_text() + "v 0 0 0\n")
    with pytest.raises(DatasetError, match="identity001.obj has 593"):
        import_head(checkout, tmp_path / "head.npz")
    neutral = folder / "generic_neutral_mesh.obj"
    neutral.write_text(neutral.read_text().replace("M_Teeth", "M_Other"))
    with pytest.raises(DatasetError, match="no polygons of M_Teeth"):
        import_head(checkout, tmp_path / "head.npz")


def test_landmarks_that_are_no_vertices_are_refused(checkout, tmp_path):
    path = checkout / "FaceXModel" / "vertex_indices.json"
    path.write_text(json.dumps({"idx_to_landmark_verts": [10**6] * 68}))
    with pytest.raises(DatasetError, match="expected 68 vertices below 5"):
        import_head(checkout, tmp_path / "head.npz")


def test_a_head_that_is_none_is_refused(tmp_path, head_file):
    with pytest.raises(DatasetError, match="There is no head at .*ict_facekit.npz. `facezoo synth import CHECKOUT`"):
        find_head()
    assert find_head(head_file) == head_file and stored_path().name == "ict_facekit.npz"
    (tmp_path / "none.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DatasetError, match="is no head of ICT-FaceKit"):
        load_head(tmp_path / "none.npz")
    arrays = madeup_head.arrays()
    np.savez(tmp_path / "half.npz", neutral=arrays["neutral"])
    with pytest.raises(DatasetError, match="is no head of ICT-FaceKit .*identity"):
        load_head(tmp_path / "half.npz")
