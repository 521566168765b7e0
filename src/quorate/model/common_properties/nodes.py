"""The common properties of nodes (spec/05 §2).

Owns: their definitions. Does not know: the record; names are those of the fields of `NodeSpec`, which a test holds.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.defining import (
    DESCRIPTION,
    STATE,
    PropertyClass,
    listing,
    number,
    shown,
)
from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind

NODE_PROPERTIES: Final = (
    DESCRIPTION,
    number("weight", "NodeWeight", "1: the node may vote; 0: it never does", 0, 1, 1),
    PropertyDefinition(
        name="site",
        reference_alias="Site",
        kind=PropertyKind.STRING,
        words="a word for what fails together with it; nodes without one are in one site",
        default="",
    ),
    listing(
        "fault_domain", "FaultDomain", "what it shares below its site, widest first: room, rack", PropertyForm.WORD
    ),
    listing("capacity", "", "what groups may demand of it, as NAME=NUMBER", PropertyForm.QUANTITY),
)

NODE: Final = PropertyClass(
    "node",
    NODE_PROPERTIES,
    (
        shown("id", "NodeId", "its number, never used again"),
        shown("name", "NodeName", "changed with the command rename"),
        STATE,
        shown("node_instance_id", "NodeInstanceID", "its present life"),
        shown("dynamic_weight", "DynamicWeight", "its votes now"),
        shown("node_drain_status", "NodeDrainStatus", "whether its groups are leaving"),
        shown("node_drain_target", "NodeDrainTarget", "where they go; -1: each to its best node"),
        shown("node_highest_version", "NodeHighestVersion", "the newest release that its software can write"),
        shown("node_lowest_version", "NodeLowestVersion", "the oldest release that its software works with"),
        shown("addresses", "", "where it is reached, by network"),
    ),
)
