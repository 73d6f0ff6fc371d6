"""Curves of ``label_efficiency.py`` as pictures: SVG, one for light and one for dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _efficiency_figures import Runs, at

THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {"page": "#ffffff", "ink": "#0f172a", "faint": "#cbd5e1", "quiet": "#475569"},
    "dark": {"page": "#0d1117", "ink": "#e6edf3", "faint": "#30363d", "quiet": "#9da7b3"},
}
# Okabe and Ito's colours, told apart also by people who see red and green alike; dashes tell apart the rest.
LINES: Mapping[str, tuple[str, str, str]] = {
    "auto": ("#0072b2", "#56b4e9", "-"),
    "random": ("#e69f00", "#e69f00", "-"),
    "replacing": ("#cc79a7", "#cc79a7", "-"),
    "human-margin": ("#009e73", "#2fd3a5", "--"),
    "human-random": ("#d55e00", "#f08a4b", "--"),
    "small-text": ("#7f7f00", "#f0e442", "--"),
    "majority": ("#64748b", "#94a3b8", ":"),
    "snorkel": ("#000000", "#ffffff", ":"),
}
TITLES = {
    "auto": "auto (labelkit)",
    "random": "labelkit, asked at random",
    "replacing": "replacing rows, MaxKL",
    "human-margin": "people only, margin",
    "human-random": "people only, random",
    "small-text": "small-text",
    "majority": "majority vote, nobody asked",
    "snorkel": "Snorkel, nobody asked",
}


def draw(
    curves: Mapping[str, Mapping[str, Runs]], reached: Mapping[str, float], folder: Path, *, until: int
) -> list[Path]:
    """Test and pool accuracy over answers, a panel for each set: ``label-efficiency-{test,pool}-{theme}.svg``.

    Parameters
    ----------
    curves
        Set → method → runs.
    reached
        Set → test accuracy of the end model trained on all gold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for key in ("test", "pool"):
        for theme in THEMES:
            path = folder / f"label-efficiency-{key}-{theme}.svg"
            _picture(curves, reached if key == "test" else {}, key, theme, until, path)
            made.append(path)
    return made


def _picture(
    curves: Mapping[str, Mapping[str, Runs]],
    reached: Mapping[str, float],
    key: str,
    theme: str,
    until: int,
    path: Path,
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    look = THEMES[theme]
    columns = min(4, len(curves))
    rows = math.ceil(len(curves) / columns)
    settings = {
        "svg.hashsalt": "label-efficiency", "svg.fonttype": "none", "font.size": 9,
        "text.color": look["ink"], "axes.labelcolor": look["quiet"],
        "xtick.color": look["quiet"], "ytick.color": look["quiet"], "axes.edgecolor": look["faint"],
        "figure.facecolor": look["page"], "axes.facecolor": look["page"], "savefig.facecolor": look["page"],
    }  # fmt: skip
    with mpl.rc_context(settings):
        figure, axes = plt.subplots(
            rows, columns, figsize=(3 * columns + 0.4, 2.5 * rows + 0.9), squeeze=False, layout="constrained"
        )
        for axis, (name, methods) in zip(axes.flat, curves.items(), strict=False):
            _panel(axis, methods, key, theme, until)
            axis.set_title(name, fontsize=10, color=look["ink"])
            if name in reached:
                axis.axhline(100 * reached[name], color=look["quiet"], linewidth=0.8, dashes=(1, 2))
                axis.annotate(
                    "all gold", (until, 100 * reached[name]), xytext=(0, 2), textcoords="offset points", ha="right",
                    fontsize=7, color=look["quiet"],
                )  # fmt: skip
        for axis in axes.flat[len(curves) :]:
            axis.set_visible(False)
        for axis in axes[:, 0]:
            axis.set_ylabel(f"{key} accuracy, %")
        for axis in axes[-1]:
            axis.set_xlabel("answers")
        found = [pair for axis in axes.flat for pair in zip(*axis.get_legend_handles_labels(), strict=True)]
        handles = {label: line for line, label in found}
        ordered = [title for title in TITLES.values() if title in handles]
        figure.legend(
            [handles[title] for title in ordered], ordered, loc="outside lower center", ncols=min(4, len(ordered)),
            frameon=False, labelcolor=look["ink"],
        )  # fmt: skip
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _panel(axis: Any, methods: Mapping[str, Runs], key: str, theme: str, until: int) -> None:
    look = THEMES[theme]
    heights: list[float] = []
    for name in reversed([name for name in LINES if name in methods]):  # ours on top
        light, dark, dash = LINES[name]
        color = light if theme == "light" else dark
        x, mean, half = _curve(methods[name], key, until)
        axis.plot(x, mean, dash, color=color, linewidth=2.2 if name == "auto" else 1.3, label=TITLES[name])
        if name in ("auto", "random", "human-margin"):
            axis.fill_between(x, mean - half, mean + half, color=color, alpha=0.18, linewidth=0)
        heights += list(mean[x >= until / 6])
    # The start of those who know nothing is cut off: it would leave no room for what is compared.
    spread = max(heights) - min(heights)
    axis.set_ylim(min(heights) - 0.1 * spread - 0.5, min(100.5, max(heights) + 0.15 * spread + 1))
    axis.set_xlim(0, until)
    axis.grid(color=look["faint"], linewidth=0.5, alpha=0.6)
    axis.tick_params(length=2)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _curve(runs: Runs, key: str, until: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers, mean in percent, half of the 95% interval."""
    from scipy.stats import t

    x = np.array(sorted({0, until, *(p["answers"] for run in runs for p in run["points"] if p["answers"] <= until)}))
    heights = 100 * np.array([[at(run["points"], here, key) for here in x] for run in runs])
    n = len(heights)
    spread: Sequence[float] | np.ndarray = heights.std(axis=0, ddof=1) if n > 1 else np.zeros(len(x))
    half = t.ppf(0.975, n - 1) * np.asarray(spread) / np.sqrt(n) if n > 1 else np.zeros(len(x))
    return x, heights.mean(axis=0), half
