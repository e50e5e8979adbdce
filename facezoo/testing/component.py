"""``check_component``: which checks there are, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from facezoo.components import Component, Detector, describe
from facezoo.errors import InputError
from facezoo.loader import load
from facezoo.plugins import discover
from facezoo.specs import ComponentSpec
from facezoo.testing import answers, detection, door, state
from facezoo.testing.findings import Check, Conformance, ConformanceError, Fault, examine, told
from facezoo.testing.subject import Subject

RECORD: dict[str, Check[Subject]] = {
    "wrong-spec": state.wrong_spec,
    "bad-config": state.bad_config,
    "bad-contract": door.bad_contract,
    "does-io-when-built": state.does_io_when_built,
}
FACES: dict[str, Check[Subject]] = {
    "does-not-run": answers.does_not_run,
    "channels-swapped": door.channels_swapped,
    "wrong-normalisation": door.wrong_normalisation,
    "ignores-contract": door.ignores_contract,
    "does-not-resize": door.does_not_resize,
    "accepts-wrong-input": door.accepts_wrong_input,
    "changes-its-input": door.changes_its_input,
    "fails-on-no-faces": door.fails_on_no_faces,
    "output-not-float32": answers.output_not_float32,
    "output-range": answers.output_range,
    "view-dimension": answers.view_dimension,
    "view-not-normalised": answers.view_not_normalised,
    "label-count": answers.label_count,
    "depends-on-batch": answers.depends_on_batch,
    "not-deterministic": answers.not_deterministic,
    "not-thread-safe": answers.not_thread_safe,
    "breaks-under-channels-last": answers.breaks_under_channels_last,
    "breaks-in-bfloat16": answers.breaks_in_bfloat16,
    "space-incomplete": answers.space_incomplete,
}
PICTURES: dict[str, Check[Subject]] = {
    "does-not-run": detection.does_not_run,
    "bad-detections": detection.bad_detections,
    "finds-no-face": detection.finds_no_face,
    "faces-in-a-blank-picture": detection.faces_in_a_blank_picture,
    "ignores-min-score": detection.ignores_min_score,
    "accepts-wrong-input": detection.accepts_wrong_input,
    "changes-its-input": detection.changes_its_input,
    "depends-on-batch": detection.depends_on_batch,
    "not-deterministic": detection.not_deterministic,
    "not-thread-safe": detection.not_thread_safe,
    "breaks-in-bfloat16": detection.breaks_in_bfloat16,
}
STATE: dict[str, Check[Subject]] = {
    "cannot-be-saved": state.cannot_be_saved,
    "loses-state-on-save": state.loses_state_on_save,
    "space-unstable": state.space_unstable,
    "trains-frozen-part": state.trains_frozen_part,
    "cannot-be-trained": state.cannot_be_trained,
    "leaves-gradient-on": state.leaves_gradient_on,
    "requires-nothing": state.requires_nothing,
}


def check_component(
    component: Component | str, *, pictures: Sequence[np.ndarray] = (), leave_out: Collection[str] = ()
) -> Conformance:
    """Tries a component against the whole contract. The instance itself is not changed.

    Args:
        component: an instance, untrained or loaded, or a name as ``facezoo.load`` takes it.
        pictures: for a detector: (H, W, 3) uint8 RGB, each with at least one face that it must find. Without them its
            answers are checked on made-up pictures only.
        leave_out: names of faults not to look for. Say why beside it.

    Returns:
        What was checked, and what could not be.

    Raises:
        ConformanceError: lists every fault, as names and explanations.
        InputError: no component, or ``leave_out`` names no check.
    """
    made = load(component, device="cpu") if isinstance(component, str) else component
    if not isinstance(made, Component):
        raise InputError(f"check_component() takes a Component or its name, not {type(made).__name__}.")
    name = describe(made)
    try:
        subject = Subject(made, spec_for(made), pictures)
    except Exception as error:  # a stranger's code
        fault = Fault("does-not-run", f"it cannot be copied and put into eval mode: {told(error)}.")
        raise ConformanceError(name, [fault]) from error
    takes = PICTURES if isinstance(made, Detector) else FACES
    return examine(name, subject, {**RECORD, **takes, **STATE}, decisive=("bad-contract", "does-not-run"), leave_out=leave_out)


def spec_for(component: Component) -> ComponentSpec:
    """The component's record, its plugin's, or one made up from its class."""
    if component.spec is not None:
        return component.spec
    cls, config = type(component), type(component.config)
    target = f"{cls.__module__}:{cls.__qualname__}"
    for spec in discover().all(ComponentSpec):
        if spec.target == target:
            return spec
    return ComponentSpec(
        arch="under-test",
        kinds=state.kinds_of(component),
        target=target,
        config=f"{config.__module__}:{config.__qualname__}",
        summary="a component under test",
    )
