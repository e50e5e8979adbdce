"""The conformance kit: every kind of fault is found and named, and what keeps the contract passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from facezoo import weights
from facezoo.components import Provenance, View
from facezoo.errors import FacezooError, InputError, UnknownNameError
from facezoo.plugin import FaceBatch, PipelineSpec
from facezoo.results import ImageResult
from facezoo.tasks import EmotionRecognition, ExpressionEmbedding, FaceDetection, FaceVerification
from facezoo.testing import ConformanceError, check_component, check_pipeline, check_plugin
from tests import broken, tiny

GOOD = (tiny.TinyEncoder, tiny.TinyClassifier, tiny.TinyManipulator, tiny.TinyHead, tiny.TinyDetector)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("cls", GOOD)
def test_component_that_keeps_the_contract_passes(cls: type) -> None:
    report = check_component(cls(tiny.TinyConfig()))
    assert {"loses-state-on-save", "not-deterministic", "accepts-wrong-input", "leaves-gradient-on"} <= set(report.passed)
    assert f"{len(report.passed)} checks passed" in str(report)


@pytest.mark.parametrize("cls", broken.FAULTS)
def test_broken_component_is_told_by_its_fault(cls: type) -> None:
    fault, *others = broken.FAULTS[cls]
    with pytest.raises(ConformanceError) as caught:
        check_component(cls(tiny.TinyConfig()))
    assert fault in caught.value.names
    assert set(caught.value.names) <= {fault, *others}
    assert f"  {fault}: " in str(caught.value)


def test_all_faults_are_listed_at_once() -> None:
    class ThreeFaults(broken.OutOfRange):
        def reenact(self, faces: torch.Tensor, driver: torch.Tensor) -> torch.Tensor:
            return super().reenact(faces + 0.01 * torch.rand(()), driver)

    with pytest.raises(ConformanceError) as caught:
        check_component(ThreeFaults(tiny.TinyConfig()))
    # a class inside a function is one that no loader can import
    assert {"wrong-spec", "output-range", "not-deterministic"} <= set(caught.value.names)
    assert isinstance(caught.value, AssertionError) and isinstance(caught.value, FacezooError)


def test_instance_is_left_as_it_was() -> None:
    encoder = tiny.TinyEncoder(tiny.TinyConfig())
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    check_component(encoder)
    assert encoder.training and encoder.code.weight.requires_grad and encoder.spec is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_weights_that_were_read_have_spaces_and_a_requirement(tmp_path: Any) -> None:
    spec = tiny.spec_of(tiny.TinyEncoder, "encoder")
    weights.save(weights.create(spec, tiny.TinyConfig()).eval(), tmp_path / "tiny")
    loaded = weights.build(spec, weights.read_directory(tmp_path / "tiny")).trainable_(False)
    loaded.provenance = Provenance("tiny-one", "dir")
    check_component(loaded)
    loaded.__dict__["_spaces"] = {}
    loaded.code.requires_grad_(True)
    with pytest.raises(ConformanceError) as caught:
        check_component(loaded)
    assert caught.value.names == ("space-unstable", "leaves-gradient-on")

    head = tiny.untrained(tiny.TinyHead, "head")
    head.provenance, head.requires = Provenance("tiny-head", "dir"), None
    with pytest.raises(ConformanceError, match="requires-nothing"):
        check_component(head)


def test_kinds_must_be_those_of_the_class() -> None:
    encoder = tiny.untrained(tiny.TinyEncoder, "encoder", "manipulator")
    with pytest.raises(ConformanceError, match="wrong-spec: tiny is offered as encoder, manipulator"):
        check_component(encoder)


class FrozenView(tiny.TinyEncoder):
    """Has a view that only its frozen trunk answers, as a network with a fixed identity branch."""

    def view_table(self) -> dict[str, View]:
        side = tiny.SIDE // 2
        return {**super().view_table(), "trunk": View(4 * side * side, "features", ("trunk",))}

    def embed(self, prepared: torch.Tensor, view: str) -> torch.Tensor:
        return self.trunk(prepared).flatten(1) if view == "trunk" else super().embed(prepared, view)


def test_a_view_of_frozen_weights_alone_need_not_be_trained() -> None:
    assert "cannot-be-trained" in check_component(FrozenView(tiny.TinyConfig())).passed


def test_fault_may_be_left_out_by_name() -> None:
    noisy = broken.TooFewLabels(tiny.TinyConfig())
    assert "label-count" in check_component(noisy, leave_out=["label-count"]).skipped
    with pytest.raises(InputError, match="no check label-cuont"):
        check_component(noisy, leave_out=["label-cuont"])
    with pytest.raises(UnknownNameError):
        check_component("no-such-model")
    with pytest.raises(InputError, match="takes a Component"):
        check_component(torch.nn.Linear(1, 1))  # pyright: ignore[reportArgumentType]


def test_cycle_face_passes() -> None:
    from facezoo_cycle_face.config import CycleFaceConfig
    from facezoo_cycle_face.model import CycleFace

    report = check_component(CycleFace(CycleFaceConfig(width=0.125, trunk="trained")))
    assert {"output-range", "space-incomplete", "cannot-be-trained", "loses-state-on-save"} <= set(report.passed)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the portrait (extra `demo`)")
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


def test_haar_passes(portrait: np.ndarray) -> None:
    report = check_component("haar-frontal", pictures=[portrait])
    assert {"finds-no-face", "faces-in-a-blank-picture", "not-thread-safe"} <= set(report.passed)
    assert "loses-state-on-save" in report.skipped  # the cascades are OpenCV's


def test_detector_that_misses_a_known_face_is_told() -> None:
    with pytest.raises(ConformanceError, match="finds-no-face: no face in picture 0, 90x120"):
        check_component("haar-frontal", pictures=[np.full((120, 90, 3), 128, np.uint8)])


def made(cls: type, **slots: Any) -> Any:
    requirements = {name: component.spec.kinds[0] for name, component in slots.items()}
    return cls(PipelineSpec(name="under-test", target="", slots=requirements, summary="for tests"), slots)


def test_pipelines_pass() -> None:
    detector = tiny.untrained(tiny.TinyDetector, "detector")
    encoder, classifier = tiny.untrained(tiny.TinyEncoder, "encoder"), tiny.untrained(tiny.TinyClassifier, "classifier")
    report = check_pipeline(made(ExpressionEmbedding, detector=detector, encoder=encoder))
    assert {"loses-order", "bad-result", "refuses-cropped-faces", "reads-ahead"} <= set(report.passed)
    assert "refuses-cropped-faces" in check_pipeline(made(FaceDetection, detector=detector)).skipped
    check_pipeline(made(EmotionRecognition, detector=detector, classifier=classifier))
    assert "pair-does-not-run" in check_pipeline(made(FaceVerification, detector=detector, encoder=encoder)).passed


def test_first_party_pair_pipeline_passes() -> None:
    import facezoo
    from facezoo.plugins import discover
    from facezoo.specs import ComponentSpec
    from facezoo_cycle_face.config import CycleFaceConfig

    spec = discover().get(ComponentSpec, "cycle-face")
    nano = weights.create(spec, CycleFaceConfig(width=0.125, trunk="trained")).trainable_(False)
    for name in ("expression-transfer", "frontalization"):
        pipe = facezoo.pipeline(name, detector="haar-frontal", manipulator=nano)
        assert "takes-any-component" in check_pipeline(pipe).passed


class Reverses(ExpressionEmbedding):
    def __call__(self, x: Any, **options: Any) -> Any:
        result = super().__call__(x, **options)
        return result[::-1] if isinstance(result, list) else result


class SaysTooLittle(ExpressionEmbedding):
    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        return super().annotate(batch)[:1]


class DependsOnBatch(ExpressionEmbedding):
    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        fields = super().annotate(batch)
        for each in fields:
            each["embeddings"]["expression"].values[:] += batch.count
        return fields


class ReadsAll(ExpressionEmbedding):
    def stream(self, pictures: Any, **options: Any) -> Iterator[ImageResult]:
        return iter(super().__call__([picture for picture, _ in zip(pictures, range(20), strict=False)], **options))


class HidesErrors(ExpressionEmbedding):
    def __call__(self, x: Any, **options: Any) -> Any:
        results = super().__call__(x, **{**options, "on_error": "record"})
        return [r for r in results if r.error is None] if isinstance(results, list) else results


class SwallowsOptions(ExpressionEmbedding):
    def __call__(self, x: Any, **options: Any) -> Any:
        return super().__call__(x, **{k: v for k, v in options.items() if k != "bach_size"})


class RefusesCropped(ExpressionEmbedding):
    def __call__(self, x: Any, **options: Any) -> Any:
        return super().__call__(x, **{**options, "cropped": False})


class TakesAnySlot(ExpressionEmbedding):
    def __init__(self, spec: PipelineSpec, slots: Any) -> None:
        self.spec, self.slots, self.view = spec, dict(slots), "expression"


class FloatingEmbeddings(ExpressionEmbedding):
    def annotate(self, batch: FaceBatch) -> list[dict[str, Any]]:
        from facezoo.results import Embedding

        values = self.encoder.encode(batch.faces_for(self.encoder)).double().numpy()
        return [{"embeddings": {"expression": Embedding(row, "ffffffffffff", "expression", "x")}} for row in values]


@pytest.mark.parametrize(
    ("cls", "fault"),
    [
        (Reverses, "loses-order"),
        (SaysTooLittle, "does-not-run"),
        (DependsOnBatch, "loses-order"),
        (ReadsAll, "reads-ahead"),
        (HidesErrors, "stumbles-over-bad-pictures"),
        (SwallowsOptions, "accepts-any-option"),
        (RefusesCropped, "refuses-cropped-faces"),
        (TakesAnySlot, "takes-any-component"),
        (FloatingEmbeddings, "bad-result"),
    ],
)
def test_broken_pipeline_is_told_by_its_fault(cls: type, fault: str) -> None:
    slots = {"detector": tiny.untrained(tiny.TinyDetector, "detector"), "encoder": tiny.untrained(tiny.TinyEncoder, "encoder")}
    with pytest.raises(ConformanceError) as caught:
        check_pipeline(made(cls, **slots))
    assert fault in caught.value.names, str(caught.value)


@pytest.mark.parametrize("name", ["cycle-face", "detectors"])
def test_first_party_plugins_pass(name: str) -> None:
    report = check_plugin(name)
    assert {"heavy-import", "hooks-do-io", "wrong-target", "wrong-kinds", "bad-config"} <= set(report.passed)


BROKEN_PLUGIN = """
from pathlib import Path
import numpy
from facezoo.plugin import ComponentConfig, ComponentSpec, PipelineSpec, hookimpl
from facezoo.components import Encoder

