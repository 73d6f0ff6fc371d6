"""``labelkit people``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.team import Invitation, Team

_ACTOR = "labelkit people"


def command(
    change: Annotated[
        str, typer.Argument(metavar="[CHANGE]", help="list, invite, reset, role, deactivate, activate or provider.")
    ] = "list",
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whom.")] = None,
    role: Annotated[
        str | None, typer.Option("--role", help="annotator, reviewer, 'data scientist' or lead.", show_default=False)
    ] = None,
    address: Annotated[
        str, typer.Option("--address", metavar="URL", help="Where the app is served; links begin with it.")
    ] = "http://127.0.0.1:8501",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the people of the project, invite and change them. Whoever may write the project's files may do this.

    `invite` and `reset` print a link that works once: `reset` is the way back for a lead who lost the password.
    `provider` adds somebody who signs in with the provider of serve.oidc, by e-mail address.

    \b
    Example:
      labelkit people invite --role reviewer
      labelkit people reset "Ada Lead"
      labelkit people role Bob --role "data scientist"
      labelkit people deactivate Bob
    """
    from labelkit.cli.console import table

    with open_project(project, as_json=as_json) as opened:
        team = opened.team
        link = None if change == "list" else _changed(team, change, name, role)
        accounts = team.accounts()
        people = [
            {"name": m.name, "role": m.role, "active": m.active, "has_account": m.name in accounts}
            for m in team.members()
        ]
    url = None if link is None else address.rstrip("/") + link.path
    if as_json:
        print_json({"people": people, "link": url, "expires_at": None if link is None else link.open.expires_at})
    elif link is not None:
        print(f"This link works once, until {link.open.expires_at[:16].replace('T', ' ')} UTC:\n{url}")
    elif people:
        rows = [
            (p["name"], p["role"], "yes" if p["active"] and p["has_account"] else "no account" if p["active"] else "no")
            for p in people
        ]
        console().print(table(None, ["name", "role", "may sign in"], rows, left=3))
    else:
        print("Nobody yet. `labelkit serve` makes the first lead's account.")


def _changed(team: Team, change: str, name: str | None, role: str | None) -> Invitation | None:
    """Do one change; the link if it makes one."""
    from labelkit.errors import AccessError

    if change == "invite":
        return team.invite(_wanted(role, change), name=name, actor=_ACTOR)
    known = ("reset", "role", "deactivate", "activate", "provider")
    if change not in known:
        raise AccessError(f"cannot {change!r} people", hint=f"The changes are list, invite, {', '.join(known)}")
    if name is None:
        raise AccessError(f"`labelkit people {change}` needs a name", hint="`labelkit people` lists all")
    if change == "reset":
        return team.reset(name, actor=_ACTOR)
    if change == "role":
        team.set_role(name, _wanted(role, change), actor=_ACTOR)
    elif change == "deactivate":
        team.deactivate(name, actor=_ACTOR)
    elif change == "activate":
        team.activate(name, actor=_ACTOR)
    else:
        team.add(name, _wanted(role, change), None, actor=_ACTOR)
    return None


def _wanted(role: str | None, change: str) -> str:
    from labelkit.errors import AccessError

    if role is None:
        raise AccessError(
            f"`labelkit people {change}` needs --role", hint="annotator, reviewer, 'data scientist' or lead"
        )
    return role
