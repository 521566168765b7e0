"""Networks and interfaces as pages: which of their facts are shown, and in what order.

Owns: these pages. Does not know: terminals (`cli.render`), or the pages of other nouns (`cli.pages`).
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
from quorate.control.path_views import PathMatrix, PathView
from quorate.control.views import InterfaceView, NetworkView


def network_table(networks: tuple[NetworkView, ...]) -> Table:
    """All networks, one a row."""
    rows = tuple(
        (
            network.name,
            network.state,
            network.role,
            ", ".join(network.prefixes),
            f"{network.metric}{' (automatic)' if network.auto_metric else ''}",
            _interfaces(network),
        )
        for network in networks
    )
    return Table(("network", "state", "role", "subnets", "metric", "interfaces"), rows)


def _interfaces(network: NetworkView) -> str:
    """How many are up, and the names of those that are not."""
    others = [f"{interface.node} {interface.state}" for interface in network.interfaces if interface.state != "up"]
    up = len(network.interfaces) - len(others)
    return ", ".join([f"{up} of {len(network.interfaces)} up", *others])


def interface_table(interfaces: tuple[InterfaceView, ...]) -> Table:
    """All interfaces, one a row."""
    rows = tuple(
        (
            interface.name,
            interface.network,
            interface.state,
            "yes" if interface.carries else "no",
            ", ".join((*interface.ipv4_addresses, *interface.ipv6_addresses)) or "-",
            ", ".join(interface.unreachable) or "-",
        )
        for interface in interfaces
    )
    return Table(("interface", "network", "state", "link", "addresses", "does not reach"), rows)


def network_page(network: NetworkView) -> Page:
    """One network."""
    facts = (
        ("network", f"{network.name} ({network.id})"),
        ("state", f"{network.state} ({network.state_value})"),
        ("role", f"{network.role} ({network.role_value})"),
        ("subnets", ", ".join(network.prefixes)),
        ("metric", f"{network.metric}, {'chosen by the cluster' if network.auto_metric else 'set'}"),
        ("description", network.description or "-"),
    )
    return Page((Section(facts=facts), Section("Interfaces", table=interface_table(network.interfaces))))


def interface_page(interface: InterfaceView) -> Page:
    """One interface."""
    facts = (
        ("interface", f"{interface.name} ({interface.id})"),
        ("state", f"{interface.state} ({interface.state_value})"),
        ("node", interface.node),
        ("network", interface.network),
        ("adapter", f"{interface.adapter or 'unknown'}, {'link' if interface.carries else 'no link'}"),
        ("address", interface.address or "-"),
        ("addresses", ", ".join((*interface.ipv4_addresses, *interface.ipv6_addresses)) or "-"),
        ("does not reach", ", ".join(interface.unreachable) or "-"),
        ("description", interface.description or "-"),
    )
    return Page((Section(facts=facts),))


def matrix_page(matrix: PathMatrix) -> Page:
    """One table a network: a row for every hearer, a column for everybody it may hear."""
    sections = []
    for network in dict.fromkeys(path.network for path in matrix.paths):
        paths = {(path.hearer, path.sender): path for path in matrix.paths if path.network == network}
        names = sorted({name for pair in paths for name in pair})
        rows = tuple(
            (hearer, *("·" if hearer == sender else _heard(paths.get((hearer, sender))) for sender in names))
            for hearer in names
        )
        sections.append(Section(f"Network {network}", table=Table(("hears →", *names), rows)))
        lost = tuple(_lost(path) for path in paths.values() if not path.heard and path.history)
        if lost:
            sections.append(Section(sentences=lost))
    if not sections:
        return Page((Section(sentences=("no node hears any other: there is one node, or nothing was told yet",)),))
    return Page(tuple(sections))


def _heard(path: PathView | None) -> str:
    if path is None:
        return "-"
    if not path.heard:
        return f"lost for {path.silent_ms / 1000:.1f} s" if path.silent_ms >= 0 else "lost"
    if not path.measured:
        return "heard"
    trip = f"{path.round_trip_us / 1000:.2f} ms" if path.round_trip_us >= 0 else "heard"
    return f"{trip}, {path.loss:.0%} lost" if path.missing else trip


def _lost(path: PathView) -> str:
    last = ", ".join(f"{beat.serial} ({beat.before_loss_ms} ms)" for beat in path.history)
    return f"{path.hearer} lost {path.sender}; its last heartbeats, and how long before: {last}"
