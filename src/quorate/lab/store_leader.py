"""Which node's member leads the store: asked from inside a node, printed as its name.

Owns: one question to every member. Does not know: labs; benchmarks run it on a node.
"""

from __future__ import annotations

import asyncio
import sys

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.node.identity import load_identity, load_replica
from quorate.node.member_keeper import member_name
from quorate.node.places import Places
from quorate.node.store_link import tls_context


async def leader(places: Places) -> str:
    """The name of the leading member's node; empty where nobody answers."""
    identity = load_identity(places)
    if identity is None:
        return ""
    for spec in load_replica(places, identity).nodes:
        endpoint = f"https://{spec.fabric_address}:{spec.client_port}"
        async with Gateway([endpoint], tls=tls_context(places)) as gateway:
            try:
                status = await gateway.status(endpoint)
                members = await gateway.members(timeout_s=1.0)
            except GatewayError:
                continue
            names = {member.id: member.name for member in members}
            numbers = {member_name(s.node): s.name for s in load_replica(places, identity).nodes}
            return numbers.get(names.get(status.leader, ""), "")
    return ""


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(leader(Places.from_environment())) + "\n")
