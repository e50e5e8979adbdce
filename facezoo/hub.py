"""From a registry entry to files on this machine: fetch at a commit, check the sha256, say what is missing.

Downloads are the Hub client's (huggingface_hub), with its cache, token and settings: HF_TOKEN, HF_HOME,
HF_HUB_OFFLINE, HF_ENDPOINT. What is here once and verified is used without any request.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, Literal

from facezoo import store
from facezoo.errors import UnknownNameError, WeightsError, WeightsUnavailableError
from facezoo.registry import ModelEntry
from facezoo.sources import (
    COMPONENT_FILES,
    REQUIRED_FILES,
    AuthorSource,
    BuiltinSource,
    DirReference,
    FileSource,
    HubReference,
    HubSource,
    MissingCommitError,
    PackageSource,
    parse_name,
)
from facezoo.store import check_record, home, install, listing, store_path

__all__ = [
    "Located", "check_record", "client", "failure", "fetch_directory", "fetch_file", "home", "in_package", "install",
    "latest_commit", "listing", "locate", "offline", "reference", "remove", "store_path", "verify",
]  # fmt: skip

Pinned = HubSource | HubReference | FileSource


@dataclass(frozen=True, slots=True)
class Located:
    """Where an entry's weights are.

    Attributes:
        path: a component directory ("directory"), one foreign file ("file"), None ("builtin").
        source: "store", "package", "hub:org/name@commit" or "builtin".
        format: of a foreign file, the name of its converter or reader.
    """

    path: Path | None
    source: str
    kind: Literal["directory", "file", "builtin"]
    format: str | None = None


def offline() -> bool:
    """True if HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE, which the client honours too) forbids requests."""
    setting = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return setting.upper() in ("1", "ON", "YES", "TRUE")


def locate(entry: ModelEntry) -> Located:
    """The weights of an entry: from the local store, else from the first of its sources that has them.

    Raises:
        WeightsUnavailableError: no source has them here and now; says what to do.
        WeightsError: what was found is not what was pinned or imported.
    """
    record = store.read_record(entry.key)
    if record is not None and record.kind == "import":
        return Located(check_record(record.path).path, "store", "directory")
    reasons: list[WeightsUnavailableError] = []
    for source in entry.sources:
        try:
            if isinstance(source, HubSource):
                return Located(fetch_directory(source, entry.key), source.label, "directory")
            if isinstance(source, FileSource):
                return Located(fetch_file(source, entry.key), source.label, "file", source.format)
            if isinstance(source, PackageSource):
                return Located(_in_package(source, entry), "package", "directory")
            if isinstance(source, BuiltinSource):
                return Located(None, "builtin", "builtin")
            reasons.append(_by_hand(source, entry))
        except WeightsUnavailableError as error:
            reasons.append(error)
    if not reasons:
        reasons.append(_not_released(entry))
    if len(reasons) == 1:
        raise reasons[0]
    raise WeightsUnavailableError(" ".join(str(reason) for reason in reasons)) from reasons[0]


def in_package(source: PackageSource) -> Path | None:
    """The component directory inside its installed package, or None where it is not installed."""
    package, _, inside = source.path.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / inside / "config.json").is_file():
            return Path(folder) / inside
    return None


def _in_package(source: PackageSource, entry: ModelEntry) -> Path:
    if (path := in_package(source)) is not None:
        return path
    raise WeightsUnavailableError(f"The weights of {entry.id} come inside a package, but {source.path} is not installed.")


def _by_hand(source: AuthorSource, entry: ModelEntry) -> WeightsUnavailableError:
    note = f" {entry.note.rstrip('. ')}." if entry.note else ""
    return WeightsUnavailableError(
        f"{entry.id} is not on this machine, and its authors publish it in a place that facezoo does not fetch from."
        f" {source.note.rstrip('.')}. Download it from {source.url} (licence of the weights: {entry.license.weights};"
        f" of the data: {entry.license.data}).{note} Then run: facezoo import {entry.key} FILE"
    )


def _not_released(entry: ModelEntry) -> WeightsUnavailableError:
    note = f" {entry.note.rstrip('.')}." if entry.note else ""
    return WeightsUnavailableError(
        f"{entry.id} is not released: nobody published its weights, so there is nothing to download.{note}"
        f" `facezoo info {entry.key}` shows what is known of it."
    )


def reference(name: str) -> HubReference | DirReference | None:
    """``facezoo.sources.parse_name``; for a ``hub:`` name without a commit the message names today's commit.

    Raises:
        UnknownNameError: a string that is no name of weights, or has no commit.
    """
    try:
        return parse_name(name)
    except MissingCommitError as error:
        try:
            commit = latest_commit(error.repo, error.revision or "main")
        except WeightsError:
            raise error from None
        raise UnknownNameError(f"{error} Today that is hub:{error.repo}@{commit}") from None


def latest_commit(repo: str, revision: str = "main") -> str:
    """The commit that a branch or tag of a Hub repository points to now: one request.

    Raises:
        WeightsUnavailableError: offline, no such repository or revision, or the Hub does not answer.
    """
    _needs_network(f"the commit of {repo}")
    try:
        commit = client().HfApi().model_info(repo, revision=revision).sha
    except Exception as error:  # the client raises from httpx, OSError and its own tree
        raise failure(error, repo, f"Could not look up {revision} of hub:{repo}") from error
    if commit is None:
        raise WeightsUnavailableError(f"The Hub names no commit for {revision} of {repo}.")
    return commit


def fetch_directory(source: HubSource | HubReference, key: str) -> Path:
    """A component directory from the Hub, at its commit, every file verified.

    A ``HubSource`` pins each sha256. A ``HubReference`` has none: config.json and model.safetensors must be there,
    golden.safetensors and README.md may be; each is checked against the hash under which the Hub stores it.

    Returns:
        the folder in the Hub client's cache.

    Raises:
        WeightsUnavailableError: not here, and not to be had now.
        WeightsError: other bytes than pinned; they were removed.
    """
    if isinstance(source, HubSource):
        files = _fetch(source, key, source.files)
    else:
        optional = [name for name in COMPONENT_FILES if name not in REQUIRED_FILES]
        files = _fetch(source, key, dict.fromkeys(COMPONENT_FILES), optional)
    return files["config.json"].parent


def fetch_file(source: FileSource, key: str) -> Path:
    """One foreign file from the Hub, at its commit, verified.

    Raises:
        WeightsUnavailableError, WeightsError: as for ``fetch_directory``.
    """
    return _fetch(source, key, source.files)[source.filename]


def _fetch(source: Pinned, key: str, wanted: Mapping[str, str | None], optional: Sequence[str] = ()) -> dict[str, Path]:
    """Paths of the wanted files {name: sha256 or None}, from the cache if verified before, else downloaded."""
    if known := _verified_before(source, key, wanted):
        return known
    with store.locked(key):
        if known := _verified_before(source, key, wanted):  # by the process that held the lock
            return known
        files: dict[str, store.FileRecord] = {}
        for name, expected in wanted.items():
            path = _cached(source, name) or _download(source, key, name, optional=name in optional)
            if path is not None:
                files[name] = _check(path, name, expected, source.label)
        record = store.Record(key, "download", source.label, files, store.now(), {})
        store.write_record(record)
        return {name: file.path for name, file in files.items()}


def _verified_before(source: Pinned, key: str, wanted: Mapping[str, str | None]) -> dict[str, Path] | None:
    """Paths of the files if the store vouches for all of them; no request, and no hash."""
    record = store.read_record(key)
    if record is None or record.source != source.label:
        return None
    for name, expected in wanted.items():
        file = record.files.get(name)
        if expected is not None and (file is None or file.sha256 != expected):
            return None
    if not record.files or not all(file.unchanged for file in record.files.values()):
        return None
    return {name: file.path for name, file in record.files.items()}


def _cached(source: Pinned, name: str) -> Path | None:
    """The file in the client's cache at this very commit; no request."""
    found = client().try_to_load_from_cache(source.repo, name, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def _download(source: Pinned, key: str, name: str, *, optional: bool) -> Path | None:
    """Downloads one file into the client's cache; None for an optional file that is not there."""
    if optional and offline():
        return None
    _needs_network(f"{name} of {source.label}", key)
    try:
        return Path(client().hf_hub_download(source.repo, name, revision=source.revision))
    except Exception as error:  # the client raises from httpx, OSError and its own tree
        if optional and isinstance(error, client().errors.RemoteEntryNotFoundError):
            return None
        raise failure(error, source.repo, f"Could not get {name} of {source.label}") from error


def _check(path: Path, name: str, expected: str | None, label: str) -> store.FileRecord:
    """The record of a file with the right hash; a file with another one is removed from the cache.

    Without a pinned sha256 the name of the client's blob decides: the file's sha256 or git's hash of it.
    """
    found = store.hash_file(path)
    right = found == expected
    if expected is None:
        blob = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
        right = blob == found if len(blob) == 64 else len(blob) != 40 or blob == _git_hash(path)
    if right:
        return store.observe(path, found)
    for wrong in (path.resolve(), path):
        wrong.unlink(missing_ok=True)
    raise WeightsError(
        f"{name} of {label} has other content than was pinned: sha256 {found[:12]}…, expected"
        f" {expected[:12] + '…' if expected else 'the hash under which the Hub lists it'}. It was removed. Run again to"
        " download it anew; if that fails too, a mirror or proxy (HF_ENDPOINT) changes files, or the pin is wrong."
    )


def _git_hash(path: Path) -> str:
    content = path.read_bytes()  # only small files are stored this way
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _needs_network(what: str, key: str | None = None) -> None:
    if offline():
        command = f"facezoo download {key}" if key else "the same command"
        raise WeightsUnavailableError(
            f"Offline (HF_HUB_OFFLINE is set), and {what} is not in the cache. Unset it, or run `{command}` on a machine"
            " with a network and copy its HF_HOME and FACEZOO_HOME folders here."
        )


def client() -> Any:
    """huggingface_hub, imported when it is needed; it is asked not to report on its user."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.errors

    return huggingface_hub


def failure(error: BaseException, repo: str, start: str) -> WeightsError:
    """What a client's error means for the user: ``start``, the status, the cause and the next step."""
    errors = client().errors
    chain = [error]
    while deeper := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(deeper)
    refused: Any = next((e for e in chain if isinstance(e, errors.HfHubHTTPError)), None)
    if any(isinstance(e, OSError) and e.errno in store.FULL for e in chain):
        return store.disk_full(Path(client().constants.HF_HUB_CACHE))
    if refused is not None:
        status = refused.response.status_code
        return WeightsUnavailableError(f"{start}: the Hub answers {status}. {_advice(refused, status, repo)}")
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return WeightsUnavailableError(f"{start}: the body was cut short, and nothing of it was kept. Run again.")
    if any(isinstance(e, errors.HTTPError | TimeoutError | ConnectionError) for e in chain):
        cause = next(e for e in reversed(chain) if isinstance(e, errors.HTTPError | TimeoutError | ConnectionError))
        return WeightsUnavailableError(
            f"{start}: {client().constants.ENDPOINT} cannot be reached or stopped sending ({type(cause).__name__}: {cause})."
            " Nothing was kept. Check the network, proxy and HF_ENDPOINT, or raise HF_HUB_DOWNLOAD_TIMEOUT, and run again."
        )
    if isinstance(error, OSError) and error.errno is not None:
        folder = client().constants.HF_HUB_CACHE
        return WeightsUnavailableError(f"{start}: {error}. The Hub's cache is {folder}; set HF_HOME to a writable folder.")
    causes = "; ".join(f"{type(e).__name__}: {' '.join(str(e).split())}" for e in chain)
    return WeightsUnavailableError(f"{start}: {causes}")


def _advice(error: Any, status: int, repo: str) -> str:
    """The next step after an ``HfHubHTTPError``."""
    errors = client().errors
    if isinstance(error, errors.GatedRepoError):
        return f"The repository is gated: accept its terms at https://huggingface.co/{repo}, then set HF_TOKEN."
    if isinstance(error, errors.RevisionNotFoundError):
        return "The repository has no such commit (any more); the pin is wrong or its history was rewritten."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return "The repository has no such file at this commit, so it is no component directory; check the name."
    if status in (401, 403, 404):
        token = "the token in use may not read it" if client().get_token() else "no token is set"
        return f"There is no such repository, or it is private and {token}. Set HF_TOKEN, or run `hf auth login`."
    if status == 429:
        pause = error.response.headers.get("Retry-After")
        wait = f"Wait {pause} s" if pause else "Wait some minutes"
        return f"Too many requests. {wait} and run again; with HF_TOKEN set the limits are higher."
    if status >= 500:
        return "The Hub has trouble of its own; run again later."
    return "Check the name, and run again."


def verify(key: str) -> list[str]:
    """Hashes everything that the store knows of a key again.

    Returns:
        the names of the files, all as they were when verified first; empty if the store knows none.

    Raises:
        WeightsError: names the files that are gone or changed.
    """
    record = store.read_record(key)
    return sorted(store.rehash(record).files) if record else []


def remove(key: str) -> int:
    """Removes imported or downloaded weights of a key; of a download, its whole commit in the client's cache.

    Returns:
        bytes that were freed.

    Raises:
        WeightsError: nothing is stored under the key; names what is.
    """
    record = store.forget(key)
    if record is None:
        stored = ", ".join(item.key for item in listing()) or "nothing"
        raise WeightsError(f"No weights of {key!r} are stored; stored are {stored}.")
    if record.kind == "import":
        return record.size
    try:
        plan = client().scan_cache_dir().delete_revisions(record.source.rpartition("@")[2])
    except client().errors.CacheNotFound:  # somebody was faster
        return 0
    plan.execute()
    return int(plan.expected_freed_size)
