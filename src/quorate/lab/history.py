"""What the nodes of a lab say they did, on one clock: the basis of every "time spent in" of demo and benchmarks.

Owns: the reading of the services' logs. All nodes of a lab share the machine's boot-time clock, so their times can be
compared; a real cluster's cannot. Does not know: outages, which only the prober's record proves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one node's service log."""

    at_s: float
    machine: str
    event: str
    fields: dict[str, object]


def read(folder: Path, since_s: float = 0.0) -> list[Entry]:
    """Everything the services of a lab logged since then, in order of time."""
    found: list[Entry] = []
    for path in (*folder.glob("node*/log/service.log"), *folder.glob("node*/root/var/log/quorate/service.log")):
        machine = path.relative_to(folder).parts[0]
        for line in path.read_text(errors="replace").splitlines():
            try:
                fields = json.loads(line)
                at_s = float(fields["at_s"])
            except (ValueError, KeyError, TypeError):
                continue
            if at_s >= since_s:
                found.append(Entry(at_s, machine, str(fields.get("event", "")), fields))
    return sorted(found, key=lambda entry: entry.at_s)


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of one change of hands went, in milliseconds; 0 where a phase did not occur."""

    detect_ms: float
    decide_ms: float
    stop_ms: float
    start_ms: float
    cause: str
    owner: int

    def sentence(self) -> str:
        """One line for people."""
        return (
            f"detect {self.detect_ms:.0f} ms, decide {self.decide_ms:.0f} ms, stop {self.stop_ms:.0f} ms, "
            f"start {self.start_ms:.0f} ms"
        )


def phases(entries: list[Entry], group: str, began_s: float) -> Phases | None:
    """The phases of the first change of hands of a group after `began_s`; None where there was none."""
    suspected = {"suspect", "suspect at a quicker pace"}
    detected = next((e.at_s for e in entries if e.event == "authority" and e.fields.get("branch") in suspected), None)
    assigned = [e for e in entries if e.event == "assignment" and e.fields.get("group_name") == group]
    run = next((e for e in assigned if e.fields.get("phase") == "run"), None)
    if run is None:
        return None
    stop = next((e for e in assigned if e.fields.get("phase") == "stop" and e.at_s <= run.at_s), None)
    online = next(
        (
            e.at_s
            for e in entries
            if e.event == "group online" and e.fields.get("group_name") == group and e.at_s > run.at_s
        ),
        None,
    )
    first = stop.at_s if stop is not None else run.at_s
    lost = str(run.fields.get("cause")) == "node_lost"
    seen = detected if lost and detected is not None and detected <= first else first
    owner = run.fields.get("owner")
    return Phases(
        detect_ms=(seen - began_s) * 1000,
        decide_ms=(first - seen) * 1000,
        stop_ms=(run.at_s - stop.at_s) * 1000 if stop is not None else 0.0,
        start_ms=(online - run.at_s) * 1000 if online is not None else 0.0,
        cause=str(run.fields.get("cause")),
        owner=int(owner) if isinstance(owner, int) else 0,
    )


def restart_sentence(entries: list[Entry], began_s: float) -> str:
    """Where the time of a restart on the same node went: when the owner saw it, and when all was online again."""
    seen = next((entry.at_s for entry in entries if entry.event == "group changing"), None)
    if seen is None:
        return "restarted where it was, too quickly to be told apart"
    online = next((entry.at_s for entry in entries if entry.event == "group online" and entry.at_s > seen), seen)
    return (
        f"detect {(seen - began_s) * 1000:.0f} ms, start {(online - seen) * 1000:.0f} ms;"
        " its owner started it again where it was: nothing to decide for the cluster, nothing to stop"
    )
