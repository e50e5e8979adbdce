"""To the Hub: a component directory into a repository, and the ``registry.yaml`` lines that pin what was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from facezoo import hub, store
from facezoo.errors import WeightsError, WeightsUnavailableError
from facezoo.sources import COMPONENT_FILES

_PINNED = COMPONENT_FILES[:3]  # the card may be read, but nothing depends on it


@dataclass(frozen=True, slots=True)
class Published:
    """What ``push`` did. ``snippet`` is the ``hub`` source of the entry in ``registry.yaml``."""

    repo: str
    commit: str
    url: str
    snippet: str


def push(directory: Path | str, repo: str, *, private: bool = False, message: str = "Add weights with facezoo") -> Published:
    """Uploads config, weights, golden outputs and card in one commit; the repository is made where there is none.

    Args:
        directory: a component directory with all four files.
        repo: ``org/name``; HF_TOKEN (or `hf auth login`) must be allowed to write there.
        private: of a repository that is made now.
        message: of the commit.

    Raises:
        WeightsError: the directory is not complete or not readable, or the upload failed.
    """
    folder = Path(directory)
    check_directory(folder)
    if hub.offline():
        raise WeightsUnavailableError(f"Offline (HF_HUB_OFFLINE is set): {folder} cannot be pushed to {repo}. Unset it.")
    client = hub.client()
    api = client.HfApi()
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        files = [client.CommitOperationAdd(name, folder / name) for name in COMPONENT_FILES]
        done = api.create_commit(repo, files, commit_message=message)
    except Exception as error:  # the client raises from httpx, OSError, ValueError and its own tree
        raise hub.failure(error, repo, f"Could not push {folder} to {repo}") from error
    return Published(repo, done.oid, done.commit_url, snippet(folder, repo, done.oid))


def check_directory(folder: Path) -> None:
    """Raises WeightsError unless the folder holds the four files of a component directory, each readable."""
    missing = [name for name in COMPONENT_FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder} lacks {', '.join(missing)}; `facezoo convert` or facezoo.save write all four files.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{folder / 'config.json'} is not JSON: {error}.") from error
    if not isinstance(config, dict) or not {"facezoo", "arch", "config"} <= set(config):
        raise WeightsError(f"{folder / 'config.json'} does not describe a component: it needs facezoo, arch and config.")
    from safetensors import SafetensorError, safe_open

    for name in ("model.safetensors", "golden.safetensors"):
        try:
            with safe_open(folder / name, framework="numpy") as file:
                empty = not list(file.keys())
        except SafetensorError as error:
            raise WeightsError(f"{folder / name} is not a whole safetensors file: {error}.") from error
        if empty:
            raise WeightsError(f"{folder / name} holds no tensor.")


def snippet(folder: Path, repo: str, commit: str) -> str:
    """The YAML of the ``hub`` source: repository, commit and the sha256 of each file that is read."""
    hashes = [f"    {name}: {store.hash_file(folder / name)}" for name in _PINNED]
    return "\n".join(["- kind: hub", f"  repo: {repo}", f"  revision: {commit}", "  files:", *hashes]) + "\n"
