"""All that a plugin's author imports: ``from facezoo.plugin import hookimpl, ComponentSpec, Encoder``.

Lazy: naming the hooks costs no torch; the bases of networks import it when they are first wanted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "facezoo.hookspecs": ("hookimpl",),
    "facezoo.labels": ("AFFECTNET", "FER_2013", "FIVE_LANDMARKS", "RAF_DB", "SEVEN_EMOTIONS", "Emotion", "emotion_of"),
    "facezoo.specs": ("CommandSpec", "ComponentSpec", "DatasetSpec", "PipelineSpec", "ProtocolSpec", "RecipeSpec"),
    "facezoo.errors": (
        "DatasetError", "DeviceError", "FacezooError", "IncompatibleError", "InputError", "PluginError", "WeightsError",
        "WeightsUnavailableError",
    ),
    "facezoo.config": ("ComponentConfig",),
    "facezoo.store": ("home",),
    "facezoo.contracts": ("IMAGENET_MEAN", "IMAGENET_STD", "BoxReference", "FivePointCrop", "InputContract", "SquareCrop"),
    "facezoo.components": (
        "Classifier", "Component", "Detections", "Detector", "Encoder", "Head", "Manipulator", "Provenance", "Requirement",
        "View", "check_faces", "describe", "patterns",
    ),
    "facezoo.weights": ("Converted", "apply_renames", "create", "read_checkpoint", "save"),
    "facezoo.results": ("Clip", "Embedding", "Face", "ImageResult", "Picture", "Pose", "Quantity", "Scores"),
    "facezoo.disclosure": ("Synthesis",),
    "facezoo.images": ("check_spared", "is_picture", "is_video", "name_of", "read", "takes_note", "write_animation"),
    "facezoo.crops": ("cut", "matrices", "paste"),
    "facezoo.video": ("Writer", "frames", "probe"),
    "facezoo.batches": (
        "Cut", "FaceBatch", "Options", "Shot", "gather", "is_single", "make_options", "progress", "to_uint8", "whole_face",
    ),
    "facezoo.panels": ("PANEL", "enlarged", "panel"),
    "facezoo.pipelines": ("DetectingPipeline", "FacePipeline", "Pipeline"),
    "facezoo.tasks": ("fits",),
    "facezoo.loader": ("load", "pipeline"),
    "facezoo.datasets": (
        "AnnotatedTriplet", "FacePair", "PairReader", "Reader", "Sample", "TripletReader", "open_dataset", "split_digest",
    ),
    "facezoo.training": (
        "Descent", "FaceAugmentation", "FaceDataset", "Joined", "Moment", "Recipe", "Record", "TrainingConfig",
        "TripletDataset", "accuracy_by_kind", "annotators_of", "arrange", "check_batch_size", "chosen_by", "class_weights",
        "descend", "double_triplet", "embed_samples", "embed_triplets", "held_out", "locate", "open_several", "origin_of",
        "parameters_of", "refuse_idle", "run", "start_from", "triplet_accuracy", "triplet_figures", "warm_cosine",
    ),
    "facezoo.evaluation": (
        "NO_ANSWER", "PENALTIES", "Bench", "Bootstrap", "Conditions", "Confusion", "EditedFace", "Fit", "Layer", "MeasuredEdit",
        "Measurement", "Outcome", "Part", "Peer", "Placed", "Protocol", "ProtocolConfig", "Published", "Report", "Scaling",
        "Split", "Subject", "System", "Weights", "best_class", "check_edit_folder", "crop_of", "evaluate", "fit_classes",
        "fit_values", "is_known", "lay_out", "made_with", "measure_classes", "measure_mean", "measure_share",
        "measure_statistic", "measure_verification", "named", "owners_of", "people_of", "place", "read_report", "similarities",
        "softmax", "verify_by_folds",
    ),
    "facezoo.testing": ("check_component", "check_pipeline", "check_plugin"),
    "facezoo.devices": ("resolve_device",),
    "facezoo.cli.commands": ("Command", "Group", "flat"),
    "facezoo.cli.options": ("Shared",),
    "facezoo.cli.screen": ("dump", "note", "say"),
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from facezoo.batches import (
        Cut,
        FaceBatch,
        Options,
        Shot,
        gather,
        is_single,
        make_options,
        progress,
        to_uint8,
        whole_face,
    )
    from facezoo.cli.commands import Command, Group, flat
    from facezoo.cli.options import Shared
    from facezoo.cli.screen import dump, note, say
    from facezoo.components import *  # noqa: F403
    from facezoo.config import ComponentConfig
    from facezoo.contracts import IMAGENET_MEAN, IMAGENET_STD, BoxReference, FivePointCrop, InputContract, SquareCrop
    from facezoo.crops import cut, matrices, paste
    from facezoo.datasets import (
        AnnotatedTriplet,
        FacePair,
        PairReader,
        Reader,
        Sample,
        TripletReader,
        open_dataset,
        split_digest,
    )
    from facezoo.devices import resolve_device
    from facezoo.disclosure import Synthesis
    from facezoo.errors import *  # noqa: F403
    from facezoo.evaluation import (
        NO_ANSWER,
        PENALTIES,
        Bench,
        Bootstrap,
        Conditions,
        Confusion,
        EditedFace,
        Fit,
        Layer,
        MeasuredEdit,
        Measurement,
        Outcome,
        Part,
        Peer,
        Placed,
        Protocol,
        ProtocolConfig,
        Published,
        Report,
        Scaling,
        Split,
        Subject,
        System,
        Weights,
        best_class,
        check_edit_folder,
        crop_of,
        evaluate,
        fit_classes,
        fit_values,
        is_known,
        lay_out,
        made_with,
        measure_classes,
        measure_mean,
        measure_share,
        measure_statistic,
        measure_verification,
        named,
        owners_of,
        people_of,
        place,
        read_report,
        similarities,
        softmax,
        verify_by_folds,
    )
    from facezoo.hookspecs import hookimpl
    from facezoo.images import check_spared, is_picture, is_video, name_of, read, takes_note, write_animation
    from facezoo.labels import AFFECTNET, FER_2013, FIVE_LANDMARKS, RAF_DB, SEVEN_EMOTIONS, Emotion, emotion_of
    from facezoo.loader import load, pipeline
    from facezoo.panels import PANEL, enlarged, panel
    from facezoo.pipelines import DetectingPipeline, FacePipeline, Pipeline
    from facezoo.results import Clip, Embedding, Face, ImageResult, Picture, Pose, Quantity, Scores
    from facezoo.specs import CommandSpec, ComponentSpec, DatasetSpec, PipelineSpec, ProtocolSpec, RecipeSpec
    from facezoo.store import home
    from facezoo.tasks import fits
    from facezoo.testing import check_component, check_pipeline, check_plugin
    from facezoo.training import (
        Descent,
        FaceAugmentation,
        FaceDataset,
        Joined,
        Moment,
        Recipe,
        Record,
        TrainingConfig,
        TripletDataset,
        accuracy_by_kind,
        annotators_of,
        arrange,
        check_batch_size,
        chosen_by,
        class_weights,
        descend,
        double_triplet,
        embed_samples,
        embed_triplets,
        held_out,
        locate,
        open_several,
        origin_of,
        parameters_of,
        refuse_idle,
        run,
        start_from,
        triplet_accuracy,
        triplet_figures,
        warm_cosine,
    )
    from facezoo.video import Writer, frames, probe
    from facezoo.weights import Converted, apply_renames, create, read_checkpoint, save


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"facezoo.plugin has no {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
