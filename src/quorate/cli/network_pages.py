"""Networks and interfaces as pages: which of their facts are shown, and in what order.

Owns: these pages. Does not know: terminals (`cli.render`), or the pages of other nouns (`cli.pages`).
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
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
