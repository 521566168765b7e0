"""What all tests share: the `conformance` marker, checked and gathered.

Owns: that a marker names lines of the checklist that exist. `conformance_report` makes the published page of them.
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
