"""Weights of timm's hub: which of them lie in this machine's cache, at which revision, and how to get them."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError
from urllib.parse import urlsplit

import timm

from bench.backbones.family import WeightsInfo
from bench.backbones.local import file_digest
from bench.backbones.tags import trained_on
from bench.core.errors import UsageError, guess, nearest

_PATIENCE = 4  # seconds for a first answer; the hub's own client retries for a minute
# What timm looks for in a repository, in its order.
_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Cached:
    """Weights that an earlier download left here.

    Attributes:
        revision: The commit of the repository, or the beginning of the sha256 of a file that comes from elsewhere.
    """

    file: Path
    revision: str


def from_hub(name: str, local: dict[str, Path]) -> WeightsInfo:
    """Facts of a timm model tag from timm's own configuration; downloads nothing.

    The digest names the revision once the weights are cached.

    Args:
        local: Weights that lie here, for messages.

    Raises:
        UsageError: timm has no such weights.
    """
    arch = name.split(".")[0]
    if not timm.is_model(arch):
        raise UsageError(_unknown(name, local))
    config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    if config is None or not config.has_weights:
        raise UsageError(f"timm has no weights {name!r}. {nearest(name, [*local, *timm.list_pretrained(arch + '*')])}")
    found = cached(name)
    return WeightsInfo(
        arch=name,
        size=config.input_size[-1],
        mean=tuple(config.mean),
        std=tuple(config.std),
        interpolation=config.interpolation,
        trained_on=trained_on(config.tag or ""),
        digest=f"hub:{config.hf_hub_id or config.url}" + (f"@{found.revision}" if found else ""),
    )


def _unknown(name: str, local: dict[str, Path]) -> str:
    """No such weights: what lies here comes first, then where one's own are looked for; the hub's are other weights."""
    here, there = guess(name, local), guess(name, timm.list_models())
    return (
        f"No backbone {name!r} lies here. {here or 'Weights of your own are found by --weights FOLDER.'} "
        + (f"Other weights, of timm's hub: {there} " if there else "")
        + "See `bench list backbones`."
    )


def cached(name: str) -> Cached | None:
    """The weights of a timm model where its hub's cache holds them; asks nobody."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    if config is None:
        return None
    if config.hf_hub_id:
        return _in_hub_cache(*_repository(config.hf_hub_id), _candidates(config.hf_hub_filename))
    return _in_torch_cache(config.url) if isinstance(config.url, str) else None


def download(name: str, local: dict[str, Path], patience: float = _PATIENCE) -> None:
    """Let timm fetch the weights of a model into its cache.

    Args:
        local: Weights that lie here, for messages.
        patience: Seconds to wait for a first answer.

    Raises:
        UsageError: They cannot be had, or nobody answers within seconds.
    """
    address = _address(name)
    hint = f"{nearest(name, local)} Or put a safetensors file of these weights into the weights folder."
    if problem := _unreachable(address, patience):
        raise UsageError(f"The weights {name!r} do not lie here, and {problem}. {hint}")
    try:
        timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise UsageError(f"Cannot download the weights {name!r} ({type(error).__name__}: {reason}). {hint}") from error


def _repository(hub_id: str) -> tuple[str, str]:
    """``owner/name@revision`` as (owner/name, revision)."""
    repository, _, revision = hub_id.partition("@")
    return repository, revision or "main"


def _candidates(filename: str | None) -> tuple[str, ...]:
    if filename is None:
        return _FILES
    return (filename.removesuffix(".bin") + ".safetensors", filename) if filename.endswith(".bin") else (filename,)


def _in_hub_cache(repository: str, revision: str, candidates: tuple[str, ...]) -> Cached | None:
    from huggingface_hub import try_to_load_from_cache

    for filename in candidates:
        found = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(found, str):  # otherwise nothing is known, or that the repository has no such file
            file = Path(found)
            return Cached(file, file.parents[len(Path(filename).parts) - 1].name)
    return None


def _in_torch_cache(url: str) -> Cached | None:
    import torch

    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    if not file.is_file():
        return None
    return Cached(file, file_digest(file).removeprefix("sha256:")[:16])


def _address(name: str) -> str:
    from huggingface_hub import constants

    config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    assert config is not None  # `from_hub` has refused it otherwise
    return f"{constants.ENDPOINT}/{_repository(config.hf_hub_id)[0]}" if config.hf_hub_id else str(config.url)


def _unreachable(address: str, patience: float) -> str:
    """Why nobody answers there, or nothing."""
    from huggingface_hub import constants

    host = urlsplit(address).hostname
    if constants.HF_HUB_OFFLINE:
        return f"HF_HUB_OFFLINE forbids asking {host}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=patience):
            return ""
    except urllib.error.HTTPError:
        return ""  # an answer, if not a kind one; timm says what is wrong
    except OSError as error:
        reason = getattr(error, "reason", error)
        return "" if isinstance(reason, SSLError) else f"{host} does not answer ({reason})"
