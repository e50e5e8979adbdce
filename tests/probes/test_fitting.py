"""The layer that is fitted to arrays: it finds known maps, means the same at every scale, and refuses what cannot be."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from facezoo.errors import DatasetError, FacezooError
from facezoo.evaluation import PENALTIES, Scaling, fit_classes, fit_values, softmax


def vectors(count: int, dim: int = 20, seed: int = 0) -> np.ndarray:
    """Correlated embeddings far from zero, float32."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(dim, dim))
    return (rng.normal(size=(count, dim)) @ mixing + 5).astype(np.float32)


MAP = np.random.default_rng(1).normal(size=(3, 20))


def test_a_linear_map_is_found_again():
    x = vectors(200)
    fit = fit_values(x, x @ MAP.T + (1.0, -20.0, 300.0))
    assert fit.penalty == min(PENALTIES) and set(fit.tried) == set(PENALTIES)
    unseen = vectors(50, seed=2)
    assert np.allclose(fit.layer(unseen), unseen @ MAP.T + (1.0, -20.0, 300.0), atol=0.05)


def test_classes_of_a_linear_map_are_found_on_unseen_vectors():
    x, unseen = vectors(300), vectors(300, seed=2)
    centred = MAP @ np.full(20, 5.0)
    classes, wanted = ((v @ MAP.T - centred).argmax(axis=1) for v in (x, unseen))
    fit = fit_classes(x, classes, 3)
    assert (fit.layer(unseen).argmax(axis=1) == wanted).mean() > 0.9
    assert not fit.remarks


def test_two_classes_get_the_probabilities_of_the_logistic_function():
    from sklearn.linear_model import LogisticRegression

    x = vectors(120)
    classes = (x[:, 0] > 5).astype(int)
    fit = fit_classes(x, classes, 2, penalty=0.5)
    own = LogisticRegression(C=2.0, max_iter=2000).fit(Scaling.of(x)(x), classes)
    assert np.allclose(softmax(fit.layer(x)), own.predict_proba(Scaling.of(x)(x)), atol=1e-6)


@pytest.mark.parametrize(("factor", "repeated"), [(1e-3, 1), (1e3, 1), (1.0, 4)])
def test_a_penalty_means_the_same_for_other_units_and_dimensions(factor: float, repeated: int):
    x = vectors(100)
    y = x @ MAP.T + np.random.default_rng(3).normal(size=(100, 3))
    other = np.tile(x * factor, (1, repeated))
    ours, theirs = fit_values(x, y, penalty=1.0).layer(x), fit_values(other, y, penalty=1.0).layer(other)
    assert np.allclose(ours, theirs, atol=1e-3)


def test_without_scaling_units_do_count():
    x = vectors(100)
    y = x @ MAP.T
    ours = fit_values(x, y, penalty=1.0, standardise=False).layer(x)
    theirs = fit_values(x * 1e-3, y, penalty=1.0, standardise=False).layer(x * 1e-3)
    assert not np.allclose(ours, theirs, atol=1e-1)


def test_a_value_that_never_changes_gets_no_weight():
    x = np.concatenate([vectors(60), np.full((60, 2), 7.0, np.float32)], axis=1)
    layer = fit_values(x, x[:, :1] * 2.0, penalty=1e-4).layer
    assert np.isfinite(layer.weight).all() and not layer.weight[:, 20:].any()


def test_noise_is_penalised_more():
    x = vectors(60, dim=20)
    noise = np.random.default_rng(5).normal(size=(60, 1))
    assert fit_values(x, noise).penalty > fit_values(x, x[:, :1]).penalty


def test_class_weights_move_the_border_towards_the_frequent_class():
    x = vectors(400)
    rng = np.random.default_rng(6)
    classes = (x[:, 0] + rng.normal(size=400) * 6 > 12).astype(int)
    plain = fit_classes(x, classes, 2, penalty=1.0)
    weights = np.array([1.0, (classes == 0).sum() / (classes == 1).sum()])
    balanced = fit_classes(x, classes, 2, penalty=1.0, weights=weights)
    rare = classes == 1
    recall = [(fit.layer(x[rare]).argmax(axis=1) == 1).mean() for fit in (plain, balanced)]
    assert recall[1] > recall[0] + 0.1


def test_cross_validation_keeps_people_apart():
    """Vectors that only tell the person: knowing one's class helps for the same people, not for others."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 5)
    x = rng.normal(size=(40, 30))[people] + 0.01 * rng.normal(size=(200, 30))
    classes = rng.integers(0, 2, 40)[people]
    names = [f"p{i}" for i in people]
    strangers, friends = fit_classes(x, classes, 2, people=names), fit_classes(x, classes, 2)
    assert min(strangers.tried.values()) > 0.5 > min(friends.tried.values())


def test_a_class_of_one_person_is_told():
    classes = np.arange(30) % 2
    people = ["only" if c else f"p{i}" for i, c in enumerate(classes)]
    fit = fit_classes(vectors(30), classes, 2, people=people)
    assert "one person only" in fit.remarks[0]


def test_a_class_with_one_sample_is_fitted_with_a_given_penalty_only():
    classes = np.array([0] * 10 + [1])
    with pytest.raises(DatasetError, match="single sample.*penalty"):
        fit_classes(vectors(11), classes, 2)
    assert fit_classes(vectors(11), classes, 2, penalty=1.0).tried == {}


def test_one_person_cannot_be_cross_validated():
    with pytest.raises(DatasetError, match="1 person cannot be cross-validated"):
        fit_values(vectors(10), vectors(10)[:, :1], people=["a"] * 10)


def test_the_same_data_give_the_same_layer():
    x, classes = vectors(90), np.arange(90) % 3
    one, two = (fit_classes(x, classes, 3, seed=4) for _ in range(2))
    assert np.array_equal(one.layer.weight, two.layer.weight) and one.tried == two.tried


def test_a_missing_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: fit_values(vectors(9), vectors(9)), lambda: fit_classes(vectors(9), np.arange(9) % 2, 2)):
        with pytest.raises(FacezooError, match=r"facezoo\[eval\].*solver=sgd"):
            call()
