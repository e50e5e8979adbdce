"""The plugin keeps facezoo's contract."""

from facezoo.testing import check_component, check_pipeline, check_plugin


def test_plugin() -> None:
    check_plugin("toy")


def test_component() -> None:
    check_component("toy-colours")


def test_pipeline() -> None:
    check_pipeline("identity-embedding", encoder="toy-colours")
