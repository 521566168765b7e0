"""The common properties of networks and network interfaces (spec/05 §6 and §7).

Owns: their definitions. Does not know: the record; names are those of the fields of `NetworkSpec`, which a test holds.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.defining import (
    DESCRIPTION,
    ID,
    NAME,
    STATE,
    PropertyClass,
    number,
    shown,
)
from quorate.model.properties import PropertyDefinition, PropertyKind
from quorate.model.topology import DEFAULT_METRIC, METRIC_MOST, ROLES

NETWORK_PROPERTIES: Final = (
    DESCRIPTION,
    PropertyDefinition(
        name="role",
        reference_alias="Role",
        kind=PropertyKind.STRING,
        words="who may use it: none (0), cluster (1), client (2), both (3)",
        choices=ROLES,
        default="both",
    ),
    number("metric", "Metric", "lower is used first; turns auto_metric off", 1, METRIC_MOST, DEFAULT_METRIC),
    PropertyDefinition(
        name="auto_metric",
        reference_alias="AutoMetric",
        kind=PropertyKind.BOOLEAN,
        words="let the cluster choose the metric",
        default=True,
    ),
)

INTERFACE_PROPERTIES: Final = (DESCRIPTION,)

NETWORK: Final = PropertyClass(
    "network",
    NETWORK_PROPERTIES,
    (
        ID,
        NAME,
        STATE,
        shown("address", "Address", "its first subnet"),
        shown("address_mask", "AddressMask", "the mask of that"),
        shown("prefixes", "", "all its subnets"),
        shown("ipv4_addresses", "IPv4Addresses", "its IPv4 subnets"),
        shown("ipv4_prefix_lengths", "IPv4PrefixLengths", "their prefix lengths"),
        shown("ipv6_addresses", "IPv6Addresses", "its IPv6 subnets"),
        shown("ipv6_prefix_lengths", "IPv6PrefixLengths", "their prefix lengths"),
        shown("characteristics", "Characteristics", "0: none is defined"),
        shown("flags", "Flags", "0: none is defined"),
    ),
)

INTERFACE: Final = PropertyClass(
    "interface",
    INTERFACE_PROPERTIES,
    (
        ID,
        shown("name", "Name", "follows from its node and its card"),
        STATE,
        shown("node", "Node", "whose it is"),
        shown("network", "Network", "the network it is on"),
        shown("adapter", "Adapter", "the card"),
        shown("adapter_id", "AdapterId", "from the hardware address"),
        shown("address", "Address", "where the other nodes find it"),
        shown("ipv4_addresses", "IPv4Addresses", "all its IPv4 addresses"),
        shown("ipv6_addresses", "IPv6Addresses", "all its IPv6 addresses"),
        shown("dhcp_enabled", "DhcpEnabled", "0: the cluster does not look how a card gets its address"),
    ),
)
