"""Who may do what: roles, and the caller behind a request (design §7).

Owns: the three roles and their order, and who local callers are. Does not know: certificates or sockets; `api.identity`
reads them. A node of the cluster acts for somebody who was let in elsewhere, so it says for whom.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from quorate.model.problems import Refused, error


class Role(enum.IntEnum):
    """Each role may do what the ones below it may."""

    NOBODY = 0
    VIEWER = 1
    """Sees everything, changes nothing."""
    OPERATOR = 2
    """Brings online and offline, moves, pauses, drains, stops."""
    ADMINISTRATOR = 3
    """Creates, changes and deletes, and lets machines in."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: Role
    is_node: bool = False
    """A node of the cluster, forwarding for somebody else."""


STRANGER = Caller("", Role.NOBODY)


def role_of(word: str) -> Role:
    """The role that a certificate names; NOBODY where it names none."""
    return {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "administrator": Role.ADMINISTRATOR}.get(
        word.casefold(), Role.NOBODY
    )


def local_caller(user_id: int, user_name: str, service_user_id: int) -> Caller:
    """Somebody on this machine, over the Unix socket: root is administrator, nobody else gets in.

    A node that runs without root (a loopback lab) is its user's own: whoever could end it may also administer it.
    """
    return Caller(user_name, Role.ADMINISTRATOR if user_id in {0, service_user_id} else Role.NOBODY)


def demand(caller: Caller, role: Role) -> None:
    """Raise Refused unless the caller has at least that role."""
    if caller.role >= role:
        return
    who = caller.name or "you"
    have = caller.role.name.lower() if caller.role else "without a role"
    raise Refused(
        [
            error(
                "not_allowed",
                f"this needs the role {role.name.lower()}; {who}: {have}",
                remedy="use a certificate of that role, or root on a node of the cluster",
            )
        ]
    )
