"""Evaluation, shared by every protocol: ``facezoo evaluate NAME``, or ``facezoo.evaluation.evaluate(...)``.

    protocol.py      what a protocol is, and a peer
    bench.py         the data: parts, trials, faces found once; placing.py finds them
    subjects.py      a model or peer, and what it makes of the faces of a part
    measuring.py     answers to numbers with intervals; intervals.py draws them; verification.py by folds
    fitting.py       linear probes, by scikit-learn
    running.py       a protocol by its name to a report
    report.py        the report; writing.py its files; drawing.py its figure; metrics.py its numbers for the registry
    edited.py        the same for edited faces, with a row per face and a sheet of them

A protocol brings data, an order of work and what the paper leaves open (``Protocol``); what is written down of weights,
crops, faces that were not found and intervals is the same for all. Needs ``facezoo[eval]``.
"""

from __future__ import annotations

from facezoo.evaluation.bench import Bench, Conditions, Part, people_of
from facezoo.evaluation.edited import EditedFace, MeasuredEdit, check_edit_folder
from facezoo.evaluation.fitting import PENALTIES, Fit, Layer, Scaling, fit_classes, fit_values, softmax
from facezoo.evaluation.intervals import Bootstrap, owners_of
from facezoo.evaluation.measuring import (
    NO_ANSWER,
    best_class,
    measure_classes,
    measure_mean,
    measure_share,
    measure_statistic,
)
from facezoo.evaluation.placing import Placed, is_known, place
from facezoo.evaluation.protocol import Outcome, Peer, Protocol, ProtocolConfig
from facezoo.evaluation.report import Confusion, Measurement, Published, Report, Split, System, Weights, read_report
from facezoo.evaluation.running import crop_of, evaluate, lay_out, made_with
from facezoo.evaluation.subjects import Subject, named
from facezoo.evaluation.verification import measure_verification, similarities, verify_by_folds

__all__ = [
    "NO_ANSWER", "PENALTIES", "Bench", "Bootstrap", "Conditions", "Confusion", "EditedFace", "Fit", "Layer", "MeasuredEdit",
    "Measurement", "Outcome", "Part", "Peer", "Placed", "Protocol", "ProtocolConfig", "Published", "Report", "Scaling", "Split",
    "Subject", "System", "Weights", "best_class", "check_edit_folder", "crop_of", "evaluate", "fit_classes", "fit_values",
    "is_known", "lay_out", "made_with", "measure_classes", "measure_mean", "measure_share", "measure_statistic",
    "measure_verification", "named", "owners_of", "people_of", "place", "read_report", "similarities", "softmax",
    "verify_by_folds",
]  # fmt: skip
