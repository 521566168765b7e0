"""One device's persistent reservations: asked and changed by whole steps.

Owns: which commands make a step, and when a command is sent again. Does not know: whose keys these are.
Every step is safe to repeat: what was done already is found done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quorate.adapters.quorum_storage.scsi import commands
from quorate.adapters.quorum_storage.scsi.commands import Action, Answer, Keys, Reservation, ScsiProblem, Transport

TRIES: Final = 8
"""A device answers *unit attention* once for each thing that happened to it, and *busy* for a moment."""


class Reservations:
    """Those of one logical unit, over one path. Methods raise OSError and ScsiProblem."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def keys(self) -> Keys:
        """Every registered key."""
        return commands.decode_keys(self._receive(commands.read_keys_command(), "read keys"))

    def reservation(self) -> Reservation:
        """Who holds the reservation."""
        return commands.decode_reservation(self._receive(commands.read_reservation_command(), "read reservation"))

    def register(self, key: int) -> None:
        """Register this path under that key, whatever it was registered under before; 0 takes it away."""
        self._send(Action.REGISTER_AND_IGNORE, 0, key)

    def change_key(self, key: int, new_key: int) -> None:
        """Register under a new key, only if the present one is `key`. Raises Conflict where it is another."""
        self._send(Action.REGISTER, key, new_key)

    def reserve(self, key: int) -> None:
        """Take the reservation where nobody has it. Raises Conflict where somebody has."""
        self._send(Action.RESERVE, key, 0)

    def release(self, key: int) -> None:
        """Give the reservation back."""
        self._send(Action.RELEASE, key, 0)

    def preempt(self, key: int, victim: int) -> None:
        """Take the reservation from `victim` and remove its registrations. Raises Conflict if we are not registered.

        What the victim had sent before is ended too where the device can do that.
        """
        try:
            self._send(Action.PREEMPT_AND_ABORT, key, victim)
        except commands.Unsupported:
            self._send(Action.PREEMPT, key, victim)

    def clear(self, key: int) -> None:
        """Remove every registration and the reservation."""
        self._send(Action.CLEAR, key, 0)

    def _send(self, action: Action, key: int, new_key: int) -> None:
        command, parameters = commands.out_command(action, key, new_key)
        self._try(lambda: self._transport.send(command, parameters), action.name.lower().replace("_", " "))

    def _receive(self, command: bytes, what: str) -> bytes:
        return self._try(lambda: self._transport.receive(command, commands.ANSWER_BYTES), what).data

    def _try(self, attempt: Callable[[], Answer], what: str) -> Answer:
        for _ in range(TRIES):
            answer = attempt()
            if commands.judge(answer, what):
                return answer
        raise ScsiProblem(f"{what}: still not done after {TRIES} tries")
