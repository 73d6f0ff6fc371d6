"""People of the project: accounts, roles, invitations. For leads."""

from __future__ import annotations

import shared
import streamlit as st

from labelkit.access import ROLES
from labelkit.steps.team import Invitation, OpenInvitation, Person, Team
from labelkit.store import Member

WHAT = {
    "annotator": "answers the queue",
    "reviewer": "answers, decides disputed items, sees items and agreement",
    "data scientist": "answers, sees items and functions, uses the workbench",
    "lead": "everything, people included",
}


def show() -> None:
    """The page."""
    who = shared.need("manage")
    st.title("Team")
    with shared.project() as project:
        team = project.team
        _invite(who, team)
        _link()
        _invitations(team.invitations(), team)
        _members(who, team)


def _invite(who: Person, team: Team) -> None:
    st.subheader("Invite somebody")
    with st.form("invite", border=False):
        left, middle, right = st.columns([2, 3, 1], vertical_alignment="bottom")
        role = left.selectbox("Role", ROLES, key="invite-role", format_func=lambda role: f"{role}: {WHAT[role]}")
        name = middle.text_input(
            "Name (left empty: the person chooses one)", key="invite-name", max_chars=100, autocomplete="off"
        )
        sent = right.form_submit_button("Make a link", key="invite-submit", width="stretch")
    if sent and role is not None:
        with shared.told():
            _keep_link(team.invite(role, name=name.strip() or None, actor=who.name), "The invitation")


def _keep_link(invitation: Invitation, what: str) -> None:
    st.session_state["new-link"] = (what, invitation.path, invitation.open.expires_at, invitation.open.id)


def _link() -> None:
    """A link that was just made; it is shown until the next one or until the page is left."""
    what, path, expires, _ = st.session_state.get("new-link", ("", "", "", ""))
    if not path:
        return
    with st.container(border=True, key="new-link-box"):
        st.markdown(
            f"**{what}** works once, until {shared.literal(_day(expires))}. It is not shown again: send it now."
        )
        st.code(f"{_base()}{path}", language=None, wrap_lines=True)


def _base() -> str:
    """The address under which this browser reached the app."""
    scheme, _, rest = str(st.context.url or "").partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if rest else ""


def _invitations(invitations: list[OpenInvitation], team: Team) -> None:
    if not invitations:
        return
    st.subheader("Open invitations")
    for invitation in invitations:
        with st.container(border=True, key=f"plain-invitation-{invitation.id}"):
            left, right = st.columns([5, 1], vertical_alignment="center")
            whom = invitation.name or "whoever has the link"
            what = "a new password" if invitation.role is None else invitation.role
            left.text(f"{whom}: {what}, by {invitation.made_by}, until {_day(invitation.expires_at)}")
            if right.button("Withdraw", key=f"withdraw-{invitation.id}", width="stretch"):
                team.end_invitation(invitation.id)
                if st.session_state.get("new-link", ("",) * 4)[3] == invitation.id:
                    del st.session_state["new-link"]
                st.rerun()


def _members(who: Person, team: Team) -> None:
    members, accounts, provided = team.members(), team.accounts(), team.provider_accounts()
    st.subheader("People")
    wanted = st.text_input("Find by name", key="find-member", placeholder="part of a name") if len(members) > 20 else ""
    found = [member for member in members if wanted.casefold() in member.name.casefold()]
    for member in found[:100]:
        with st.container(border=True, key=f"plain-member-{_slug(member.name)}"):
            _member(who, team, member, has_account=member.name in accounts, provided=member.name in provided)
    if len(found) > 100:
        st.caption(f"The first 100 of {len(found):,} people. Find others by name.")


def _member(who: Person, team: Team, member: Member, *, has_account: bool, provided: bool) -> None:
    """One person: name, standing, role, and what can be changed."""
    key = _slug(member.name)
    name, role, reset, activity = st.columns([3, 2, 1.4, 1.4], vertical_alignment="center")
    with name.container(gap=None):
        st.text(member.name + (" (you)" if member.name == who.name else ""))
        st.text(_standing(member, has_account=has_account, provided=provided))
    chosen = role.selectbox(
        f"Role of {shared.literal(member.name)}",
        ROLES,
        index=ROLES.index(member.role) if member.role in ROLES else 0,
        key=f"role-{key}-{member.role}",
        label_visibility="collapsed",
    )
    if chosen is not None and chosen != member.role:
        with shared.told():
            team.set_role(member.name, chosen, actor=who.name)
            st.rerun()
    if has_account and member.active and not provided:
        if reset.button("New password", key=f"reset-{key}", width="stretch"):
            with shared.told():
                _keep_link(team.reset(member.name, actor=who.name), "The link for a new password")
                st.rerun()
    elif not has_account and reset.button("Invite", key=f"invite-{key}", width="stretch"):
        with shared.told():
            _keep_link(team.invite(member.role, name=member.name, actor=who.name), "The invitation")
            st.rerun()
    _activity(who, team, member, activity)


def _activity(who: Person, team: Team, member: Member, place: st.delta_generator.DeltaGenerator) -> None:
    """Deactivate (asked once more) or activate."""
    key = _slug(member.name)
    if not member.active:
        if place.button("Activate", key=f"activate-{key}", width="stretch"):
            with shared.told():
                team.activate(member.name, actor=who.name)
                st.rerun()
        return
    with place.popover("Deactivate", key=f"ask-{key}", width="stretch"):
        st.text("All sessions and tokens end at once. The answers stay.")
        if st.button("Deactivate now", key=f"deactivate-{key}", type="primary"):
            with shared.told():
                team.deactivate(member.name, actor=who.name)
                st.rerun()


def _standing(member: Member, *, has_account: bool, provided: bool) -> str:
    if not member.active:
        return "may not sign in"
    if not has_account:
        return "has answers, no account"
    return "signs in with the provider" if provided else f"since {_day(member.since)}"


def _slug(name: str) -> str:
    """A name as part of a widget's key, which becomes a CSS class; different names stay different."""
    return name.encode("utf-8", "surrogatepass").hex()


def _day(moment: str) -> str:
    return moment[:16].replace("T", " ") + " UTC"


show()
