"""The specifications of the cluster database as plain values: which keys they are, and how two of them differ.

Owns: the list of classes whose former values are kept, the leaving out of secrets, and the words for fields.
Does not know: where former values are kept (`control.recording`).
How it works: a record becomes one flat table of fields; a field that is itself a table becomes `properties.address`
and so on, so that two changes to different properties of one resource are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value, decode, encode, replace
from quorate.model.dependency import format_dependency
from quorate.model.fencing import FenceDevice
from quorate.model.history import Action, FieldChange, ObjectChange, Plain
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.quorum import QuorumSpec
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupSetSpec, GroupSpec, ResourceSpec

_CLASSES: Final[tuple[tuple[str, str, type[Value]], ...]] = (
    (keys.SPEC_CLUSTER, "cluster", ClusterSpec),
    (keys.SPEC_QUORUM, "quorum", QuorumSpec),
    (keys.SPEC_NODE, "node", NodeSpec),
    (keys.SPEC_GROUP, "group", GroupSpec),
    (keys.SPEC_RESOURCE, "resource", ResourceSpec),
    (keys.SPEC_SET, "set", GroupSetSpec),
    (keys.SPEC_NETWORK, "network", NetworkSpec),
    (keys.SPEC_FENCE, "fence_device", FenceDevice),
)


def class_of(key: str) -> tuple[str, type[Value]] | None:
    """The class and type of a specification's key; None for every other key."""
    found = (entry for entry in _CLASSES if key == entry[0] or (entry[0].endswith("/") and key.startswith(entry[0])))
    return next(((kind, form) for _, kind, form in found), None)


def known_record(view: ClusterView, key: str) -> Known[Any] | None:
    """What the replica holds under a specification's key."""
    found = class_of(key)
    own = key.rpartition("/")[2]
    match found[0] if found else "":
        case "cluster":
            return view.cluster
        case "quorum":
            return view.quorum
        case "node":
            return view.nodes.get(int(own))
        case "group":
            return view.groups.get(own)
        case "resource":
            return view.resources.get(own)
        case "set":
            return view.sets.get(own)
        case "network":
            return view.networks.get(own)
        case "fence_device":
            return view.fence_devices.get(key.removeprefix(keys.SPEC_FENCE))
        case _:
            return None


def plain(record: Value) -> Plain:
    """A record as a plain object; of secrets only the names stay."""
    if isinstance(record, FenceDevice):
        record = replace(record, secrets=dict.fromkeys(record.secrets, ""))
    made: Plain = decode(encode(record), dict[str, Any])
    return made


def plain_now(view: ClusterView, key: str) -> Plain | None:
    """What the replica holds under that key, as a plain object."""
    known = known_record(view, key)
    return plain(known.record) if known is not None else None


def record_of(key: str, value: Plain) -> Value:
    """The record that a plain object stands for. Raises Damaged."""
    found = class_of(key)
    assert found is not None, key
    return decode(encode(value), found[1], key)


def flat(key: str, value: Plain | None) -> dict[str, Any]:
    """Every field with its value, defaults included; fields of tables under their dotted names. Raises Damaged."""
    if value is None:
        return {}
    record = record_of(key, value)
    made: dict[str, Any] = {}
    for name in record.__struct_fields__:
        content: Any = decode(encode(getattr(record, name)), object)
        if isinstance(content, dict):
            made |= {f"{name}.{entry}": inner for entry, inner in content.items()}
        else:
            made[name] = content
    return made


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the fields that are not the same."""
    return tuple(name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name))


def object_change(view: ClusterView, key: str, before: Plain | None, after: Plain | None) -> ObjectChange | None:
    """How two values of one object differ, in words of the cluster as it is; None where they do not."""
    found = class_of(key)
    if found is None or before == after:
        return None
    old, new = flat(key, before), flat(key, after)
    action: Action = "changed" if before is not None and after is not None else "removed" if before else "added"
    fields = tuple(
        FieldChange(field=name, before=_told(view, name, old.get(name)), after=_told(view, name, new.get(name)))
        for name in differing(old, new)
        if action == "changed" or (old or new).get(name) not in ("", [], None)
    )
    return ObjectChange(action=action, kind=found[0], name=title(key, before, after), key=key, fields=fields)


def title(key: str, before: Plain | None, after: Plain | None) -> str:
    """The name of an object, the newer one."""
    return str((after or before or {}).get("name") or key.rpartition("/")[2])


def _told(view: ClusterView, field: str, value: Any) -> Any:  # noqa: ANN401 - JSON is what it is
    """Numbers of nodes and ids of resources as names, where there are such."""
    if field in {"preferred_owners", "possible_owners"} and isinstance(value, list):
        return [node_name(view, node) for node in value]
    if field == "starts_after" and isinstance(value, list):
        return [view.resources[entry].record.name if entry in view.resources else entry for entry in value]
    if field == "depends_on" and isinstance(value, list):
        known = view.resources
        expression = tuple(tuple(part) for part in value)
        return format_dependency(expression, lambda entry: known[entry].record.name if entry in known else entry)
    return value
