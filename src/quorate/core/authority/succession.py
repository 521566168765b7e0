"""Handing the coordinator's role on: cuts between some nodes only, and taking up a role that was given up.

Owns: since when paths work one way only, and when a released role was noticed. Does not know: marks and verdicts
(`suspicion`); whom to order out is returned, not done.
"""

from __future__ import annotations

from quorate.core.authority.connectivity import OrderOut, Resign, remedy
from quorate.core.authority.frame import Frame, put_coordinator
from quorate.core.authority.orders import Peer
from quorate.core.authority.view import Known
from quorate.model import keys
from quorate.model.membership import CoordinatorRecord
from quorate.model.records import Unchanged

LASTING_SUSPICIONS = 2
"""A path that works one way only for so many suspicion times is a cut, not a hiccup; the same holds for a node that
cleared its mark and stays unheard (simulation seed 92: after a hiccup of its own the coordinator ordered all out)."""


class Succession:
    """What one node knows of roles that should change hands."""

    def __init__(self) -> None:
        self.resigned_epoch = 0
        """The epoch whose role this node gives up by itself; 0 where there is none."""
        self._asymmetric_since: dict[int, float] = {}
        self._noticed: dict[int, float] = {}

    def resolve_cuts(self, frame: Frame, cut_off: frozenset[Peer]) -> tuple[int, ...]:
        """Cuts between two nodes only (design §4, after rule 14): resign to who hears all, or return whom to order out.

        `cut_off` are peers that cleared their mark through the store and were not heard for long after that.
        """
        heard, node = frame.report.heard, frame.node
        up = frozenset(frame.view.up())
        one_way = {h.peer.node for h in heard if h.peer.node in up and h.up and not h.silent and node not in h.heard}
        self._asymmetric_since = {n: self._asymmetric_since.get(n, frame.now) for n in one_way}
        lasting = {
            n for n, at in self._asymmetric_since.items() if frame.now - at >= LASTING_SUSPICIONS * frame.suspicion_s(n)
        }
        if not lasting and not any(peer.node in up for peer in cut_off):
            return ()
        rows = {h.peer.node: frozenset(h.mutual) for h in heard if h.peer.node in up and not h.silent}
        rows[node] = frozenset(h.peer.node for h in heard if not h.silent and node in h.heard)
        match remedy(node, up, rows):
            case Resign(to=to):
                frame.note(12, "resign to a better connected node", to)
                self.resigned_epoch = frame.view.epoch
                frame.due(frame.now)
                return ()
            case OrderOut(nodes=nodes):
                return nodes
            case None:
                return ()

    def succeed(self, frame: Frame, known: Known[CoordinatorRecord], why: str) -> None:
        """Commit the next epoch at once (rule 12); the better connected and the lower numbered go first."""
        epoch, node = known.record.epoch, frame.node
        noticed = self._noticed.setdefault(epoch, frame.now)
        due = noticed + self._rank(frame, known.record) * 2 * frame.timings.heartbeat_s
        if frame.now < due:
            frame.due(due)
            return
        guards = (Unchanged(keys.COORDINATOR, known.revision), *frame.own_guard())
        if frame.commit("succeed", guards, (put_coordinator(node, epoch + 1),)):
            frame.note(12, why, known.record.node)

    def _rank(self, frame: Frame, released: CoordinatorRecord) -> int:
        """How many others should try before this node does."""
        up = frame.view.up()
        if released.node == frame.node:  # own service is back; but a role resigned for a cut goes to others first
            return len(up) if self.resigned_epoch == released.epoch and len(up) > 1 else 0
        heard = [h for h in frame.report.heard if not h.silent]
        rows = {h.peer.node: len(h.mutual) for h in heard}
        own = sum(1 for h in heard if frame.node in h.heard)
        others = [n for n in up if n not in (frame.node, released.node) and n in rows]
        return sum(1 for n in others if (-rows[n], n) < (-own, frame.node))
