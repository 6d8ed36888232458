"""Where weights come from: local files as they state themselves, the hub's by revision, and nobody waits for a hub."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from bench.backbones import hub
from bench.backbones.family import resolve_backbone
from bench.backbones.local import local_weights
from bench.backbones.weights import ensure_here, find, load
from bench.cells.notation import Spec
from bench.core.errors import UsageError

pytestmark = pytest.mark.slow

HUB_NAME = "test_vit.r160_in1k"
REPOSITORY = "timm/test_vit.r160_in1k"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FACTS = {"timm_arch": "test_vit", "input_size": "[3, 160, 160]", "mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]"}


def written(folder: Path, name: str = "mine", seed: int = 0, **changed: str | None) -> Path:
    """A weights file of `test_vit` with facts changed, or left out where None."""
    torch.manual_seed(seed)
    facts = {key: value for key, value in {**FACTS, **changed}.items() if value is not None}
    path = folder / f"{name}.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), path, metadata=facts)
    return path


def test_a_file_states_its_facts(tmp_path: Path) -> None:
    written(tmp_path, trained_on="nothing", batch_norm="frozen", model_args='{"num_classes": 1000}')
    info = find("mine", tmp_path)
    assert (info.arch, info.size, info.mean) == ("test_vit", 160, (0.5, 0.5, 0.5))
    assert (info.trained_on, info.batch_norm, info.model_args) == ("nothing", "frozen", {"num_classes": 1000})
    assert load(Spec("mine"), tmp_path).spec.token_dim == 64


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timm_arch", None), ("timm_arch", "hf_hub:timm/test_vit"), ("timm_arch", "local-dir:/tmp/x"),
        ("timm_arch", "../test_vit"), ("input_size", None), ("input_size", "[3, -160, -160]"),
        ("input_size", "[3, 1000000, 1000000]"), ("input_size", "[3, Infinity, Infinity]"), ("input_size", "160"),
        ("input_size", "[3, 160, 224]"), ("mean", "null"), ("mean", '"abc"'), ("mean", "[0.5]"),
        ("mean", "[NaN, 0, 0]"), ("std", "[0.5, 0, 0.5]"), ("std", "[[0.5, 0.5, 0.5"), ("std", None),
        ("model_args", "[]"), ("model_args", '{"img_size": {"a": 1}}'), ("interpolation", "best"),
        ("batch_norm", "Frozen"),
    ],
)  # fmt: skip
def test_wrong_facts_are_named_with_the_file(tmp_path: Path, key: str, value: str | None) -> None:
    written(tmp_path, **{key: value})
    with pytest.raises(UsageError, match=rf"mine\.safetensors: {key}") as raised:
        find("mine", tmp_path)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "argument",
    ["checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict", "cache_dir",
     "scriptable", "features_only", "in_chans", "weight_init"],
)  # fmt: skip
def test_metadata_cannot_load_another_file(tmp_path: Path, argument: str) -> None:
    other = written(tmp_path, "other", seed=1)
    written(tmp_path, model_args=json.dumps({argument: str(other)}))
    with pytest.raises(UsageError, match=f"{argument}.* does not shape"):
        load(Spec("mine"), tmp_path)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("name", ["pico", "mine"])
def test_a_size_that_does_not_fit_is_said(tmp_path: Path, name: str, size: int) -> None:
    written(tmp_path)
    with pytest.raises(UsageError, match=f"{name}.*size {size}"):
        load(Spec(name, {"size": size}), tmp_path)


def test_a_size_beyond_all_memory_is_refused_unread() -> None:
    with pytest.raises(UsageError, match=r"pico\[size\].*4096"):
        resolve_backbone(Spec("pico", {"size": 100_000}), None)


def test_files_only_and_a_corrupt_one_spoils_no_list(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 40)
    (tmp_path / "deep.safetensors").write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_001)
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert set(local_weights(tmp_path)) - set(local_weights(None)) == {"mine", "bad", "deep"}
    lines = resolve_backbone(Spec("pico"), tmp_path).names(tmp_path)
    assert lines["bad"].startswith("unusable: ")
    assert lines["deep"].startswith("unusable: ")
    assert "160 px" in lines["mine"]


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, as huggingface_hub would read it from HF_HUB_CACHE at its import."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def into_cache(cache: Path, commit: str = COMMIT, seed: int = 0) -> Path:
    """Put weights into a hub cache as a download would: a snapshot, and the reference ``main`` to it."""
    place = cache / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text(commit)
    torch.manual_seed(seed)
    save_file(timm.create_model("test_vit").state_dict(), snapshot / "model.safetensors")
    return snapshot / "model.safetensors"


def test_the_digest_names_the_cached_revision(hub_cache: Path) -> None:
    assert find(HUB_NAME, None).digest == f"hub:{REPOSITORY}"
    into_cache(hub_cache)
    assert find(HUB_NAME, None).digest == f"hub:{REPOSITORY}@{COMMIT}"
    assert ensure_here(HUB_NAME, None) == find(HUB_NAME, None)
    into_cache(hub_cache, commit="f" * 40, seed=1)
    assert find(HUB_NAME, None).digest.endswith("f" * 40)


def test_what_is_loaded_is_what_the_digest_names(hub_cache: Path) -> None:
    """And nobody is asked for it."""
    for commit, seed in ((COMMIT, 0), ("f" * 40, 1)):
        file = into_cache(hub_cache, commit, seed)
        loaded: Any = load(Spec(HUB_NAME), None)
        torch.manual_seed(seed)
        assert torch.equal(loaded.model.norm.weight, timm.create_model("test_vit").norm.weight)
        assert torch.equal(loaded.model.pos_embed, timm.create_model("test_vit", checkpoint_path=str(file)).pos_embed)


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME"])
def test_the_cache_lies_where_its_variables_say(tmp_path: Path, variable: str) -> None:
    into_cache(tmp_path / "hub")
    folder = tmp_path / "hub" if variable == "HF_HUB_CACHE" else tmp_path
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    code = f"from bench.backbones.weights import find; print(find({HUB_NAME!r}, None).digest)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, variable: str(folder)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"hub:{REPOSITORY}@{COMMIT}", done.stderr


def test_offline_by_choice(hub_cache: Path, tmp_path: Path) -> None:
    written(tmp_path, "test_vit_mine")
    with pytest.raises(UsageError, match=r"HF_HUB_OFFLINE.*'test_vit_mine'") as raised:
        ensure_here(HUB_NAME, tmp_path)
    assert len(str(raised.value).splitlines()) == 1


@pytest.fixture
def deaf_server() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_does_not_answer(hub_cache: Path, deaf_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, so that this does not wait through the client's twelve retries."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for address in (deaf_server, "http://127.0.0.1:9"):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        with pytest.raises(UsageError, match=r"127\.0\.0\.1 does not answer"):
            hub.download(HUB_NAME, {}, patience=0.2)


def test_a_local_near_match_is_named_before_any_hub_is_asked(tmp_path: Path) -> None:
    written(tmp_path, "test_vit.mine")
    with pytest.raises(UsageError, match=r"Did you mean 'test_vit\.mine'\?"):
        find("test_vit", tmp_path)
    assert find(HUB_NAME, tmp_path).file is None  # a tag says which


def test_weights_of_another_address_are_named_by_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = next(name for name in timm.list_pretrained() if not (c := timm.get_pretrained_cfg(name)).hf_hub_id and c.url)
    url = str(timm.get_pretrained_cfg(name).url)
    assert find(name, None).digest == f"hub:{url}"
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]).write_bytes(b"abc")
    assert find(name, None).digest == f"hub:{url}@ba7816bf8f01cfea"  # sha256("abc")
