"""Failed sign-ins are counted by name and by address, and make the next ones wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from labelkit.access import ADDRESS, DEVICE, NAME, keyed_digest, network, new_token, seal, unseal
from labelkit.errors import TooManyAttempts
from labelkit.store import Secrets

_MEMORY: Final = timedelta(seconds=max(NAME.memory, ADDRESS.memory, DEVICE.memory))


@dataclass(frozen=True)
class Counter:
    """Where an attempt counts; ``shared``: attempts of other people count there, too."""

    key: str
    wait: Callable[[int, float], float]
    shared: bool = False


class Guesses:
    """Counts attempts before they are looked at, so that many at the same moment do not get past."""

    def __init__(self, secrets: Secrets, key: bytes) -> None:
        self._secrets = secrets
        self._key = key

    def device(self, owner: str) -> str:
        """What a browser gets in which ``owner`` signed in: it proves that, and nothing else."""
        return seal(new_token(), self._key, f"device:{owner}")

    def counters(self, name: str, owner: str | None, address: str, device: str | None) -> list[Counter]:
        """Where an attempt at a name counts.

        Parameters
        ----------
        owner
            Who has this name; None for nobody.
        device
            What :meth:`device` gave the browser; a genuine one of the owner's counts by itself.
        """
        nonce = unseal(device, self._key, f"device:{owner}") if owner is not None and device else None
        if nonce is not None:
            return [Counter(self._key_of("device", nonce), DEVICE.wait)]
        who = owner if owner is not None else " ".join(name.split())[:200].casefold()
        return [
            Counter(self._key_of("name", who), NAME.wait),
            Counter(self._key_of("address", network(address)), ADDRESS.wait, shared=True),
        ]

    def of_owner(self, name: str) -> list[Counter]:
        """Where attempts count of somebody who is signed in and has to give the password again."""
        return [Counter(self._key_of("confirm", name), DEVICE.wait)]

    def _key_of(self, kind: str, what: str) -> str:
        return keyed_digest(f"{kind}:{what}", self._key)

    def count(self, counters: list[Counter], present: datetime) -> None:
        """Count an attempt.

        Raises
        ------
        TooManyAttempts
            If it has to wait; it is not counted then.
        """
        seconds = self._secrets.count_attempt(
            [(counter.key, counter.wait) for counter in counters], at=present, forget_before=present - _MEMORY
        )
        if seconds > 0:
            raise TooManyAttempts(
                f"too many failed attempts; try again in {max(1, round(seconds))} s",
                seconds=seconds,
                hint="A lead of the project can give you a link with which you choose a new password",
            )

    def forgive(self, counters: list[Counter]) -> None:
        """After a success: what only this person counts under is forgotten; where others count, one is taken back."""
        for counter in counters:
            if counter.shared:
                self._secrets.take_back_attempt(counter.key)
            else:
                self._secrets.forget_attempts(counter.key)
