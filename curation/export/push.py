"""Uploads of a delivery to the Hugging Face Hub, on request, after showing what goes.

Guarantee: only files that the export wrote and nobody changed since are sent, to a repository that
holds nothing else. The token is that of `huggingface_hub`: its environment variable or its own store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation import files
from curation.dataset import Progress, silent
from curation.errors import CurationError, MissingExtra
from curation.export.deliveries import MANIFEST, Delivery, size_text
from curation.export.fitting import delivery_formats

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")

ON_REQUEST = ("dropped.parquet", "rejected.parquet", "atlas.parquet")
"""Tables that an export writes only when it is asked to."""

_BY_ITSELF = {".gitattributes", "README.md"}
"""Files that the Hub puts into a new repository."""


@dataclass(frozen=True)
class Shipment:
    """The content of an upload: path → bytes of each file, and what a person should know of it.

    personal: delivered examples that seem to hold personal data; None where no step looked. names:
    the people whose decisions are in it, as its files call them. pseudonyms: whether that is not
    how they are called.
    """

    folder: Path
    files: dict[str, int]
    rows: int
    personal: int | None
    names: tuple[str, ...]
    pseudonyms: bool
    leak_safe: bool

    @classmethod
    def of(cls, folder: Path) -> Shipment:
        """Read what a delivery folder holds; raises CurationError for any other folder."""
        manifest = Delivery(folder).manifest
        sizes = {entry["path"]: entry["bytes"] for entry in manifest["files"]}
        sizes[MANIFEST] = (folder / MANIFEST).stat().st_size
        return cls(
            folder,
            sizes,
            manifest["delivered"],
            manifest["personal_data"],
            tuple(manifest["decisions"]["by_annotator"]),
            manifest["decisions"]["pseudonyms"],
            manifest["leaks"]["leak_safe"],
        )

    def check(self) -> None:
        """Raise CurationError when a file is not as the export wrote it."""
        for entry in Delivery(self.folder).manifest["files"]:
            path = self.folder / entry["path"]
            if not path.is_file() or files.sha256(path) != entry["sha256"]:
                raise CurationError(
                    f"{entry['path']} is not as the export wrote it, so nothing was sent; export "
                    "again."
                )

    def sentences(self) -> Iterator[str]:
        """Yield what goes, in words."""
        count = len(self.files)
        size = size_text(sum(self.files.values()))
        yield f"{count:,} files, {size}, {self.rows:,} examples"
        if self.personal is None:
            yield "Nobody looked for personal data; the step answer_checks does."
        else:
            one = self.personal == 1
            examples = "1 example seems" if one else f"{self.personal:,} examples seem"
            yield f"{examples} to hold personal data."
        if not self.names:
            yield "Nobody decided anything by hand."
        elif self.pseudonyms:
            yield f"The {len(self.names):,} people who decided stand under pseudonyms."
        else:
            yield f"People stand in it by name: {', '.join(self.names)}."
        if not self.leak_safe:
            yield "The splits are not shown to be leak-safe."


def is_name(repository: str) -> bool:
    """Return whether a repository is written owner/name."""
    return _NAME.fullmatch(repository) is not None


def check_name(repository: str) -> None:
    """Raise CurationError for a repository that is not written owner/name."""
    if not is_name(repository):
        raise CurationError(f"{repository!r} is no repository; write owner/name.")


def push(
    folder: Path, repository: str, *, private: bool = True, progress: Progress = silent
) -> str:
    """Upload a delivery to a dataset repository, which is made where it is missing; return its address.

    Files of a former delivery there are replaced. Raises CurationError, before anything is sent,
    when a file was changed since the export, the repository holds other files, or it is public and
    private is asked for; also when the Hub refuses. Raises MissingExtra without `huggingface_hub`.
    """
    check_name(repository)
    shipment = Shipment.of(folder)
    progress(0.0, "Comparing the files with the manifest")
    shipment.check()
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise MissingExtra("Uploading to the Hugging Face Hub", "hub") from None
    try:
        api = HfApi()
        progress(0.1, f"Asking for {repository}")
        url = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        _check_repository(api.dataset_info(repository), repository, private)
        progress(0.2, f"Sending {len(shipment.files):,} files")
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=sorted(shipment.files),
            delete_patterns=_of_exports(),
            commit_message=f"{shipment.rows:,} examples",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        why = _REFUSALS.get(status, f"it answered {status}")
        raise CurationError(f"The Hub did not take {repository}: {why}.") from None
    except (OSError, ValueError) as error:
        raise CurationError(f"{repository} could not be sent: {_first_line(error)}") from None
    return str(url)


def _of_exports() -> list[str]:
    """Return patterns of the files that some export writes and another does not."""
    folders = ("data" if name == "hf" else name for name in delivery_formats())
    return sorted([*(f"{folder}/*" for folder in folders), *ON_REQUEST])


_REFUSALS = {
    401: "it knows no such token; log in with `hf auth login`, or set HF_TOKEN",
    403: "the token may not write there; make one with the right to write",
    404: "there is no such owner, or the token may not see it",
}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _check_repository(info: Any, repository: str, private: bool) -> None:
    """Raise CurationError when a repository is public against the wish, or holds foreign files."""
    if private and not info.private:
        raise CurationError(
            f"{repository} is there already and public, so nothing was sent; ask for a public upload "
            "or name another."
        )
    present = {file.rfilename for file in info.siblings or ()}
    if present - _BY_ITSELF and MANIFEST not in present:
        raise CurationError(
            f"{repository} holds {min(present - _BY_ITSELF)}, which no export made; name another."
        )
