"""Names, devices and slots: what load() and pipeline() accept, and what they say otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import facezoo
from facezoo.results import Embedding
from tests.untrained import FixedDetector, cycle_face_directory


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    return f"dir:{cycle_face_directory(tmp_path_factory.mktemp('loader') / 'component')}"


def test_an_unknown_name_comes_with_close_matches():
    with pytest.raises(facezoo.UnknownNameError, match="cycle-face-vox12"):
        facezoo.load("cycle-face-vox2")
    with pytest.raises(LookupError, match="face-detection"):
        facezoo.pipeline("face-detetion")


@pytest.mark.parametrize("name", ["models/mine", "hub:org/name", "hub:org/name@main", "dir:"])
def test_other_strings_are_told_the_forms_of_a_name(name):
    with pytest.raises(facezoo.UnknownNameError, match=r"hub:org/name@|40 hex|dir:"):
        facezoo.load(name)


def test_a_directory_that_is_not_there():
    with pytest.raises(facezoo.WeightsError, match="nowhere"):
        facezoo.load("dir:/nowhere/at/all", device="cpu")


def test_devices_and_dtypes(name):
    with pytest.raises(facezoo.InputError, match="device is auto"):
        facezoo.load(name, device="gpu")
    with pytest.raises(facezoo.InputError, match="dtype is float32"):
        facezoo.load(name, device="cpu", dtype="int8")
    if not torch.cuda.is_available():
        with pytest.raises(facezoo.DeviceError, match="falls back"):
            facezoo.load(name, device="cuda")
        assert facezoo.load(name, device="auto").device.type in ("cpu", "mps")


def test_compiling_without_a_compiler_says_so(name, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(facezoo.DeviceError, match=r"C\+\+ compiler"):
        facezoo.load(name, device="cpu", compile=True)


def test_trainable_switches_gradients_and_mode(name):
    component = facezoo.load(name, device="cpu", trainable=True)
    assert component.training
    assert all(p.requires_grad for p in component.parameters())
    with pytest.raises(facezoo.InputError, match="trainable"):
        facezoo.load(name, device="cpu", dtype="bfloat16", trainable=True)


def test_provenance_tells_where_weights_come_from(name):
    component = facezoo.load(name, device="cpu")
    assert component.provenance.id == name
    assert len(component.provenance.sha256) == 64


def test_slots_are_checked(name):
    detector = FixedDetector()
    with pytest.raises(facezoo.UnknownNameError, match="no slot encodr"):
        facezoo.pipeline("identity-embedding", detector=detector, encodr=name)
    with pytest.raises(facezoo.IncompatibleError, match="needed is detector"):
        facezoo.pipeline("identity-embedding", detector=name, encoder=name, device="cpu")
    with pytest.raises(facezoo.IncompatibleError, match="needed is encoder:identity"):
        facezoo.pipeline("identity-embedding", detector=detector, encoder=detector)
    with pytest.raises(facezoo.UnknownNameError, match="No model is registered for the slot 'head'"):
        facezoo.pipeline("linear-probe", detector=detector)
    with pytest.raises(facezoo.InputError, match="at least one"):
        facezoo.pipeline([])


def test_an_encoder_without_the_view_is_refused(tmp_path):
    stage1 = cycle_face_directory(tmp_path / "stage1", stage="expression")
    with pytest.raises(facezoo.IncompatibleError, match=r"no view is about identity; it has expression"):
        facezoo.pipeline("identity-embedding", detector=FixedDetector(), encoder=f"dir:{stage1}", device="cpu")
    facezoo.pipeline("expression-embedding", detector=FixedDetector(), encoder=f"dir:{stage1}", device="cpu")


def test_embeddings_of_different_spaces_are_not_compared():
    a = Embedding(np.array([1.0, 0.0], np.float32), "aaaaaaaaaaaa", "identity", "one")
    b = Embedding(np.array([1.0, 1.0], np.float32), "bbbbbbbbbbbb", "identity", "other")
    with pytest.raises(facezoo.IncompatibleError, match=r"aaaaaaaaaaaa.*bbbbbbbbbbbb.*Compute both with one"):
        facezoo.compare(a, b)
    same = facezoo.compare(a, Embedding(b.values, "aaaaaaaaaaaa", "identity", "one"))
    assert same.similarity == pytest.approx(2**-0.5)
    assert same.distance == pytest.approx(1.0)
    nowhere = Embedding(a.values, None, "identity", "untrained")
    with pytest.raises(facezoo.IncompatibleError):
        facezoo.compare(nowhere, nowhere)
    with pytest.raises(facezoo.InputError):
        facezoo.compare(a.values, b.values)


def test_info_has_a_bibtex_entry():
    facts = facezoo.info("cycle-face-vox12")
    assert facts["bibtex"].startswith("@")
    assert "title = {{Learning Facial Representations from the Cycle-consistency of Face}}" in facts["bibtex"]
    assert "2108.03427" in facts["bibtex"]
    assert facts["license"]["weights"] == "unknown"


def test_listing_filters():
    ids = [row.id for row in facezoo.list_models()]
    assert ids == sorted(ids)
    assert [r.id for r in facezoo.list_models("yunet")] == [i for i in ids if "yunet" in i]
    assert all(r.plugin == "detectors" for r in facezoo.list_models(plugin="detectors"))
    assert {r.id for r in facezoo.list_models(local=True)} | {r.id for r in facezoo.list_models(local=False)} == set(ids)
    assert facezoo.list_models(task="frontalization")
    assert facezoo.list_models(license="UNKNOWN")
    assert facezoo.list_models("no-such-model") == []


def test_download_names_what_it_does_not_know():
    with pytest.raises(facezoo.UnknownNameError):
        facezoo.download("yunet-2023mar", "yunnet")
    with pytest.raises(facezoo.WeightsUnavailableError, match="not released"):
        facezoo.download("cycle-face-vox1")
