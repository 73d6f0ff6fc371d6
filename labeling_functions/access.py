"""Messages from people who cannot get in, or whose rights are not what they should be."""

import re

from labelkit import keywords, regex

# The vocabulary of the front door. "code" alone is left out: there are promo codes and code blocks.
keywords(
    "sign_in_words",
    [
        "log in", "login", "logins", "logged out", "sign in", "sign-in", "signing in", "signed in", "sign on",
        "password", "passwords", "pw", "passkey", "reset mail", "reset link", "magic link", "username", "2fa", "mfa",
        "two-factor", "two factor", "two-step", "two step", "2 step", "authenticator", "otp", "backup code",
        "backup codes", "codes", "code expired", "verification", "verify", "fingerprint", "Face ID", "SSO", "SAML",
        "okta", "identity provider", "google login", "session"
    ],
    label="account_access",
)  # fmt: skip

# Standing outside the door, in the words people use for it.
regex(
    "shut_out",
    r"\b(?:lock|shut|kick|throw|thrown|bounc|logg)(?:ed)?\w* (?:\w+ )?out\b|\btoo many attempts\b"
    r"|\b(?:can'?t|cannot|can not|couldn'?t|unable to) (?:\w+ )?(?:log|get|sign|go) (?:back )?(?:in|on|into|past)\b"
    r"|\b(?:un)?ban(?:ned)?\b"
    r"|\blet (?:me|us|her|him) (?:back )?in\b|\bget (?:back )?in(?:to)? (?:my|the|our|again)\b|\bnot trusted\b"
    r"|\b(?:code|link|mail|invite|reset|codes) (?:\w+ )?(?:never|doesn'?t|expired|says)\b",
    label="account_access",
    flags=re.IGNORECASE,
)

# Who may do what. Mediocre: guests and workspaces also cost money and have bugs, so billing.py and
# bugs.py are often right where this one is not.
keywords(
    "people_and_rights",
    [
        "admin", "admins", "administrator", "owner", "owners", "ownership", "viewer", "editor", "invite", "invited",
        "invites", "invitation", "permission", "permissions", "role", "rights", "access", "workspace", "revoke",
        "revoked", "approve", "approval", "greyed out"
    ],
    label="account_access",
)  # fmt: skip

# The account as a thing: deleted, merged, handed over, moved to another address.
regex(
    "account_itself",
    r"\b(?:delete|erase|remove|close|wipe|merge|recover|unlock|reactivate|deactivat\w+)\b.{0,25}"
    r"\b(?:account|acount|profile|membership|me|myself|logins?)\b|\bgdpr\b|\b(?:deleted?|removed?) myself\b"
    r"|\b(?:new|old|my|wrong|which|change\w*|the) (?:\w+ )?(?:e-?mail|mailbox|address|surname|username)\b"
    r"|\b(?:new|old) (?:phone|laptop|tablet|device)\b",
    label="account_access",
    flags=re.IGNORECASE,
)
