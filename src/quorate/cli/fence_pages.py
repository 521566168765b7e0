"""Fence devices as pages.

Owns: these pages. Does not know: terminals (`cli.render`), or the pages of other nouns (`cli.pages`).
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
from quorate.control.fence_testing import FenceTest
from quorate.control.fencing import FenceAttemptView, FenceDeviceList, FenceDeviceView


def fence_table(found: FenceDeviceList) -> Page:
    """All devices, one a row."""
    rows = tuple(
        (device.name, device.agent, str(device.level), ", ".join(device.plugs), _last(device))
        for device in found.devices
    )
    sentences = (f"no device can fence: {', '.join(found.without)}",) if found.without else ()
    return Page((Section(table=Table(("device", "agent", "level", "nodes", "last call"), rows), sentences=sentences),))


def _last(device: FenceDeviceView) -> str:
    return "never called" if not device.history else _call(device.history[-1])


def _call(attempt: FenceAttemptView) -> str:
    came = "done" if attempt.good else "failed"
    return f"{attempt.at[:19]} {attempt.action} {attempt.node}: {came}"


def fence_page(device: FenceDeviceView) -> Page:
    """One device."""
    facts = (
        ("device", device.name),
        ("agent", device.agent),
        *((f"node {node}", f"plug {plug}") for node, plug in device.plugs.items()),
        ("action", device.action),
        ("level", str(device.level)),
        ("limits", f"delay {device.delay_ms} ms, {device.retries} retries, {device.timeout_s} s a call"),
        *sorted(device.parameters.items()),
        *((name, "(secret)") for name in device.secrets),
    )
    rows = tuple(
        (a.at, a.node, a.action, "done" if a.good else "failed", f"{a.took_ms} ms", a.by, a.detail or "-")
        for a in device.history
    )
    columns = ("time", "node", "action", "result", "took", "called by", "detail")
    return Page((Section(facts=facts), Section("Calls", table=Table(columns, rows))))


def fence_test_page(found: FenceTest) -> Page:
    """What a test found."""
    rows = tuple(
        (check.node or "(device)", check.action, "good" if check.good else "bad", check.found) for check in found.checks
    )
    words = "answers for every plug" if found.good else "does not answer for every plug; it proves nothing like this"
    sentence = f"{found.device}, asked from {found.answered_by}: {words}"
    return Page((Section(sentences=(sentence,), table=Table(("node", "call", "result", "found"), rows)),))
