"""One's own account: password, open sessions, tokens for scripts. For everybody."""

from __future__ import annotations

import shared
import streamlit as st

from labelkit.access import MIN_PASSWORD
from labelkit.steps.team import OpenSession, Person, Team

DAYS = {"30 days": 30, "90 days": 90, "a year": 365, "until revoked": None}


def show() -> None:
    """The page."""
    who = shared.need("annotate")
    st.title("Account")
    st.text(f"{who.name}, {who.role}")
    with shared.project() as project:
        team = project.team
        if who.name not in team.provider_accounts():
            _password(who, team)
        sessions = team.sessions(who)
        _sessions(who, team, [session for session in sessions if session.kind == "browser"])
        _tokens(who, team, [session for session in sessions if session.kind == "script"])


def _password(who: Person, team: Team) -> None:
    st.subheader("Password")
    done = st.session_state.pop("password-changed", None)
    if done is not None:
        st.success(f"The password is changed. {_ended(done)}")
    with st.form("password", border=False, clear_on_submit=True, width=460):
        old = st.text_input("Present password", type="password", key="password-old", autocomplete="current-password")
        new = st.text_input(
            f"New password (at least {MIN_PASSWORD} characters; a few words do well)",
            type="password",
            key="password-new",
            autocomplete="new-password",
        )
        again = st.text_input(
            "The new password again", type="password", key="password-again", autocomplete="new-password"
        )
        sent = st.form_submit_button("Change the password", key="password-submit")
    if not sent:
        return
    if new != again:
        st.error("The two new passwords differ.")
        return
    with shared.told():
        st.session_state["password-changed"] = team.change_password(who, old, new)
        st.rerun()


def _sessions(who: Person, team: Team, sessions: list[OpenSession]) -> None:
    st.subheader("Where you are signed in")
    for session in sessions:
        with st.container(border=True, key=f"plain-session-{session.id}"):
            left, right = st.columns([5, 1], vertical_alignment="center")
            here = "This browser. " if session.current else ""
            left.text(f"{here}Since {_moment(session.created_at)}, last used {_moment(session.seen_at)}")
            if not session.current and right.button("Sign out", key=f"end-{session.id}", width="stretch"):
                team.end_session(who, session.id)
                st.rerun()
    if len(sessions) > 1 and st.button("Sign out everywhere else", key="end-others"):
        team.end_other_sessions(who)
        st.rerun()


def _tokens(who: Person, team: Team, tokens: list[OpenSession]) -> None:
    st.subheader("Tokens for scripts")
    st.markdown(
        "A script that sends `Authorization: Bearer TOKEN` to `/api` may do what you may do there. It cannot change"
        " your password, make tokens, or invite leads."
    )
    with st.form("token", border=False, clear_on_submit=True):
        left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
        title = left.text_input("What it is for", key="token-title", max_chars=100, autocomplete="off")
        lasts = middle.selectbox("Lasts", DAYS, key="token-days", index=1)
        sent = right.form_submit_button("Make a token", key="token-submit", width="stretch")
    if sent:
        with shared.told():
            made = team.add_token(who, title, days=DAYS[lasts])
            with st.container(border=True, key="new-token"):
                st.markdown("**The token** is not shown again: copy it now.")
                st.code(made, language=None, wrap_lines=True)
            tokens = [session for session in team.sessions(who) if session.kind == "script"]
    for token in tokens:
        with st.container(border=True, key=f"plain-token-{token.id}"):
            left, right = st.columns([5, 1], vertical_alignment="center")
            until = f"until {_moment(token.expires_at)}" if token.expires_at else "until it is revoked"
            left.text(f"{token.title}: made {_moment(token.created_at)}, {until}")
            if right.button("Revoke", key=f"revoke-{token.id}", width="stretch"):
                team.end_session(who, token.id)
                st.rerun()


def _ended(count: int) -> str:
    if count == 0:
        return "You were signed in nowhere else."
    return "You were signed out in one other browser." if count == 1 else f"You were signed out in {count} others."


def _moment(stamp: str) -> str:
    return stamp[:16].replace("T", " ") + " UTC"


show()
