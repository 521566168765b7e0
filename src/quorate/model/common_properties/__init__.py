"""The common properties of every class of objects: names, bounds and words (spec/05).

Owns: the list of classes; each is defined in a module of its own. Does not know: the records that hold the values.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.cluster import CLUSTER, CLUSTER_PROPERTIES
from quorate.model.common_properties.defining import PropertyClass
from quorate.model.common_properties.groups import GROUP, GROUP_PROPERTIES
from quorate.model.common_properties.networks import INTERFACE, INTERFACE_PROPERTIES, NETWORK, NETWORK_PROPERTIES
from quorate.model.common_properties.nodes import NODE, NODE_PROPERTIES
from quorate.model.common_properties.reading import fields_of, find_common, read_common, values_of
from quorate.model.common_properties.resources import RESOURCE, RESOURCE_PROPERTIES, RESOURCE_TYPE
from quorate.model.common_properties.sets import SET

__all__ = [
    "CLASSES", "CLUSTER", "CLUSTER_PROPERTIES", "GROUP", "GROUP_PROPERTIES", "INTERFACE", "INTERFACE_PROPERTIES",
    "NETWORK", "NETWORK_PROPERTIES", "NODE", "NODE_PROPERTIES", "RESOURCE", "RESOURCE_PROPERTIES", "RESOURCE_TYPE",
    "SET", "PropertyClass", "fields_of", "find_common", "read_common", "values_of",
]  # fmt: skip

CLASSES: Final[dict[str, PropertyClass]] = {
    kind.name: kind for kind in (CLUSTER, NODE, GROUP, SET, RESOURCE, RESOURCE_TYPE, NETWORK, INTERFACE)
}
"""By the name of the class."""
