"""Sentence-transformers models: a folder of weights → a function from texts to vectors.

The library does it where it is installed. Where only transformers and torch are, models of the plain form
(Transformer, Pooling, Normalize) are run here; others are refused. Weights are read from safetensors alone,
and no code that comes with a model is run: neither from its folder nor from the hub.

References
----------
Reimers, Gurevych (2019): Sentence-BERT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from labelkit.errors import EndModelError
from labelkit.types import FloatArray

Encoder = Callable[[Sequence[str]], FloatArray]
"""Texts → (n, width) float32."""

BATCH: Final = 32
INSTALL: Final = "Install it with: pip install 'labelkit[embeddings]'"
_MODULES: Final = "modules.json"
_OWN: Final = "sentence_transformers."
_LONGEST: Final = 100_000
"""A tokenizer's limit above this one means that it has none."""
_FILES: Final = ("*.json", "*.txt", "*.safetensors", "*.model")
"""What is taken from the hub: settings, vocabularies, weights. No pickles, no code."""
_POOLINGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
}


def find_model(source: str, root: Path) -> Path:
    """The folder of a model.

    Parameters
    ----------
    source
        A folder (relative to ``root`` or absolute), else the name of an installed package that carries a
        model, else a model's name on the Hugging Face hub, which is downloaded once.

    Raises
    ------
    EndModelError
        If there is no such model, or it cannot be had.
    """
    folder = (root / source).expanduser()
    if folder.is_dir():
        if not (folder / _MODULES).is_file():
            raise EndModelError(f"the folder {source!r} holds no sentence-transformers model: {_MODULES} is missing")
        return folder
    return _in_package(source) or _from_hub(source)


