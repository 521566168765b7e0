"""The service's half of authority: this node's own life as a member, and its duties towards the others (design §4).

Owns: the incarnation, the order given to the sentinel, and which of the machines of this package runs when:
`suspicion`, `admission`, `forming`, `connectivity`. Does not know: how requests are carried out, groups, resources.
How it works: level-triggered. `step` looks at the view (what the store says) and the report (what the sentinel says),
asks for at most one request of each purpose, and composes the complete order. `answered` takes outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from quorate.core.authority.admission import Admissions
from quorate.core.authority.answers import adopt, proof
from quorate.core.authority.composing import Duties, compose
from quorate.core.authority.forming import Forming
from quorate.core.authority.frame import (
    Answered,
    Frame,
    Note,
    Outcome,
    Request,
    peer_of,
    put_member,
)
from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Order, Renewal, Report
from quorate.core.authority.paces import Paces
from quorate.core.authority.renewing import renew
from quorate.core.authority.succession import LASTING_SUSPICIONS, Succession
from quorate.core.authority.suspicion import Suspicions
from quorate.core.authority.timings import Timings
from quorate.core.authority.view import AuthorityView, Known
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.membership import JoinRequest, MemberRecord
from quorate.model.records import Put, Unchanged
from quorate.model.versions import OURS

HOST_WAIT_S = 5.0
"""The longest that a node waits for its resource host before it asks to be admitted: without one it is a node too."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step asks for. `order` is complete; `renewals` go to the sentinel as they are."""

    order: Order
    requests: tuple[Request, ...]
    notes: tuple[Note, ...]
    deadline: float | None


