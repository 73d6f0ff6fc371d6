"""Sign in, or accept an invitation: the only page of somebody who is not signed in."""

from __future__ import annotations

from typing import Any

import components
import provider
import shared
import streamlit as st

from labelkit import Project
from labelkit.access import MIN_PASSWORD
from labelkit.steps.team import OpenInvitation

INVITATION = "invitation"


def show() -> None:
    """The page."""
    code = str(st.query_params.get(INVITATION, ""))
    with shared.project() as project:
        invitation = project.team.invitation(code) if code else None
        data = _welcome(project, code, invitation) if invitation else _plain(project, refused=bool(code))
        if not invitation and provider.is_on():
            data |= _provided(project)
    who = shared.person()
    if who is not None and invitation:
        st.info(f"You are signed in as {shared.literal(who.name)}. Going on here signs you out in this browser.")
    components.mount("sign_in", data, key="sign-in")
    if data["provider"]:
        _provider_button(data)


def _plain(project: Project, *, refused: bool) -> dict[str, Any]:
    note = "This invitation was used already, has expired, or never was one. Ask a lead for another." if refused else ""
    return {
        "mode": "sign-in",
        "title": f"Sign in to {project.name}",
        "note": note,
        "warning": refused,
        "button": "Sign in",
        "provider": "",
    }


def _welcome(project: Project, code: str, invitation: OpenInvitation) -> dict[str, Any]:
    """What the form asks of somebody with a code: a name, where it is left open, and a password."""
    new = invitation.role is not None
    note = f"You are invited as {invitation.role}." if new else "Choose a new password; the old one ends with it."
    return {
        "mode": "invitation",
        "title": f"Welcome to {project.name}" if new else f"A new password for {project.name}",
        "note": f"{note} A password has at least {MIN_PASSWORD} characters: a few words do well.",
        "warning": False,
        "button": "Make my account" if new else "Set the password",
        "code": code,
        "name": invitation.name,
        "provider": "",
    }


def _provided(project: Project) -> dict[str, Any]:
    """Further data where people sign in with a provider: what to show of whoever has done so already."""
    claims = provider.claims()
    if claims.get("is_logged_in") is not True:
        return {"provider": "login"}
    name = provider.vouched(claims)
    if name is None:
        return {
            "provider": "logout",
            "warning": True,
            "note": "Your provider does not vouch for your e-mail address, so it cannot be used here.",
        }
    if not st.session_state.get("provider-go-on"):
        return {"provider": "go-on", "note": f"The provider knows you as {name}."}
    ticket = project.team.provider_ticket(name)
    if ticket is None:
        return {
            "provider": "logout",
            "warning": True,
            "note": f"{name} has no account in this project. Ask a lead to add this address.",
        }
    return {"mode": "ticket", "ticket": ticket, "note": "Signing in …"}


def _provider_button(data: dict[str, Any]) -> None:
    """Streamlit's own sign-in with the provider; its page is another site."""
    with st.container(key="provider"):
        if data["provider"] == "login":
            if st.button("Sign in with the provider", key="provider-login", width="stretch"):
                st.login()
            return
        if data["provider"] == "go-on":
            st.button("Go on", key="provider-go-on", type="primary", width="stretch")
        if st.button("Sign out at the provider", key="provider-logout", width="stretch"):
            st.logout()


show()