FACEZOO_API = 1

class Loose(ComponentConfig):
    model_config = {"frozen": False, "extra": "ignore"}
    width: int

class Net(Encoder):
    pass

def convert(path):
    return None

@hookimpl
def facezoo_components():
    Path(__file__).with_name("notes.txt").write_text("asked")
    return (
        ComponentSpec(arch="net", kinds=("detector",), target="broken_plugin:Net", config="broken_plugin:Loose",
                      converters={"net-file": "broken_plugin:convert"}, summary="a net"),
        ComponentSpec(arch="lost", kinds=("encoder",), target="broken_plugin:Net", config="broken_plugin:Lost", summary="lost"),
    )

@hookimpl
def facezoo_pipelines():
    return (PipelineSpec(name="task", target="broken_plugin:Net", slots={"model": "encodr:identity"}, summary="a task"),)

@hookimpl
def facezoo_registries():
    return (Path(__file__).with_name("registry.yaml"),)
"""


def test_broken_plugin_is_told_by_its_faults(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_plugin.py").write_text(BROKEN_PLUGIN)
    (tmp_path / "registry.yaml").write_text("version: 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConformanceError) as caught:
        check_plugin("broken_plugin")
    text = str(caught.value)
    assert "heavy-import: importing broken_plugin and asking its hooks imports numpy" in text
    assert "hooks-do-io: its hooks open" in text and "notes.txt" in text
    assert "wrong-target: the config of lost points to broken_plugin:Lost" in text
    assert "wrong-target: broken_plugin:convert is not a function of (path, config values)" in text
    assert "wrong-target: broken_plugin:Net of task is no Pipeline" in text
    assert "wrong-kinds: net is offered as detector; its bases make it encoder" in text
    assert "bad-config: net: Loose does not keep frozen=True" in text
    assert "bad-config: net: Loose has no default for width" in text
    assert "bad-slots: task: the slot 'model' requires 'encodr:identity'" in text
    assert "bad-registry: The registry" in text


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("FACEZOO_API = 2", "wrong-api: .* says FACEZOO_API = 2; this facezoo speaks 1"),
        ("FACEZOO_API = 1", "bad-hooks: no hook offers anything"),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import hookimpl\n@hookimpl\ndef facezoo_componets():\n    return ()\n",
            "bad-hooks: .*facezoo_componets",
        ),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import CommandSpec, hookimpl\nimport itertools\ncount = itertools.count()\n"
            "@hookimpl\ndef facezoo_commands():\n"
            "    return (CommandSpec(name=f'n{next(count)}', target='os:getcwd', summary='s'),)\n",
            "bad-hooks: the hooks say something else when asked again",
        ),
        (
            "FACEZOO_API = 1\nfrom facezoo.plugin import CommandSpec, hookimpl\nimport socket\n"
            "try:\n    socket.create_connection(('127.0.0.1', 9), 0.01)\nexcept OSError:\n    pass\n"
            "@hookimpl\ndef facezoo_commands():\n    return (CommandSpec(name='n', target='os:getcwd', summary='s'),)\n",
            "hooks-do-io: it wants a network when imported",
        ),
    ],
    ids=["api", "empty", "misspelt", "impure", "network"],
)
def test_plugin_module_with_one_fault(
    source: str, fault: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    name = f"faulty_{request.node.callspec.id}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConformanceError, match=fault):
        check_plugin(name)


def test_unknown_plugin_names_those_there_are() -> None:
    with pytest.raises(InputError, match="cycle-face, detectors"):
        check_plugin("no-such-plugin")
