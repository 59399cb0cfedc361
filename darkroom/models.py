"""Model weights: what can be pulled, from where, and how a pulled file is known to be the right one.

Workers load from the models folder only and never download. A file comes with the checksum that is written here; a
whole repository is checked against the checksums that its hub publishes.
"""

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.errors import CommandError, UsageError

_CHUNK = 1 << 20
_CONNECT_SECONDS, _READ_SECONDS = 30.0, 60.0

Progress = Callable[[int, int], None]
"""Takes the bytes that are there and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file."""

    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the Hugging Face hub."""

    name: str
    revision: str
    """A commit where code is executed from it."""
    files: tuple[str, ...] = ("*",)
    """Patterns of the files that are needed."""


@dataclass(frozen=True, slots=True)
class Model:
    """Something that can be pulled."""

    name: str
    path: str
    """Its place in the models folder."""
    source: Download | Repository
    gigabytes: float
    licence: str
    purpose: str
    pinned: dict[str, str] = field(default_factory=dict)
    """sha256 of files of a repository, beyond what its hub says."""


MODELS = {
    model.name: model
    for model in (
        Model(
            "fastsam-s",
            "fastsam-s.pt",
            # The digest is the one that independent users of this release recorded; the release publishes none.
            Download(
                "https://github.com/ultralytics/assets/releases/download/v8.4.0/FastSAM-s.pt",
                "c9f78716a81c7aff0d608ccc73e1b82ab3aaad86005049f6a92106a0be6d0844",
                23_851_578,
            ),
            0.02,
            "AGPL-3.0",
            "SEGMENTATION_ENGINE=fastsam: smart masks",
        ),
        Model(
            "birefnet",
            "birefnet",
            # A commit: the repository's code is executed when the model is loaded.
            Repository("ZhengPeng7/BiRefNet", "45e89f1ec4a45bcfd9e314d21e2f2fa57dd69902"),
            0.9,
            "MIT",
            "sharper edges of smart masks (model_type birefnet)",
            {"model.safetensors": "6e544a60ccba5cf01a0a62ad94b2837088fd0b9a69bd80dcc9da93a726bc6a89"},
        ),
        Model(
            "qwen-image-edit",
            "qwen-image-edit",
            Repository("Qwen/Qwen-Image-Edit-2509", "main", ("*.json", "*.txt", "*.jinja", "*.safetensors")),
            57.7,
            "Apache-2.0",
            "GENERATION_ENGINE=qwen",
        ),
        Model(
            "lightning-4",
            "adapters/lightning-4.safetensors",
            Download(
                "https://huggingface.co/lightx2v/Qwen-Image-Lightning/resolve/main/Qwen-Image-Edit-2509/"
                "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors",
                "2a32ce938ec71db2b49a817b4844ae86995569518dea56ee0ddc209cbe8e1377",
                850_000_000,
            ),
            0.85,
            "Apache-2.0",
            "preset `fast` in 4 steps",
        ),
        Model(
            "lightning-8",
            "adapters/lightning-8.safetensors",
            Download(
                "https://huggingface.co/lightx2v/Qwen-Image-Lightning/resolve/main/Qwen-Image-Edit-2509/"
                "Qwen-Image-Edit-2509-Lightning-8steps-V1.0-bf16.safetensors",
                "b5c48ba90d22294cc4e20ea4a347496e2136295ad438ff79ad4fe841f28d7f72",
                850_000_000,
            ),
            0.85,
            "Apache-2.0",
            "preset `fast` in 5 to 8 steps",
        ),
    )
}
"""What Darkroom's engines use. Adapters of the three edits are the operator's own (docs/models.md)."""

SUMS = "SHA256SUMS"
"""Lists the files of a pulled repository, as ``sha256sum`` writes it; the worker checks them before it runs any."""


def pull(model: Model, folder: Path, progress: Progress) -> Path:
    """Fetch a model into the models folder and return its place; what is there and right is not fetched again.

    Raises ``CommandError`` when the source does not answer or what came is not the right file, ``UsageError`` when a
    package is missing or the folder cannot be written.
    """
    place = folder / model.path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(model.source, Download):
            _pull_file(model, model.source, place, progress)
        else:
            _pull_repository(model, model.source, place)
    except OSError as error:
        raise UsageError(f"Cannot write {place}: {error.strerror or error}.") from error
    return place


def is_pulled(model: Model, folder: Path) -> bool:
    """Whether the model was pulled completely; its files are not read."""
    return _mark(model, folder / model.path).is_file()


def _mark(model: Model, place: Path) -> Path:
    """Return the file of checksums that a complete pull leaves last."""
    return place.with_name(place.name + ".sha256") if isinstance(model.source, Download) else place / SUMS


def _pull_file(model: Model, source: Download, place: Path, progress: Progress) -> None:
    if not (place.is_file() and digest(place) == source.sha256):
        partial = place.with_name(place.name + ".part")
        try:
            _download(source, partial, progress)
            found = digest(partial)
            if found != source.sha256:
                raise CommandError(
                    f"{source.url} is not the file that this version of Darkroom knows: its sha256 is {found}, "
                    f"expected {source.sha256}. Nothing was kept."
                )
            partial.replace(place)
        finally:
            partial.unlink(missing_ok=True)
    _mark(model, place).write_text(f"{source.sha256}  {place.name}\n")


def _download(source: Download, partial: Path, progress: Progress) -> None:
    import httpx  # noqa: PLC0415 - most commands of the command line ask no server

    seconds = httpx.Timeout(_CONNECT_SECONDS, read=_READ_SECONDS)
    try:
        with (
            httpx.stream("GET", source.url, follow_redirects=True, timeout=seconds) as answer,
            partial.open("wb") as out,
        ):
            answer.raise_for_status()
            total = int(answer.headers.get("content-length", source.bytes))
            done = 0
            for chunk in answer.iter_bytes(_CHUNK):
                done += out.write(chunk)
                progress(done, total)
    except httpx.HTTPError as error:
        raise CommandError(f"{source.url} cannot be fetched: {error}.") from error


def _pull_repository(model: Model, source: Repository, place: Path) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UsageError(f"{model.name} needs the package huggingface_hub: install Darkroom with the qwen extra.")
    import httpx  # noqa: PLC0415 - as above
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - a second to import; no other command needs it
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    _mark(model, place).unlink(missing_ok=True)
    try:
        snapshot_download(source.name, revision=source.revision, local_dir=place, allow_patterns=list(source.files))
        checked = HfApi().verify_repo_checksums(source.name, revision=source.revision, local_dir=place)
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError) as error:
        raise CommandError(f"{source.name} cannot be fetched from its hub: {error}.") from error
    sums = {path: digest(place / path) for path in _files(place)}
    wrong = [each["path"] for each in checked.mismatches]
    wrong += [path for path, expected in model.pinned.items() if sums.get(path) != expected]
    if wrong:
        raise CommandError(
            f"These files of {source.name} are not what they should be: {', '.join(wrong)}. Pull it again."
        )
    _mark(model, place).write_text("".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums.items())))


def _files(folder: Path) -> list[str]:
    """Return the files below a folder, without what the hub's library keeps for itself (.cache)."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path.as_posix() for path in paths if not path.parts[0].startswith(".") and path.name != SUMS]


def digest(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
