"""The local store: imported weights, and small records of downloaded files that were verified.

    FACEZOO_HOME/store/<key>/record.json    what was verified, when, and where it came from
    FACEZOO_HOME/store/<key>/…              an imported component directory
    FACEZOO_HOME/locks/<key>.lock           one writer per key, over all processes

Downloaded files stay in the Hub client's own cache; only their hashes are remembered here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from facezoo.errors import FacezooError, InputError, WeightsError, WeightsUnavailableError
from facezoo.sources import COMPONENT_FILES, FOREIGN_SUFFIXES

RECORD = "record.json"
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file whose hash was checked. ``path`` is absolute; size in bytes."""

    path: Path
    sha256: str
    size: int
    mtime_ns: int

    @property
    def unchanged(self) -> bool:
        """True while size and time of change are as they were when the hash was checked."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """What the store knows of one key.

    Attributes:
        key: an id, ``plugin:id`` or ``hub:org/name@commit``.
        kind: "import": the files lie in the store. "download": they lie in the Hub client's cache.
        source: "store" or "hub:org/name@commit".
        when: UTC, ISO 8601.
        origin: of an import: file, sha256, format, and what else the importer says.
    """

    key: str
    kind: Literal["import", "download"]
    source: str
    files: Mapping[str, FileRecord]
    when: str
    origin: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The store's folder for the key."""
        return store_path(self.key)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def home() -> Path:
    """``FACEZOO_HOME``, or the platform's folder for caches."""
    if chosen := os.environ.get("FACEZOO_HOME"):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "facezoo"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "facezoo" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "facezoo"


def store_path(key: str) -> Path:
    """The folder of a key; it need not exist.

    Raises:
        InputError: a key that is no id, ``plugin:id`` or ``hub:org/name@commit`` could leave the store.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]*", key) or ".." in key:
        raise InputError(f"{key!r} cannot be a name in the local store; it is an id of `facezoo list`.")
    return home() / "store" / re.sub(r"[:/@]", "--", key)


@contextlib.contextmanager
def locked(key: str) -> Iterator[None]:
    """One process at a time for a key; the others wait. A killed process lets go."""
    from filelock import FileLock

    path = home() / "locks" / f"{store_path(key).name}.lock"
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a failure to write under ``folder`` into a WeightsError that says what to do."""
    try:
        yield
    except FacezooError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(folder) from error
        raise WeightsError(f"Cannot write under {folder}: {error}. Set FACEZOO_HOME to a writable folder.") from error


def disk_full(folder: Path) -> WeightsUnavailableError:
    """The error for a full disk; nothing half-written was kept."""
    return WeightsUnavailableError(
        f"No space is left on the disk of {folder} (or a quota is used up); nothing was kept. Free some space"
        " (`facezoo cache list` shows what is stored), or set HF_HOME and FACEZOO_HOME to another disk."
    )


def hash_file(path: Path) -> str:
    """The sha256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def observe(path: Path, sha256: str) -> FileRecord:
    """A record of a file that has just been found to have this hash."""
    now = path.stat()
    return FileRecord(path=path.absolute(), sha256=sha256, size=now.st_size, mtime_ns=now.st_mtime_ns)


def read_record(key: str) -> Record | None:
    """What the store has under a key, or None. A record that cannot be read, or is another key's, counts as none."""
    record = _read(store_path(key))
    return record if record is not None and record.key == key else None


