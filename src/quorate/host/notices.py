"""What a type is told of changes that are none of its properties: name, group, dependencies (spec/04 §8.2).

Owns: which notices follow from two specifications, and their order. Does not know: how they are called
(`host.instance`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from quorate.sdk.resource_type import ResourceType
from quorate.wire.host_channel import Open

Notice = tuple[str, Callable[[], Coroutine[Any, Any, None]]]
"""Its name, for logs and limits, and the call."""


def notices(told: ResourceType, before: Open, now: Open) -> Iterator[Notice]:
    """What is to be told to that instance; names of other resources are as they are now, or were last."""
    if before.name != now.name:
        yield "renamed", partial(told.renamed, before.name)
    if not before.group_id or not now.group_id:
        return  # a service of an older release said nothing of these
    if before.group_id != now.group_id:
        yield "leaving group", partial(told.leaving_group, before.group)
        yield "joining group", partial(told.joining_group, now.group)
    for other in sorted(before.depends_on.keys() - now.depends_on.keys()):
        yield "dependency removed", partial(told.dependency_removed, other, before.depends_on[other])
    for other in sorted(now.depends_on.keys() - before.depends_on.keys()):
        yield "dependency added", partial(told.dependency_added, other, now.depends_on[other])