class Membership:
    """One node's part in the membership of the cluster."""

    def __init__(
        self,
        node: int,
        timings: Timings,
        *,
        boot_id: str,
        new_incarnation: Callable[[], str],
        now: float,
        mutations: frozenset[Mutation] = NONE,
    ) -> None:
        self.node = node
        self.timings = timings
        """L and G; its heartbeats are the slowest that this node has with anybody."""
        self.paces: Paces | None = None
        """Towards every other node; None: all are as in the timings."""
        self.boot_id = boot_id
        self.incarnation = ""
        self.leaving = False
        """Set to leave cleanly: end everything, swear so, and record it (*released*)."""
        self.left = False
        self.can_host = True
        """A resource host is there: groups would come at once, also such as run well elsewhere (failback)."""
        self.software = OURS
        """What this node runs; told with its wish to be admitted."""
        self.fit = True
        """This software can read what the cluster's level allows: else it neither asks nor forms."""
        self.may_form = True
        """False: this node was started so that it joins an active cluster or none (PreventQuorum)."""
        self.links_up = True
        """False: this node has just started and some of its links have not come up; it does not form yet."""
        self._given_up = ""
        """The life that this node ends by itself, because something in it must not go on and does not stop."""
        self._life_began_at = now
        self._new_incarnation = new_incarnation
        self._mutations = mutations
        self._duties = Duties(Suspicions(), Admissions(), Forming(now), Succession())
        self._order = Order(serial=0)
        self._purposes: dict[int, Request] = {}
        self._sent_at: dict[int, float] = {}
        self._adopted = False
        self._epoch = 0

    # ---------------------------------------------------------------- questions

    def is_up(self, view: AuthorityView) -> bool:
        """The database says that this incarnation is a member that is up."""
        me = view.members.get(self.node)
        return me is not None and me.record.state == "up" and me.record.incarnation == self.incarnation != ""

    def leads(self, view: AuthorityView, report: Report) -> bool:
        """Tell whether this node is coordinator, has not sworn the role away, and its picture is complete."""
        known = view.coordinator
        released = report.released_epoch if Mutation.ACT_AFTER_RELEASE not in self._mutations else 0
        return (
            known is not None
            and known.record.node == self.node
            and known.record.epoch > released
            and self._duties.succession.resigned_epoch != known.record.epoch
            and view.position.revision >= known.revision
            and self.is_up(view)
        )

    @property
    def gives_up(self) -> bool:
        """This node ends its present life, and comes back in another one."""
        return self._given_up == self.incarnation != ""

    def give_up(self) -> bool:
        """End everything of this life, swear so, and begin another one; tells whether that is new."""
        new = not self.gives_up
        self._given_up = self.incarnation
        return new

    # ---------------------------------------------------------------- the step

    def step(self, now: float, view: AuthorityView, report: Report, busy: frozenset[str]) -> Step:
        """Decide what to do now. `busy` are the purposes of the requests under way."""
        if not self._adopted:
            if report.order is None:  # only the greeting tells what a former service left; nothing is said before it
                return Step(self._order, (), (), None)
            self._adopt(report)
        if view.position.revision == 0 and not self.leaving:
            # Nothing was read yet: what a former service said stands, as it stood without any service. Said anew from
            # an empty picture it would take the lease from a healthy node as soon as the store is in trouble too.
            return Step(self._order, (), (), None)
        frame = Frame(self.node, self.timings, now, view, report, self.incarnation, busy, self._mutations)
        frame.paces = self.paces
        self._own_life(frame)
        frame.incarnation = self.incarnation
        if view.epoch != self._epoch:
            self._epoch = view.epoch
            self._duties.suspicions.begin_epoch(view.epoch, frame)
        up = self.is_up(view)
        leads = up and self.leads(view, report)
        if up and not self.leaving and not self.gives_up:
            renew(frame, leads=leads)
            if leads:
                self._lead(frame)
            else:
                self._follow(frame)
        serial = self._order.serial
        leaving = self.leaving or self.gives_up
        wanted = compose(frame, self._duties, serial=serial, up=up, leads=leads, leaving=leaving)
        order = self._order = self._order if wanted == self._order else replace(wanted, serial=serial + 1)
        self._duties.suspicions.held_by_order(order.serial, frame)
        self._duties.admissions.counted_by_order(order.serial, frame)
        self._duties.forming.held_by_order(order.serial, frame)
        future = [when for when in frame.deadlines if when > now]
        immediate = any(when <= now for when in frame.deadlines) and report.serial >= order.serial
        deadline = now if immediate else min(future, default=None)
        return Step(order, tuple(frame.requests), tuple(frame.notes), deadline)

    def _adopt(self, report: Report) -> None:
        """Take over from a former service: its incarnation, and what is not settled (rule 8)."""
        self._adopted = True
        former = report.order
        if former is None:
            return
        self.incarnation = former.incarnation
        self._order = former
        for unsettled in (*report.unsettled, *former.unsettled):
            if unsettled.kind == "admission":
                self._duties.admissions.adopt(unsettled)
            elif unsettled.kind == "forming":
                self._duties.forming.unsettled = unsettled
            else:
                self._duties.suspicions.adopt(unsettled)

    # ---------------------------------------------------------------- this node's own life

    def _own_life(self, frame: Frame) -> None:
        view, report = frame.view, frame.report
        if view.position.revision == 0:
            return
        me = view.members.get(self.node)
        if self.left:
            return
        if self.incarnation == "":
            self._begin_life(frame)
        over = report.ended == self.incarnation
        replaced = me is not None and me.record.incarnation == self.incarnation and me.record.state == "down"
        order_mark = (
            self.is_up(view) and me is not None and me.record.mark is not None and me.record.mark.kind == "order"
        )
        if self.leaving or order_mark or (self.gives_up and self.is_up(view)):
            if over and self.is_up(view) and me is not None:
                self._write_own_end(frame, me)
            elif over and self.leaving:
                self.left = True
            return
        if over:
            frame.note(3, "begins a new life", self.node)
            self._begin_life(frame)
        if not self.is_up(view) and not replaced and self.fit and view.is_listed(self.node):
            self._seek(frame)  # who was evicted neither asks nor forms

    def _begin_life(self, frame: Frame) -> None:
        self.incarnation = self._new_incarnation()
        frame.incarnation = self.incarnation
        duties = self._duties
        duties.suspicions, duties.admissions = Suspicions(), Admissions()
        unsettled = duties.forming.unsettled
        duties.forming = Forming(frame.now)
        duties.forming.unsettled = unsettled
        self._life_began_at = frame.now
        duties.succession.resigned_epoch = 0

    def _write_own_end(self, frame: Frame, me: Known[MemberRecord]) -> None:
        down = MemberRecord(
            node=self.node,
            state="down",
            incarnation=self.incarnation,
            proof="released" if self.leaving else "ended",
            boot_id=self.boot_id,
        )
        if frame.commit("own end", (Unchanged(keys.member(self.node), me.revision),), (put_member(down),)):
            frame.note(
                10 if self.leaving or self.gives_up else 3,
                "released" if self.leaving else "given up" if self.gives_up else "order obeyed",
                self.node,
            )

    def _seek(self, frame: Frame) -> None:
        """Ask to be admitted, and form where that is allowed (rules 11 and 13)."""
        view = frame.view
        mine = view.joins.get(self.node)
        patient = not self.can_host and frame.now - self._life_began_at < HOST_WAIT_S
        if patient:
            frame.due(self._life_began_at + HOST_WAIT_S)
        elif mine is None or mine.record.incarnation != self.incarnation:
            request = JoinRequest(
                node=self.node, incarnation=self.incarnation, boot_id=self.boot_id, software=self.software
            )
            frame.commit("join", (), (Put(keys.join(self.node), encode(request)),))
        forming = self._duties.forming
        if self.may_form and (self.links_up or forming.unsettled is not None):
            forming.step(frame, self.boot_id)
        elif self.may_form:
            forming.reset(frame.now)  # it listens from the moment on in which it can hear

    # ---------------------------------------------------------------- duties

    def _lead(self, frame: Frame) -> None:
        """The coordinator watches everybody, admits, and resolves cuts."""
        view = frame.view
        silent = frozenset(frame.report.silent)
        self._duties.suspicions.forget_heard(frame, silent)
        quiet = self._duties.suspicions.unheard_but_alive(frame.now, frame)
        for node, known in view.up().items():
            if node == self.node:
                continue
            peer = peer_of(known.record)
            if frame.sworn_ended(peer) or (peer in silent and peer not in quiet):
                self._duties.suspicions.start(peer, "suspicion", frame)
        cut_off = self._duties.suspicions.unheard_but_alive(frame.now, frame, suspicions=LASTING_SUSPICIONS)
        for node in self._duties.succession.resolve_cuts(frame, cut_off):
            if frame.view.expulsions_left == 0 and Mutation.IGNORE_RADIUS not in frame.mutations:
                break
            self._duties.suspicions.start(peer_of(view.members[node].record), "order", frame)
        self._duties.suspicions.pursue(frame, silent, takeover=False)
        self._duties.admissions.step(frame)

    def _follow(self, frame: Frame) -> None:
        """Everybody else watches the coordinator."""
        known = frame.view.coordinator
        if known is None:
            return
        leader = frame.view.members.get(known.record.node)
        if leader is None or leader.record.state == "down":
            self._duties.succession.succeed(frame, known, "the coordinator has left")
            return
        if known.record.node == self.node:
            if frame.report.released_epoch >= known.record.epoch:
                self._duties.succession.succeed(frame, known, "own role was released")
            return
        peer = peer_of(leader.record)
        heard = frame.heard(peer)
        if heard is not None and heard.released_epoch >= known.record.epoch:
            self._duties.succession.succeed(frame, known, "the coordinator swore its role released")
        silent = frozenset(frame.report.silent)
        self._duties.suspicions.forget_heard(frame, silent)
        quiet = self._duties.suspicions.unheard_but_alive(frame.now, frame)
        if frame.sworn_ended(peer) or (peer in silent and peer not in quiet):
            self._duties.suspicions.start(peer, "suspicion", frame)
        self._duties.suspicions.pursue(frame, silent, takeover=True)

    # ---------------------------------------------------------------- answers

    def answered(self, request: Request, outcome: Outcome, now: float, view: AuthorityView) -> Renewal | None:
        """Take the outcome of a request; returns a proof for the sentinel where it holds one."""
        purpose, _, subject = request.purpose.partition(" ")
        if isinstance(outcome, Answered):
            adopt(request, outcome.result, view, self._mutations)
        if purpose in {"mark", "verdict"} or (purpose == "settle" and subject.isdigit()):
            self._duties.suspicions.answered(purpose, int(subject), outcome, now, self._mutations)
        elif purpose in {"admit", "withdraw"}:
            self._duties.admissions.answered(purpose, int(subject), outcome, self._mutations)
        elif purpose == "form" or request.purpose == "settle form":
            what, _, whom = subject.partition(" ")
            self._duties.forming.answered("form" if purpose == "settle" else what, whom, outcome, now)
        elif purpose in {"renew", "clear"} and isinstance(outcome, Answered):
            return proof(self.node, self.incarnation, request, outcome, now, self._mutations)
        return None