def _read(folder: Path) -> Record | None:
    try:
        data = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = {
            name: FileRecord(folder / file["path"], file["sha256"], file["size"], file["mtime_ns"])  # absolute paths stay
            for name, file in data["files"].items()
        }
        return Record(data["key"], data["kind"], data["source"], files, data["when"], data["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(record: Record, folder: Path | None = None) -> None:
    """Writes a record, at once or not at all. Paths inside the key's folder are stored relative to it."""
    folder = folder or record.path
    files = {}
    for name, file in sorted(record.files.items()):
        inside = file.path.parent in (folder, record.path)
        path = file.path.name if inside else str(file.path)
        files[name] = {"path": path, "sha256": file.sha256, "size": file.size, "mtime_ns": file.mtime_ns}
    data = {
        "facezoo": 1,
        "key": record.key,
        "kind": record.kind,
        "source": record.source,
        "when": record.when,
        "origin": dict(record.origin),
        "files": files,
    }
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{RECORD}.{uuid.uuid4().hex}"
        try:
            part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            part.replace(folder / RECORD)
        finally:
            part.unlink(missing_ok=True)


def now() -> str:
    """UTC, ISO 8601, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_record(path: Path) -> Record:
    """The record of an imported directory whose files are still what they were.

    Size and time of change are compared; where they differ (a copy to another machine, for example) the hash
    decides, and is remembered.

    Args:
        path: a folder of the store.

    Raises:
        WeightsError: no record, a missing file or another hash.
    """
    record = _read(path)
    if record is None:
        raise WeightsError(f"{path} has no readable record, so its files cannot be trusted; import the weights again.")
    if all(file.unchanged for file in record.files.values()):
        return record
    return rehash(record)


def rehash(record: Record) -> Record:
    """Hashes every file of a record again.

    Returns:
        the record with today's sizes and times; written if it changed and the store can be written.

    Raises:
        WeightsError: names the files that are missing or have another content.
    """
    files: dict[str, FileRecord] = {}
    changed: list[str] = []
    for name, file in record.files.items():
        if not file.path.is_file() or hash_file(file.path) != file.sha256:
            changed.append(name)
        else:
            files[name] = observe(file.path, file.sha256)
    if changed:
        place, again = record.source, f"fetch them again with `facezoo download {record.key}`"
        if record.kind == "import":
            place, again = str(record.path), f"import them again with `facezoo import {record.key} FILE`"
        raise WeightsError(
            f"{' and '.join(changed)} of {record.key} ({place}) is gone or not what was verified on {record.when[:10]}."
            f" Remove the weights with `facezoo cache remove {record.key}`, and {again}."
        )
    fresh = Record(record.key, record.kind, record.source, files, record.when, record.origin)
    if files != dict(record.files):
        with contextlib.suppress(WeightsError):  # a read-only store only costs the next load another hash
            write_record(fresh)
    return fresh


def install(key: str, directory: Path, origin: Mapping[str, Any]) -> Path:
    """Takes a component directory into the store, whole or not at all. An older import under the key is replaced.

    Args:
        key: the entry's key.
        directory: config.json, model.safetensors and what belongs to it; copied.
        origin: where it came from; kept in the record.

    Raises:
        WeightsError: a file that does not belong there, no config.json, or a disk that cannot be written.
    """
    names = sorted(path.name for path in directory.iterdir())
    odd = [n for n in names if not _allowed(directory / n)]
    if odd or "config.json" not in names:
        found = f"holds {', '.join(odd)}" if odd else "has no config.json"
        raise WeightsError(f"{directory} {found}; a component directory is {', '.join(COMPONENT_FILES)}.")
    target = store_path(key)
    with locked(key), writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(f".{target.name}.*"):  # of an import that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        incoming = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        try:
            incoming.mkdir()
            for name in names:
                shutil.copyfile(directory / name, incoming / name)
            files = {name: observe(incoming / name, hash_file(incoming / name)) for name in names}
            write_record(Record(key, "import", "store", files, now(), origin), incoming)
            _swap(incoming, target)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    return target


def _allowed(path: Path) -> bool:
    known = path.name in COMPONENT_FILES or path.name.endswith(FOREIGN_SUFFIXES)
    return known and path.is_file() and not path.is_symlink()


def _swap(incoming: Path, target: Path) -> None:
    """Puts a finished folder in place; a kill in between leaves no folder, never half of one."""
    if target.exists():
        old = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        target.rename(old)
        incoming.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        incoming.rename(target)


def listing() -> list[Record]:
    """Everything that the store has a record of, sorted by key."""
    records = (_read(path.parent) for path in (home() / "store").glob(f"[!.]*/{RECORD}"))
    return sorted((record for record in records if record is not None), key=lambda record: record.key)


def forget(key: str) -> Record | None:
    """Removes a key's folder from the store and returns what it was; downloaded files stay where they are."""
    record = read_record(key)
    with locked(key), writing(store_path(key)):
        shutil.rmtree(store_path(key), ignore_errors=record is None)
    return record
