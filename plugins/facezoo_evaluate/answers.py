"""What a model can answer of what a protocol asks, and where its answers stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from facezoo.plugin import Head, IncompatibleError, Outcome, Subject


def outcome_of(subject: Subject, parts: Mapping[str, Callable[[Subject], Outcome]], subject_matter: str) -> Outcome:
    """Everything that a model can answer, part by part; the other parts are left out and named.

    Args:
        subject: any model.
        parts: {name: what measures it}; one that a model cannot answer raises IncompatibleError.
        subject_matter: what is asked about, for a message.

    Raises:
        IncompatibleError: it can answer none.
    """
    done: list[Outcome] = []
    left_out: list[str] = []
    for name, measure in parts.items():
        try:
            done.append(measure(subject))
        except IncompatibleError as error:
            left_out.append(f"{name}: {error}")
    if not done:
        raise IncompatibleError(f"{subject.name} answers nothing of what is asked of {subject_matter}. {' '.join(left_out)}")
    confusion = next((one.confusion for one in done if one.confusion is not None), None)
    remarks = tuple(remark for one in done for remark in one.remarks)
    return Outcome(tuple(figure for one in done for figure in one.measurements), confusion, tuple(left_out), remarks)


def columns_of(subject: Subject, names: Sequence[str], output: str) -> list[int]:
    """Where a model's answers have these names; further ones are not asked.

    Args:
        subject: a classifier or a head.
        names: classes, or values.
        output: "logits" or "values".

    Raises:
        IncompatibleError: it gives no answers, others, or not all of these.
    """
    component = subject.component
    if isinstance(component, Head) and component.output != output:
        raise IncompatibleError(f"{subject.name} gives {component.output}, and {output} of {', '.join(names)} are asked.")
    labels = tuple(map(str, component.labels or ()))
    if missing := [name for name in names if name not in labels]:
        given = f"it answers {', '.join(labels)}" if labels else "it gives no answers"
        raise IncompatibleError(f"{subject.name} does not say {', '.join(missing)}; {given}.")
    return [labels.index(name) for name in names]
