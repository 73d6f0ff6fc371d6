"""Settings: how people are asked, changed here; everything else that matters, and where to change it. For leads."""

from __future__ import annotations

from typing import Any

import pandas as pd
import shared
import streamlit as st

from labelkit import LabelkitError, Project

SAVED = "settings-saved"


def show() -> None:
    """The page."""
    who = shared.need("manage")
    st.title("Settings", anchor=False)
    with shared.project() as project:
        if SAVED in st.session_state:
            st.success(shared.literal(st.session_state.pop(SAVED)), icon=":material/check:")
        left, right = st.columns([3, 2], gap="large")
        with left:
            annotation(project, who.name)
        with right:
            rest(project)


def annotation(project: Project, actor: str) -> None:
    """The form with the settings that may be changed here."""
    settings = project.settings()
    now = {name: setting.value for name, setting in settings.annotation().items()}
    with st.form("annotation", border=True):
        st.subheader("How people are asked", anchor=False)
        values: dict[str, Any] = {}
        one, two = st.columns(2)
        values["answers_per_item"] = one.number_input(
            "Answers per item", 1, 20, now["answers_per_item"], key="settings-answers",
            help="How many different people answer each item.",
        )  # fmt: skip
        values["tie_break_answers"] = two.number_input(
            "Further people where answers disagree", 0, 20, now["tie_break_answers"], key="settings-tie",
            help="They are asked one after the other until the answers decide.",
        )  # fmt: skip
        values["batch"] = one.number_input(
            "Items a page holds at once", 1, 100, now["batch"], key="settings-batch",
            help="More survive a longer break of the connection; fewer keep more items free for others.",
        )  # fmt: skip
        values["gold_share"] = share(
            two, "Gold questions (% of the items)", now["gold_share"], "settings-gold",
            "Items with a known label, mixed in silently to measure annotators. They decide nothing.",
        )  # fmt: skip
        values["hints_before"] = share(
            one, "Hints before the answer (% of the items)", now["hints_before"], "settings-hints",
            "On this random share, functions' votes and the model's guess are shown before the answer: so anchoring"
            " can be measured. Otherwise they come after it.",
        )  # fmt: skip
        guidelines = two.text_input(
            "Guidelines (a .md or .txt file of the project)",
            now["guidelines"] or "",
            key="settings-guidelines",
            max_chars=300,
        )
        values["guidelines"] = guidelines.strip() or None
        values["keys"] = keys(project, now["keys"])
        trouble = st.container()  # above the button: below it, it would be out of sight
        if st.form_submit_button("Save", type="primary", key="settings-save"):
            with trouble:
                save(project, values, actor)


def share(place: Any, title: str, value: float, key: str, words: str) -> float:
    """A share, asked for in percent."""
    percent = place.number_input(title, 0.0, 100.0, round(100 * value, 4), 1.0, key=key, help=words, format="%.4g")
    return float(percent) / 100


def keys(project: Project, chosen: dict[str, str]) -> dict[str, str]:
    """The key of each label; an empty one means the digit or letter of its place."""
    st.markdown("**Keys of the labels**")
    st.caption("One character each. Left empty, labels get digits in order.")
    in_use = project.settings().keys()
    out = {}
    across = min(4, max(2, len(in_use)))
    places: list[Any] = []
    for number, (label, key) in enumerate(in_use.items()):
        if number % across == 0:  # row by row, so that labels stay in order where columns are stacked
            places = st.columns(across)
        typed = places[number % across].text_input(
            shared.literal(shared.short(label, 40)), chosen.get(label, ""), max_chars=1, placeholder=key or "none",
            key=f"settings-key-{number}",
        )  # fmt: skip
        if typed.strip():
            out[label] = typed
    return out


def save(project: Project, values: dict[str, Any], actor: str) -> None:
    """Store what was changed, if all of it is good."""
    try:
        changed = project.settings().change(values, actor=actor)
    except LabelkitError as error:
        shared.show_error(error)
        return
    words = (
        f"Saved: {', '.join(changed)}. It holds from the next items on; open pages take new keys within half a minute."
        if changed
        else "Nothing was changed."
    )
    st.session_state[SAVED] = words
    st.rerun()


def rest(project: Project) -> None:
    """What else matters to people, and where to change it."""
    config = project.config
    st.subheader("Everything else", anchor=False)
    st.markdown(
        "These are changed in `labelkit.toml`, in the project's folder; restart `labelkit serve` after `[serve]`."
    )
    mix = ", ".join(f"{name} {part:.0%}" for name, part in config.query.mix.items())
    rows = [
        ("An answer's item is held for", f"{config.annotation.lease_minutes} min", "annotation.lease_minutes"),
        ("Answers decide with a share of", f"{config.annotation.min_agreement:.0%}", "annotation.min_agreement"),
        ("Images may come from", ", ".join(config.annotation.image_hosts) or "nowhere", "annotation.image_hosts"),
        ("Fields that annotators see", told(config.annotation.show_fields), "annotation.show_fields"),
        ("Items in a queue", f"{config.query.size:,}", "query.size"),
        ("Chosen by", mix, "query.mix"),
        ("Random, for the audit", f"{config.query.audit_share:.0%}", "query.audit_share"),
        ("Random, for tuning", f"{config.query.tuning_share:.0%}", "query.tuning_share"),
        ("Label model", config.label_model.name, "label_model.name"),
        ("End model", config.end_model.name, "end_model.name"),
        ("Models learn again after", f"{config.serve.refit_after} answers", "serve.refit_after"),
        ("A sign-in lasts without use", f"{config.serve.session_hours:g} h", "serve.session_hours"),
        (
            "Least probability in an export",
            f"{config.training_set.min_probability:.0%}",
            "training_set.min_probability",
        ),
        ("Flagged items in an export", config.training_set.flagged, "training_set.flagged"),
        ("Gold labels train", "yes" if config.training_set.use_gold else "no", "training_set.use_gold"),
    ]
    widths = {"Setting": 210, "Now": 330, "Key": 240}
    look = {name: st.column_config.TextColumn(width=width) for name, width in widths.items()}
    st.dataframe(pd.DataFrame(rows, columns=list(widths)), hide_index=True, height="content", column_config=look)
    names = ", ".join(project.schema.names)
    with st.container(key="plain-labels"):
        st.text(f"Labels: {names}")
    st.markdown("`labelkit schema` renames, adds, merges and reorders labels.")


def told(value: Any) -> str:
    """A list, or the word that stands for one."""
    return value if isinstance(value, str) else ", ".join(value) or "none"


try:
    show()
except LabelkitError as error:
    shared.show_error(error)
