"""What all tests share: the `conformance` marker, checked and gathered, and room for workers side by side.

Owns: that a marker names lines of the checklist that exist; that each worker's labs have loopback addresses of their
own. `conformance_report` makes the published page of the markers.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import settings

from conformance_report import Checklist, markers_of

settings.register_profile("quorate", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("quorate")
"""How long an example takes is for `bench/`: a machine that is busy must not fail a property. What is integrated is
judged by the same examples every time; everybody else draws new ones."""

pytest_plugins = ["last_words"]

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_CHECKOUT = 100 + zlib.crc32(str(Path(__file__).parent).encode()) % 100
"""Two checkouts may be tested side by side as well."""
# Set, not left as it was found: workers inherit what the process that starts them has set for itself.
os.environ["QUORATE_LAB_BLOCK"] = f"127.{_CHECKOUT}.{_WORKER}"


LONGEST = (
    "test_restoring_a_cluster",
    "test_found_networks",
    "test_forced_quorum",
    "test_two_and_light_witness",
    "test_two_nodes",
    "test_real_cluster",
    "test_loopback_cluster",
    "test_pausing_and_returning",
    "test_eviction",
    "test_quarantine",
    "test_witness",
    "test_bad_disks",
)
"""Files with minutes of waiting come first: whatever comes last is waited for alone (`--no-loadscope-reorder`)."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Transcripts are rewritten, not compared (`tests/decisions`)."""
    parser.addoption("--rewrite-decisions", action="store_true", help="write what is decided now into the transcripts")


def _rank(item: pytest.Item) -> int:
    return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an id that the checklist does not have: a typing error would test nothing. Longest files first."""
    items.sort(key=_rank)
    known = Checklist.committed().tiers
    wrong = sorted(f"{item.nodeid}: {line}" for item in items for line in markers_of(item) if line not in known)
    if wrong:
        raise pytest.UsageError("no such line in docs/conformance-ids.toml:\n  " + "\n  ".join(wrong))
