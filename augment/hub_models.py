"""Where a public model's files are: a folder, or a hub name that is in the local cache; nothing is fetched here."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError


def model_folder(model: str) -> Path:
    """Where the files of a model are.

    Args:
        model: a folder, or a name on the Hugging Face hub, e.g. `openai/clip-vit-base-patch32`.

    Raises:
        ValueError: it is not on this machine (the message says what to download), or has no safetensors.
    """
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
            raise ValueError(
                f"{model!r} is no folder and is not in the local cache of models. Nothing is fetched while working: "
                f"where there is a network run `hf download {model} --local-dir DIR`, then give DIR"
            ) from error
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} has no config.json: give the folder of one model, as `hf download` writes it")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth") for p in folder.glob(pattern))
        found = f", only the pickle {pickles[0]}" if pickles else ""
        raise ValueError(
            f"{folder} has no safetensors{found}; pickles can run code and are not read: convert them with "
            "`safetensors.torch.save_file` where you trust them"
        )
    return folder


def weights_digest(folder: Path) -> str:
    """12 hex digits over the safetensors files of a model."""
    digest = sha256()
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:12]
