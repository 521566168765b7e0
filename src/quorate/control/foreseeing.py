"""Previews and forecasts, made from the replica by the coordinator's own engine.

Owns: what is imagined for each question, and the names in the answer. Does not know: what follows (`core.foresight`).
How it works: the replica is copied at once and everything else is done by a thread: the service goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace as copied

from quorate.control.cluster_day import moment_of
from quorate.control.context import Context
from quorate.control.lookup import find_node
from quorate.control.names import unknown
from quorate.control.previews import Forecast, LossView, Preview, StepView, UnservedView
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.core.cluster_view import ClusterView
from quorate.core.foresight import Foresight, Unserved, foresee, usual_steps
from quorate.core.losses import Loss, loss_of
from quorate.core.reasons import CAUSES, in_words, node_name
from quorate.model.base import replace
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import LIGHT_KINDS, QUORUM_VOTER


async def preview_of(context: Context, imagined: ClusterView, of: str, *, alters: bool = True) -> Preview:
    """What would follow if the replica were as imagined; that copy is used up."""
    present, moment = context.view.imagine(()), moment_of(context.view, context.wall_time_s(), {})
    seen = as_of(context)
    found = await asyncio.to_thread(foresee, present, imagined, moment)
    return replace(_told(present, imagined, found, seen, of), alters=alters)


async def node_loss(context: Context, names: tuple[str, ...]) -> Preview:
    """What the loss of these nodes at once would do. Raises Refused."""
    problems: list[Problem] = []
    nodes = [node for name in names if (node := find_node(context.view, name, problems)) is not None]
    if problems:
        raise Refused(problems)
    told = ", ".join(dict.fromkeys(node.name for node in nodes))
    lost = frozenset(node.node for node in nodes)
    return await _loss(context, lost, f"the loss of {'nodes' if len(lost) > 1 else 'node'} {told}")


async def quorum_loss(context: Context) -> Preview:
    """What the loss of the quorum resource, or of the witness, would do. Raises Refused."""
    if not _has_quorum_resource(context.view):
        remedy = "see who votes: quorate quorum show"
        raise Refused([error("no_quorum_resource", "the quorum has neither storage nor witness", remedy=remedy)])
    return await _loss(context, frozenset({QUORUM_VOTER}), f"the loss of the {_quorum_name(context.view)}")


def _quorum_name(view: ClusterView) -> str:
    if view.quorum_spec.kind in LIGHT_KINDS:
        return "light witness"
    return "witness" if view.quorum_spec.kind == "witness" else "quorum storage"


def _has_quorum_resource(view: ClusterView) -> bool:
    return QUORUM_VOTER in view.authority.voters or view.quorum_spec.model == "light_witness"


async def site_loss(context: Context, name: str) -> Preview:
    """What the loss of all nodes of a site would do. Raises Refused."""
    sites = sites_of(context.view)
    nodes = next((nodes for site, nodes in sites.items() if site.casefold() == name.casefold()), None)
    if not any(sites):
        remedy = "say where nodes stand: quorate node set NODE site=NAME"
        raise Refused([error("site_unknown", f"there is no site {name!r}", where="site", remedy=remedy)])
    if nodes is None or not name:
        raise Refused([unknown("site", name, [site for site in sites if site], "site")])
    return await _loss(context, nodes, f"the loss of site {name}")


def sites_of(view: ClusterView) -> dict[str, frozenset[int]]:
    """The nodes of each site, by its word as it was first written; nodes without one are in `""`."""
    words: dict[str, str] = {}
    found: dict[str, frozenset[int]] = {}
    for node, known in sorted(view.nodes.items()):
        word = words.setdefault(known.record.site.casefold(), known.record.site)
        found[word] = found.get(word, frozenset()) | {node}
    return found


async def _loss(context: Context, lost: frozenset[int], of: str) -> Preview:
    present, moment = context.view.imagine(()), moment_of(context.view, context.wall_time_s(), {})
    seen = as_of(context)
    found = await asyncio.to_thread(loss_of, present, lost, moment)
    return replace(
        _told(present, present, found.foresight, seen, of),
        keeps_majority=found.keeps_majority,
        further_losses=found.further,
        needs_proof=tuple(present.groups[group].record.name for group in found.owed),
    )


async def forecast(context: Context) -> Forecast:
    """What the loss of each thing would do now."""
    present, moment = context.view.imagine(()), moment_of(context.view, context.wall_time_s(), {})
    seen = as_of(context)

    def work() -> tuple[LossView, ...]:
        usual = usual_steps(present, moment)
        return tuple(
            _loss_view(present, seen, kind, name, loss_of(present, lost, moment, usual))
            for kind, name, lost in _losses(present)
        )

    return Forecast(as_of=seen, losses=await asyncio.to_thread(work))


def _losses(view: ClusterView) -> Iterator[tuple[str, str, frozenset[int]]]:
    for node in sorted(view.authority.up().keys() & view.nodes.keys()):
        yield "node", node_name(view, node), frozenset({node})
    sites = sites_of(view)
    for site, nodes in sorted(sites.items()) if len(sites) > 1 else ():
        yield "site", site or "(no site)", nodes
    if _has_quorum_resource(view):
        yield "quorum", _quorum_name(view), frozenset({QUORUM_VOTER})


def _loss_view(view: ClusterView, seen: AsOf, kind: str, name: str, loss: Loss) -> LossView:
    told = _told(view, view, loss.foresight, seen, name)
    return LossView(
        lost=name,
        kind=kind,
        keeps_majority=loss.keeps_majority,
        further_losses=loss.further,
        moves=_told(view, view, copied(loss.foresight, steps=loss.moved), seen, name).steps,
        unserved=tuple(one for one in told.unserved if not one.before),
        needs_proof=tuple(view.groups[group].record.name for group in loss.owed),
    )


def _told(present: ClusterView, imagined: ClusterView, found: Foresight, seen: AsOf, of: str) -> Preview:
    """With names: those of the change where it makes or renames something, else those of now."""

    def group(given: str) -> str:
        known = imagined.groups.get(given) or present.groups.get(given)
        return known.record.name if known is not None else given

    def resource(given: str) -> str:
        known = imagined.resources.get(given) or present.resources.get(given)
        return known.record.name if known is not None else given

    def node(given: int) -> str:
        return node_name(imagined, given) if given else ""

    steps = tuple(
        StepView(
            group=group(step.group),
            what=step.what,
            source=node(step.source),
            target=node(step.target),
            why=(
                *((CAUSES.get(step.cause, step.cause),) if step.cause and step.what != "stay" else ()),
                *(in_words(imagined, reason) for reason in step.reasons),
            ),
            resources=tuple(resource(one) for one in step.resources),
            anyway=step.anyway,
        )
        for step in found.steps
    )

    def left(kept: tuple[Unserved, ...]) -> tuple[UnservedView, ...]:
        return tuple(
            UnservedView(
                group=group(one.group),
                node=node(one.node),
                why=tuple(in_words(imagined, reason) for reason in one.waits),
                before=one.before,
            )
            for one in kept
        )

    unserved, waiting = left(found.unserved), left(found.waiting)
    return Preview(as_of=seen, of=of, steps=steps, unserved=unserved, waiting=waiting, settled=found.settled)
