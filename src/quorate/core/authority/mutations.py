"""Switches that break one rule each, so that the checkers can be shown to bite.

Owns: the list. Production never sets any; `sim` sets one at a time and expects to be caught (design §10).
"""

from __future__ import annotations

from enum import Enum


class Mutation(Enum):
    """One broken rule; the number is that of design §4."""

    LEASE_FROM_RECEIPT = "1: a renewal counts from the moment its answer arrives"
    ACK_WITHOUT_AUTHORITY = "2: the coordinator acknowledges without having authority itself"
    KEEP_MARK_ON_RENEWAL = "3: a node renews through the store although it is marked, and leaves the mark"
    AUTHORITY_BY_ANY_ACK = "4: one acknowledging node is enough, whatever votes the others hold"
    MARK_BEFORE_HOLDING = "5: the mark is sent while acknowledgements still go out"
    ACK_DURING_VERDICT = "6: a node heard again is acknowledged although its verdict was sent"
    SHORT_WAIT = "7: the verdict goes out after half the wait"
    IGNORE_DEMAND = "7: a group that demands a proof is given away without it"
    IGNORE_RADIUS = "7: nodes are put out however many were put out of late"
    SHORT_RESET = "7: half of a watchdog's time-out is taken for the whole"
    FORGET_UNKNOWN = "8: a verdict or admission of unknown outcome is forgotten"
    ADOPT_OLD = "9: older reads overwrite newer knowledge"
    OATH_BEFORE_END = "10: the oath is sworn before everything has ended"
    CONFIRM_LIVING = "10: an operator confirms that a node is off which is only cut off"
    ADMIT_UNCOUNTED = "11: a node being admitted is not counted"
    ACT_AFTER_RELEASE = "12: a coordinator acts on after swearing its role released"
    FORM_REGARDLESS = "13: a starting node forms whoever else is recorded up, and without waiting"
    IGNORE_FAILED_STOP = "14: an owner reports a group as stopped of which a part does not stop"
    UNGUARDED = "14: a coordinator's writes are guarded by nothing, its epoch included"

    __hash__ = object.__hash__  # each stands for itself; Enum's own hash is asked for at every datagram


NONE: frozenset[Mutation] = frozenset()
