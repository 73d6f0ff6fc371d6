"""Which pages there are, and who sees them."""

from __future__ import annotations

from dataclasses import dataclass

from labelkit.access import Permission


@dataclass(frozen=True)
class Page:
    """One page: its file in ``views/``, title, icon, and the permission that it needs."""

    file: str
    title: str
    icon: str
    permission: Permission


PAGES: tuple[Page, ...] = (
    Page("annotate", "Annotate", "edit_note", "annotate"),
    Page("review", "Review", "balance", "review"),
    Page("agreement", "Agreement", "handshake", "review"),
    Page("home", "Dashboard", "donut_large", "manage"),
    Page("items", "Items", "search", "browse"),
    Page("functions", "Functions", "function", "browse"),
    Page("workbench", "Workbench", "handyman", "build"),
    Page("team", "Team", "group", "manage"),
    Page("settings", "Settings", "settings", "manage"),
    Page("account", "Account", "account_circle", "annotate"),
)
"""In the order of the navigation; the first one is where people land."""
