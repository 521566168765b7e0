"""What the routes do by which machines join: tokens, and the enrolment of nodes and witnesses.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call
from quorate.api.handlers import Nothing
from quorate.control import (
    enrolment,
    tokens,
    witnesses,
)
from quorate.control.change import Change, Changed, Occasion
from quorate.control.executor import execute, execute_reading, new_occasion
from quorate.core.cluster_view import ClusterView
from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
from quorate.model.records import Snapshot
from quorate.model.witness import WitnessAnswer, WitnessRequest
from quorate.wire.join_token import SECRET_BYTES


async def create_token(call: Call[tokens.TokenWish]) -> tokens.NewToken:
    """A one-time word that lets one machine become a node."""
    context = call.context
    secret, fingerprint = context.entropy(SECRET_BYTES), context.signer.fingerprint()

    def command(view: ClusterView, occasion: Occasion) -> Change[tokens.NewToken]:
        return tokens.create_token(view, occasion, call.body, fingerprint=fingerprint, secret=secret)

    return await execute(context, command, call.occasion())


async def list_tokens(call: Call[Nothing]) -> tokens.TokenList:
    """The join tokens that are remembered, without their secrets."""
    return await tokens.list_tokens(call.context)


async def revoke_token(call: Call[Nothing]) -> Changed:
    """Let nobody join by a token any more; it is named by its id or the beginning of that."""
    key = await tokens.stored_key(call.context, call.name)
    occasion = call.occasion()
    done = await execute_reading(
        call.context, (key,), lambda view, read, now: tokens.revoke_token(view, read.get(key), now), occasion
    )
    return Changed(id=done.id, name=done.name, changed=done.changed, outcome="accepted")


async def join(call: Call[EnrolmentRequest]) -> EnrolmentAnswer:
    """A machine becomes a node. The one route without a client certificate: the token speaks."""
    context = call.context
    key = enrolment.token_key(call.body.secret)
    key_hash = context.signer.request_key_hash(call.body.certificate_request)

    def command(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[enrolment.Enrolled]:
        return enrolment.enrol(view, call.body, snapshot.get(key), key_hash, occasion)

    occasion = new_occasion(context, f"machine {call.body.name}", "join")
    enrolled = await execute_reading(context, (key,), command, occasion)
    return EnrolmentAnswer(
        node=enrolled.node.node,
        cluster=enrolled.cluster,
        nodes=enrolled.nodes,
        credentials=context.signer.credentials(call.body.certificate_request, enrolled.node),
    )


async def join_as_witness(call: Call[WitnessRequest]) -> WitnessAnswer:
    """A machine becomes a witness host of this cluster. Without a client certificate: the token speaks."""
    context = call.context
    key = enrolment.token_key(call.body.secret)
    key_hash = context.signer.request_key_hash(call.body.certificate_request)

    def command(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[witnesses.Witnessed]:
        return witnesses.enrol_witness(view, call.body, snapshot.get(key), key_hash, occasion)

    occasion = new_occasion(context, f"machine {call.body.name}", "witness join")
    witnessed = await execute_reading(context, (key,), command, occasion)
    request, name, address = call.body.certificate_request, call.body.name, call.body.address
    certificate, authority = context.signer.witness_certificate(request, name, address)
    return WitnessAnswer(
        cluster_id=witnessed.cluster_id,
        cluster_name=witnessed.cluster_name,
        profile=witnessed.profile,
        nodes=witnessed.nodes,
        certificate=certificate,
        authority=authority,
    )
