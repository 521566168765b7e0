"""The properties of resources and resource types: values, what counts, and where that comes from (spec/05 §4 and §5).

Owns: these views. Does not know: what a property brings about.
"""

from __future__ import annotations

from quorate.control import queries
from quorate.control.context import Context
from quorate.control.property_views import Effective, ObjectProperties, object_properties
from quorate.control.requirements import required_words
from quorate.model.properties import PropertyValue
from quorate.model.resource_type import Characteristic, Manifest
from quorate.model.workload import ResourceSpec


def resource_properties(context: Context) -> list[ObjectProperties]:
    """Of every resource, by name."""
    view, made = context.view, []
    for own, known in sorted(view.resources.items(), key=lambda entry: entry[1].record.name.casefold()):
        spec: ResourceSpec = known.record
        seen = queries.view_resource(view, spec)
        manifest = context.types.find(spec.type)
        shown: dict[str, PropertyValue] = {
            "id": own,
            "name": spec.name,
            "type": spec.type,
            "state": seen.state,
            "owner_group": seen.group,
            "owner": seen.owner,
            "persistent_state": seen.wanted == "online",
            "depends_on": seen.depends_on,
            "possible_owners": list(seen.possible_owners),
            "core_resource": False,
            "registry_checkpoints": [point.path for point in spec.checkpoints],
            "crypto_checkpoints": [point.path for point in spec.checkpoints if point.secret],
            "resource_specific_status": seen.detail,
            "status_information": sorted(seen.flags),
            "required_proof": spec.required_proof,
            **(_declared(manifest) if manifest is not None else {}),
        }
        made.append(object_properties("resource", spec.name, spec, _of_type(spec, manifest), shown))
    return made


def _of_type(spec: ResourceSpec, manifest: Manifest | None) -> Effective:
    if manifest is None:
        return {}
    times = manifest.timeouts
    defaults = {name: getattr(times, name) for name in times.__struct_fields__}
    defaults["stop_failure_action"] = "hold" if manifest.stop_failure_endangers_data else "end"
    return {name: (value, "type") for name, value in defaults.items() if getattr(spec, name) == value}


def _declared(manifest: Manifest) -> dict[str, PropertyValue]:
    types, classes = required_words(manifest)
    return {
        "resource_class": manifest.resource_class.name.casefold(),
        "characteristics": [one.name or "" for one in Characteristic(manifest.characteristics)],
        "required_dependency_types": list(types),
        "required_dependency_classes": list(classes),
    }


def type_properties(context: Context) -> list[ObjectProperties]:
    """Of every type that is built in or that a resource has."""
    found = {name: context.types.find(name) for name in context.types.names()}
    for known in context.view.resources.values():
        found.setdefault(known.record.type, context.types.find(known.record.type))
    made = []
    for name, manifest in sorted(found.items()):
        if manifest is None:
            continue
        times = manifest.timeouts
        shown: dict[str, PropertyValue] = {
            "registered_name": name,
            "display_name": manifest.display_name,
            "description": manifest.description,
            "required_proof": manifest.required_proof,
            **{field: getattr(times, field) for field in times.__struct_fields__},
            **_declared(manifest),
        }
        made.append(object_properties("type", name, None, {}, shown))
    return made
