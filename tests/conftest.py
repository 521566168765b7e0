"""What all tests share: the `conformance` marker, checked and gathered, and what may not run side by side.

Owns: that a marker names lines of the checklist that exist; that tests with real components keep to the worker of their
file, which shares a cluster, or to that of a group that they name (labs on loopback have the same addresses).
`conformance_report` makes the published page of the markers.
"""

from __future__ import annotations

import pytest

from conformance_report import Checklist, markers_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an id that the checklist does not have: a typing error would silently test nothing."""
    known = Checklist.committed().tiers
    wrong = sorted(f"{item.nodeid}: {line}" for item in items for line in markers_of(item) if line not in known)
    if wrong:
        raise pytest.UsageError("no such line in docs/conformance-ids.toml:\n  " + "\n  ".join(wrong))
    for item in items:
        real = item.get_closest_marker("etcd") or item.get_closest_marker("root")
        if real and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