def load_encoder(folder: Path) -> Encoder:
    """The function that a model's folder stands for; loads torch and the weights.

    Raises
    ------
    EndModelError
        If nothing that can run it is installed, or it cannot be loaded.
    """
    modules = _modules(folder)
    try:
        with _no_bars():
            if find_spec("sentence_transformers") is not None:
                return _by_library(folder)
            if find_spec("transformers") is None or find_spec("torch") is None:
                raise EndModelError("sentence embeddings need sentence-transformers, which is missing", hint=INSTALL)
            return _by_hand(folder, modules)
    except EndModelError:
        raise
    except Exception as error:  # damaged weights raise whatever the library that met them raises
        raise EndModelError(
            f"the embedding model in {folder} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _in_package(name: str) -> Path | None:
    """The model that an installed distribution carries; its code is not imported."""
    try:
        found = [Path(str(file.locate())).parent for file in files(name) or () if file.name == _MODULES]
    except (PackageNotFoundError, ValueError):  # ValueError: what can be no name of a distribution
        return None
    if len(found) > 1:
        raise EndModelError(
            f"the package {name!r} carries {len(found)} models; one was expected",
            hint="Give the folder of the one you mean: " + ", ".join(map(str, found)),
        )
    return found[0] if found else None


def _from_hub(name: str) -> Path:
    if find_spec("huggingface_hub") is None:
        raise EndModelError(
            f"{name!r} is no folder and no installed package, and sentence-transformers, which could download"
            " it, is missing",
            hint=INSTALL,
        )
    from huggingface_hub import snapshot_download

    repository = name if "/" in name else f"sentence-transformers/{name}"
    try:
        with _no_bars():
            folder = Path(snapshot_download(repository, allow_patterns=list(_FILES)))
    except Exception as error:  # no network, no such model, no such name: many kinds of error
        why = str(error).strip().splitlines()
        raise EndModelError(
            f"there is no embedding model {name!r}: it is no folder and no installed package, and the Hugging Face"
            f" hub did not give it ({type(error).__name__}: {why[0] if why else 'no reason'})",
            hint="Give the folder of a sentence-transformers model, or check the name and the network",
        ) from error
    if not (folder / _MODULES).is_file():
        raise EndModelError(f"{repository!r} on the Hugging Face hub is no sentence-transformers model")
    return folder


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """(kind, folder) of the parts of a model, in order."""
    try:
        listed = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        parts = [(str(part["type"]), folder / str(part["path"])) for part in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EndModelError(f"{folder / _MODULES} cannot be read: {error}") from error
    for kind, _ in parts:
        if not kind.startswith(_OWN):  # what lies in a folder never decides what code is imported
            raise EndModelError(f"the embedding model in {folder} wants to run {kind}; only {_OWN}* is run")
    return [(kind.rpartition(".")[2], part) for kind, part in parts]


def _by_library(folder: Path) -> Encoder:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(folder), local_files_only=True, trust_remote_code=False, model_kwargs={"use_safetensors": True}
    )

    def encode(texts: Sequence[str]) -> FloatArray:
        with _no_bars():
            found = model.encode(list(texts), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(found, dtype=np.float32)

    return encode


def _by_hand(folder: Path, modules: list[tuple[str, Path]]) -> Encoder:
    import torch
    from transformers import AutoModel, AutoTokenizer

    kinds = [kind for kind, _ in modules]
    told = _read(folder / "config_sentence_transformers.json")
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or told.get(
        "default_prompt_name"
    ):
        what = "a default prompt" if told.get("default_prompt_name") else "the parts " + ", ".join(kinds)
        raise EndModelError(
            f"the embedding model in {folder} has {what}: that takes sentence-transformers", hint=INSTALL
        )
    place = modules[0][1]
    pooling = _pooling(_read(modules[1][1] / "config.json"), folder)
    tokenizer = AutoTokenizer.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
    model = AutoModel.from_pretrained(
        str(place), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
    ).eval()
    limit, lower = _limits(place, tokenizer, model)
    normal = "Normalize" in kinds

    def encode(texts: Sequence[str]) -> FloatArray:
        cleaned = [text.strip().lower() if lower else text.strip() for text in texts]
        # Texts of similar length side by side: little padding.
        order = np.argsort([-len(text) for text in cleaned], kind="stable")
        parts = []
        for start in range(0, len(order), BATCH):
            batch = [cleaned[i] for i in order[start : start + BATCH]]
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=limit, return_tensors="pt")
            with torch.inference_mode():
                states = model(**tokens).last_hidden_state
                pooled = _pooled(states, tokens["attention_mask"], pooling)
                parts.append((torch.nn.functional.normalize(pooled, dim=1) if normal else pooled).numpy())
        out = np.empty((len(order), parts[0].shape[1] if parts else 0), dtype=np.float32)
        if parts:
            out[order] = np.concatenate(parts)
        return out

    return encode


def _pooled(states: Any, mask: Any, pooling: str) -> Any:
    """(n, tokens, width) states → (n, width)."""
    if pooling == "cls":
        return states[:, 0]
    kept = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "max":
        return states.masked_fill(kept == 0, float("-inf")).amax(dim=1)
    count = kept.sum(dim=1).clamp(min=1e-9)
    return (states * kept).sum(dim=1) / (count if pooling == "mean" else count.sqrt())


def _pooling(told: dict[str, Any], folder: Path) -> str:
    """The one way in which token vectors become one."""
    named = told.get("pooling_mode")
    modes = (
        [str(named)]
        if named
        else [_POOLINGS.get(key, key) for key in told if key.startswith("pooling_mode_") and told[key]]
    )
    if len(modes) != 1 or modes[0] not in _POOLINGS.values():
        raise EndModelError(
            f"the embedding model in {folder} pools by {' and '.join(modes) or 'nothing'}: that takes"
            " sentence-transformers",
            hint=INSTALL,
        )
    return modes[0]


def _limits(place: Path, tokenizer: Any, model: Any) -> tuple[int | None, bool]:
    """Tokens that are read of a text, and whether it is lowercased before."""
    told: dict[str, Any] = {}
    for file in sorted(place.glob("sentence_*_config.json")):
        told = _read(file)
    limits = [
        told.get("max_seq_length"), getattr(model.config, "max_position_embeddings", None), tokenizer.model_max_length
    ]  # fmt: skip
    known = [int(limit) for limit in limits if limit and 0 < limit < _LONGEST]
    return (known[0] if told.get("max_seq_length") else min(known, default=None)), bool(told.get("do_lower_case"))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EndModelError(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


@contextmanager
def _no_bars() -> Iterator[None]:
    """Without the progress bars that loading weights draws over ours."""
    if find_spec("transformers") is None:
        yield
        return
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
