"""Another quorum model, or another place for it: what is wished, what stands against it, what is written (spec/02 §8).

Owns: `quorum set`. Does not know: how votes change (`core.votes`); a command writes what is wanted, and the coordinator
takes the steps.
"""

from __future__ import annotations

import ipaddress
import posixpath
from typing import Final, get_args

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.control.names import unknown
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.core.votes import LIGHT_VOTERS, has_majority
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import LIGHT_KINDS, QuorumModel, QuorumSpec, StorageKind

MODELS: Final = get_args(QuorumModel)


class QuorumWish(Value, frozen=True, kw_only=True):
    """What the quorum shall be; None leaves a setting as it is."""

    model: str | None = None
    directory: str | None = None
    device: str | None = None
    witness: str | None = None
    """`address:port` of a witness host that has joined."""
    share: str | None = None
    """A folder on a share, for the record of a light witness."""
    s3: str | None = None
    """A bucket, for the record of a light witness: `s3://BUCKET/PREFIX?region=NAME&endpoint=URL`."""
    azure: str | None = None
    """A container, for the record of a light witness: `azure://CONTAINER/PREFIX?account=NAME`."""
    dynamic_votes: bool | None = None
    lower_priority_node: str | None = None
    """Name of a node, or empty for none."""


def set_quorum(
    view: ClusterView, wish: QuorumWish, storage_problems: tuple[Problem, ...], occasion: Occasion
) -> Change[Done]:
    """Write what the quorum shall be. Raises Refused with everything that stands against it.

    `storage_problems` are what the answering node found wrong with the storage that is named.
    """
    former = view.quorum_spec
    problems = [*storage_problems]
    model = wish.model if wish.model is not None else former.model
    if model not in MODELS:
        problems.append(unknown("quorum_model", model, MODELS, "model"))
        raise Refused(problems)
    kind, path = wished_storage(wish)
    problems += _storage_problems(wish, former, model, kind, path)
    lower = former.lower_priority_node
    if wish.lower_priority_node is not None:
        node = (
            find_node(view, wish.lower_priority_node, problems, "lower_priority_node")
            if (wish.lower_priority_node)
            else None
        )
        lower = node.node if node is not None else 0
    if model != former.model:
        problems += _unsafe(view, model)
    if problems:
        raise Refused(problems)
    wanted = altered(
        former,
        model=model,
        kind=kind or former.kind,
        path=path or former.path,
        dynamic_votes=former.dynamic_votes if wish.dynamic_votes is None else wish.dynamic_votes,
        lower_priority_node=lower,
    )
    done = Done(id="quorum", name="quorum", changed=wanted != former)
    if wanted == former:
        return unchanged(done)
    revision = view.quorum.revision if view.quorum is not None else None
    change = Change((guard(keys.SPEC_QUORUM, revision),), (put(keys.SPEC_QUORUM, wanted),), done)
    detail = f"{wanted.model} {wanted.kind} {wanted.path}".strip()
    return audited(change, occasion, verb="set", kind="quorum", object_id="quorum", object_name="quorum", detail=detail)


def wished_storage(wish: QuorumWish) -> tuple[StorageKind, str]:
    """The storage that is named; two empty words where none is."""
    if wish.directory:
        return "directory", posixpath.normpath(wish.directory)
    if wish.device:
        return "block_device", posixpath.normpath(wish.device)
    if wish.witness:
        return "witness", wish.witness
    if wish.share:
        return "share", posixpath.normpath(wish.share)
    if wish.s3:
        return "s3", wish.s3
    if wish.azure:
        return "azure", wish.azure
    return "", ""


