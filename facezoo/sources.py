"""Where weights come from: the sources of a registry entry, and the names that are not in a registry.

A source is data. ``facezoo.hub`` turns the ones with files into a path; an ``author`` source is a text for the
person who has to fetch the file by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from facezoo.errors import UnknownNameError

COMPONENT_FILES = ("config.json", "model.safetensors", "golden.safetensors", "README.md")
REQUIRED_FILES = ("config.json", "model.safetensors")
FOREIGN_SUFFIXES = (".onnx", ".safetensors")  # formats that hold numbers and no code; a pickle is never fetched

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Repo = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]

_HUB_NAME = re.compile(r"hub:(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[^@\s]+))?")
FORMS = "an id of `facezoo list`, plugin:id, hub:org/name@<commit of 40 hex digits> or dir:/path"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(_Frozen):
    """A component directory in a Hub repository, at one commit, with the sha256 of every file that is read."""

    kind: Literal["hub"] = "hub"
    repo: Repo
    revision: Commit
    files: dict[str, Sha256]

    @field_validator("files")
    @classmethod
    def _component_files(cls, files: dict[str, str]) -> dict[str, str]:
        odd = sorted(set(files) - set(COMPONENT_FILES))
        if odd:
            raise ValueError(f"{', '.join(odd)} is no file of a component directory ({', '.join(COMPONENT_FILES)})")
        missing = [name for name in REQUIRED_FILES if name not in files]
        if missing:
            raise ValueError(f"needs the sha256 of {' and '.join(missing)}")
        return files

    @property
    def label(self) -> str:
        return f"hub:{self.repo}@{self.revision}"


class FileSource(_Frozen):
    """One foreign file in a Hub repository that the component reads as it is (an ONNX network, for example)."""

    kind: Literal["file"] = "file"
    repo: Repo
    revision: Commit
    files: dict[str, Sha256]
    format: str

    @field_validator("files")
    @classmethod
    def _one_safe_file(cls, files: dict[str, str]) -> dict[str, str]:
        if len(files) != 1:
            raise ValueError(f"names one file with its sha256, not {len(files)}")
        name = next(iter(files))
        parts = name.split("/")
        if not name.endswith(FOREIGN_SUFFIXES) or ".." in parts or "" in parts:
            raise ValueError(f"{name!r} is not a relative path to a file of {', '.join(FOREIGN_SUFFIXES)}")
        return files

    @property
    def filename(self) -> str:
        """The file's path inside the repository."""
        return next(iter(self.files))

    @property
    def label(self) -> str:
        return f"hub:{self.repo}@{self.revision}"


class PackageSource(_Frozen):
    """A component directory inside an installed package: ``package/folder/…``."""

    kind: Literal["package"] = "package"
    path: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(/[\w.-]+)+$")]

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        if ".." in path.split("/"):
            raise ValueError(f"{path!r} leaves the package")
        return path


class AuthorSource(_Frozen):
    """A file that its authors publish somewhere a program should not fetch from: ``facezoo import ID FILE``."""

    kind: Literal["author"] = "author"
    url: Annotated[str, Field(pattern=r"^https://")]
    format: str
    config: dict[str, Any] = Field(default_factory=dict)
    note: Annotated[str, Field(min_length=1)]


class BuiltinSource(_Frozen):
    """Weights that come inside a dependency, like OpenCV's cascades."""

    kind: Literal["builtin"] = "builtin"


Source = Annotated[HubSource | FileSource | PackageSource | AuthorSource | BuiltinSource, Field(discriminator="kind")]


class HubReference(_Frozen):
    """``hub:org/name@commit``: a component directory that no registry knows. The commit is the only pin."""

    repo: Repo
    revision: Commit

    @property
    def label(self) -> str:
        return f"hub:{self.repo}@{self.revision}"


class DirReference(_Frozen):
    """``dir:/path``: a component directory on this machine."""

    path: Path

    @property
    def label(self) -> str:
        return f"dir:{self.path}"


class MissingCommitError(UnknownNameError):
    """A ``hub:`` name with a branch, a tag or nothing where the commit belongs."""

    def __init__(self, repo: str, revision: str | None) -> None:
        self.repo, self.revision = repo, revision
        given = f"names the revision {revision!r}, which can move" if revision else "has no commit"
        super().__init__(
            f"hub:{repo} {given}; weights are pinned: say hub:{repo}@<commit>, 40 hex digits as listed under"
            f" https://huggingface.co/{repo}/commits/main."
        )


def parse_name(name: str) -> HubReference | DirReference | None:
    """What a caller's name points to outside the registries; None for an id or ``plugin:id``.

    Raises:
        MissingCommitError: ``hub:org/name`` without a commit of 40 hex digits.
        UnknownNameError: any other string with a slash; the message shows the forms there are.
    """
    if name.startswith("dir:"):
        if not name.removeprefix("dir:"):
            raise UnknownNameError("dir: needs a path to a component directory: dir:/path/to/it.")
        return DirReference(path=Path(name.removeprefix("dir:")).expanduser())
    if name.startswith("hub:"):
        return _parse_hub(name)
    if "/" in name or "\\" in name:
        hint = folder_hint(name)
        if not hint and _HUB_NAME.fullmatch(f"hub:{name}"):
            hint = f" A repository on the Hub is hub:{name.partition('@')[0]}@<commit>."
        raise UnknownNameError(f"{name!r} is not a name of weights; a name is {FORMS}.{hint}")
    return None


def folder_hint(name: str) -> str:
    """A sentence for a name that nothing has, where a folder here has it; else ""."""
    return f" A folder is dir:{name}." if Path(name).expanduser().is_dir() else ""


def _parse_hub(name: str) -> HubReference:
    found = _HUB_NAME.fullmatch(name)
    if found is None:
        raise UnknownNameError(f"{name!r} is not a repository on the Hub; the form is hub:org/name@<commit of 40 hex digits>.")
    revision = found["revision"]
    if revision is None or not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise MissingCommitError(found["repo"], revision)
    return HubReference(repo=found["repo"], revision=revision)
