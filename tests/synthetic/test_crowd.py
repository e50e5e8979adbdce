"""Simulated annotators: they differ from each other, and agree with the plain distance where it is clear."""

from __future__ import annotations

import numpy as np
import pytest

from facezoo_synthetic.crowd import ANNOTATORS, crowd, draw_triplets

UNITS = 20


def test_annotators_are_the_same_people_everywhere_and_differ():
    first, again = crowd(UNITS), crowd(UNITS)
    assert np.array_equal(first.weights, again.weights) and len(set(first.names)) == ANNOTATORS
    assert (first.weights**2).mean(1) == pytest.approx(1)
    assert np.corrcoef(first.weights[:2])[0, 1] < 0.8 and first.errors.min() >= 0.05 and first.errors.max() <= 0.4


def test_the_odd_one_is_the_face_that_is_not_of_the_nearest_pair():
    units = np.zeros((300, 3, UNITS))
    units[:100, 0], units[100:200, 1], units[200:, 2] = 1, 1, 1
    units += np.random.default_rng(0).normal(0, 0.01, units.shape)
    asked, odd = crowd(UNITS).answers(units, np.random.default_rng(1))
    assert odd.shape == asked.shape == (300, 6)
    assert (odd == np.repeat([0, 1, 2], 100)[:, None]).all()
    assert np.bincount(asked.ravel(), minlength=ANNOTATORS).min() > 20


def test_an_annotator_sees_most_what_counts_most_for_him():
    people = crowd(UNITS)
    who = int(people.weights[:, 3].argmax())
    units = np.zeros((1, 3, UNITS))
    units[0, 0, 3] = units[0, 1, int(people.weights[who].argmin())] = 1.0
    told = [people.answers(units, np.random.default_rng(seed)) for seed in range(200)]
    own = [odd[0, asked[0] == who][0] for asked, odd in told if who in asked[0]]
    assert len(own) > 10 and np.mean(np.array(own) == 0) > 0.9


def test_kinds_that_cannot_be_drawn_are_left_out():
    rng = np.random.default_rng(0)
    assert set(draw_triplets(np.zeros(5, int), 9, rng)[1]) == {1}
    assert set(draw_triplets(np.array([0, 0, 1]), 9, rng)[1]) == {2}
    assert set(draw_triplets(np.array([0, 1, 2]), 9, rng)[1]) == {3}
    places, kinds = draw_triplets(np.array([0, 1]), 9, rng)
    assert places.shape == (0, 3) and len(kinds) == 0


def test_every_face_of_a_class_is_drawn():
    classes = np.repeat(np.arange(7), 6)
    places, kinds = draw_triplets(classes, 3000, np.random.default_rng(0))
    assert all(len(set(row)) == 3 for row in places.tolist())
    assert [len(set(row)) for row in classes[places].tolist()] == kinds.tolist()
    assert np.bincount(places.ravel()).min() > 140