def _storage_problems(wish: QuorumWish, former: QuorumSpec, model: str, kind: StorageKind, path: str) -> list[Problem]:
    found: list[Problem] = []
    named = (wish.directory, wish.device, wish.witness, wish.share, wish.s3, wish.azure)
    if sum(map(bool, named)) > 1:
        remedy = "name the one that every node can reach"
        what = "more than one of directory, device, witness, share, s3 and azure"
        found.append(error("quorum_storage_twice", what, where="storage", remedy=remedy))
    if model == "node_majority" and kind:
        remedy = "name no storage, or choose node_and_disk_majority"
        found.append(
            error("quorum_storage_unused", "with node_majority no storage votes", where="storage", remedy=remedy)
        )
    light = model == "light_witness"
    named_kind = kind or former.kind
    if model != "node_majority" and not named_kind:
        remedy = "add --directory or --device with a path that every node reaches, or --witness"
        remedy = "add --share, --s3 or --azure" if light else remedy
        found.append(error("quorum_storage_missing", f"{model} needs a storage", where="storage", remedy=remedy))
    elif model != "node_majority" and light != (named_kind in LIGHT_KINDS):
        what = f"{named_kind} cannot serve {model}"
        remedy = "light_witness wants --share, --s3 or --azure; the other models --directory, --device or --witness"
        found.append(error("quorum_storage_unfit", what, where="storage", remedy=remedy))
    if kind in {"s3", "azure"}:
        pass  # whoever reaches it has read the address
    elif kind == "witness":
        found += witness_form_problems(path)
    elif path and not path.startswith("/"):
        remedy = "give the absolute path that is the same on every node"
        found.append(error("quorum_path_relative", f"{path} is not absolute", where="storage", remedy=remedy))
    if model == "disk_only" and (kind or former.kind) == "witness":
        remedy = "choose node_and_disk_majority: the witness votes beside the nodes"
        found.append(error("witness_not_alone", "a witness cannot be the only vote", where="model", remedy=remedy))
    if kind and former.kind and (kind, path) != (former.kind, former.path):
        what = f"{former.path} is in use as quorum storage"
        remedy = "go to node_majority first: its vote must be gone before another storage gets one"
        found.append(error("quorum_storage_in_use", what, where="storage", remedy=remedy))
    return found


def witness_form_problems(path: str) -> list[Problem]:
    """Whether `address:port` is one."""
    host, _, port = path.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        good = 1 <= int(port) <= 65535
    except ValueError:
        good = False
    if good:
        return []
    remedy = "write it like 10.77.1.9:7422, as quorate witness join printed it"
    return [error("witness_address_form", f"{path!r} is not an address and a port", where="witness", remedy=remedy)]


def _unsafe(view: ClusterView, model: str) -> list[Problem]:
    """Why the step to that model would put the quorum at risk now."""
    able = {node for node, known in view.nodes.items() if known.record.weight}
    up = able & set(view.authority.up())
    if model == "light_witness":
        return _unsafe_light(view, able, up)
    if model in {"node_majority", "node_and_disk_majority"} and not able:
        remedy = "give nodes a weight first"
        return [error("quorum_change_unsafe", "no node may vote", where="model", remedy=remedy)]
    if model == "node_majority" and not has_majority(able, up):
        what = f"without the quorum resource {len(up)} of {len(able)} voters would be up, too few for a majority"
        remedy = "start the nodes that are down first"
        return [error("quorum_change_unsafe", what, where="model", remedy=remedy)]
    if model == "disk_only" and len(up) < len(able):
        what = "a node is down: it could not give its vote back in order"
        remedy = "start it, or evict it, first"
        return [error("quorum_change_unsafe", what, where="model", remedy=remedy)]
    return []


def _unsafe_light(view: ClusterView, able: set[int], up: set[int]) -> list[Problem]:
    found: list[Problem] = []
    if len(able) != LIGHT_VOTERS:
        what = f"{len(able)} nodes may vote; beside a light witness it is two"
        remedy = "with three voters no witness is needed; else: quorate node set NODE weight=0"
        found.append(error("light_witness_not_two", what, where="model", remedy=remedy))
    if up < able:
        names = ", ".join(node_name(view, node) for node in sorted(able - up))
        what, remedy = f"{names} is down: both voters must have everything first", "start it first"
        found.append(error("quorum_change_unsafe", what, where="model", remedy=remedy))
    return found
