"""Two rules about imports that import-linter cannot state for modules that may come and go.

Owns: which module may name which heavy library, and what the sentinel may load. The contracts between our own
packages stand in pyproject.toml; reasons for all of them in docs/decisions/0002.
"""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatchcase

import grimp
import pytest

HOMES = {
    "cryptography": ["adapters.pki", "adapters.sealing"],
    "httpx2": ["adapters.etcd.gateway", "adapters.etcd.peers", "adapters.quorum_storage.object_bucket", "client"],
    "msgspec": [
        "model.base",
        "wire.*",
        "adapters.etcd.*",
        "sdk.*",
        "resources.*",
        "api.*",
        "client",
        "node.settings",
    ],
    "obstore": ["adapters.quorum_storage.object_bucket", "adapters.quorum_storage.object_opening"],
    "rich": ["cli.render"],
    "starlette": ["api.*"],
    "tomlkit": ["node.settings", "cli.*"],
    "uvicorn": ["api.*", "node.service"],
}
"""Each heavy library and where it lives; `x.*` means everything below x."""

SENTINEL = [
    "node.sentinel",
    "node.sentinel_loop",
    "core.authority.lease",
    "core.authority.orders",
    "core.authority.timings",
    "core.authority.mutations",
    "core.link",
    "model.records",
    "wire.heartbeat",
    "wire.sentinel_channel",
    "wire.holdings",
    "wire.lease_page",
    "adapters.guard",
]
"""What the small process consists of (design section 2), with whatever these import."""

HEAVY = ["asyncio", *HOMES]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "quorate", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def own_modules(graph: grimp.ImportGraph) -> list[str]:
    return sorted(module for module in graph.modules if module.partition(".")[0] == "quorate")


def sentinel_modules(graph: grimp.ImportGraph) -> list[str]:
    return [m for m in own_modules(graph) if any(fnmatchcase(m, f"quorate.{pattern}") for pattern in SENTINEL)]


@pytest.mark.parametrize("library", HOMES)
def test_heavy_library_stays_at_home(graph: grimp.ImportGraph, library: str) -> None:
    importers = graph.find_modules_that_directly_import(library) if library in graph.modules else set()
    strays = {m for m in importers if not any(fnmatchcase(m, f"quorate.{home}") for home in HOMES[library])}
    assert not strays, f"{library} is imported by {sorted(strays)}; its home is {HOMES[library]}, go through that"


@pytest.mark.parametrize("library", HEAVY)
def test_sentinel_reaches_nothing_heavy(graph: grimp.ImportGraph, library: str) -> None:
    """Also where the import stands inside a function, which running the modules would not show."""
    chains = [
        " -> ".join(chain)
        for module in sentinel_modules(graph)
        if library in graph.modules
        for chain in [graph.find_shortest_chain(module, library)]
        if chain is not None
    ]
    assert not chains, "the sentinel stays small: " + "; ".join(chains)


def test_sentinel_loads_nothing_heavy(graph: grimp.ImportGraph) -> None:
    """Also what the standard library drags in, which the graph of imports does not show."""
    program = f"import {', '.join(sentinel_modules(graph))}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not set(loaded) & set(HEAVY)
