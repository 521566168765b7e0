"""The common properties of groups (spec/05 §3).

Owns: their definitions. Does not know: the records; names are those of the fields of `GroupSpec`, which a test holds.
People name the preferred owners, and the record has their numbers: so that one stands beside `GROUP_PROPERTIES`.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.defining import (
    DESCRIPTION,
    ID,
    NAME,
    STATE,
    PropertyClass,
    choice,
    flag,
    listing,
    number,
    shown,
    text,
)
from quorate.model.proofs import PROOF_LEVELS
from quorate.model.properties import PropertyForm
from quorate.model.resource_type import NEVER_MS

LEVELS: Final = ("node", "fault_domain", "site")
_WORD: Final = PropertyForm.WORD

GROUP_PROPERTIES: Final = (
    DESCRIPTION,
    number("auto_failback_type", "AutoFailbackType", "0: stay; 1: return to a better preferred owner", 0, 1, 0),
    number("failover_threshold", "FailoverThreshold", "failovers a period; all-ones: nodes - 1", 0, NEVER_MS, NEVER_MS),
    number("failover_period_h", "FailoverPeriod", "period in which failovers are counted", 0, 1193, 6, "h"),
    number("priority", "Priority", "higher ones are placed first", 0, 4999, 2000),
    choice(
        "required_proof",
        "",
        "proof of a lost owner's end without which the group goes nowhere else",
        PROOF_LEVELS,
        "lease",
    ),
    listing("anti_affinity_class_names", "AntiAffinityClassNames", "groups that share one are kept apart", _WORD),
    flag("anti_affinity_enforced", "", "it stays offline rather than share a place with one of those", default=False),
    listing("affinity_class_names", "", "groups that share one are kept together", _WORD),
    flag("affinity_enforced", "", "it stays offline rather than be apart from those", default=False),
    listing("spread_class_names", "", "groups that share one are spread evenly", _WORD),
    choice("separation_level", "", "what counts as one place where groups are kept apart or spread", LEVELS, "node"),
    text("preferred_site", "PreferredSite", "its nodes come first; empty: the cluster's", _WORD),
    flag("sticky", "", "it stays where it was last, unless something weighs more", default=True),
    listing("demand", "", "what it takes of a node's capacity, as NAME=NUMBER", PropertyForm.QUANTITY),
    flag("locked_from_moving", "LockedFromMoving", "neither moved, nor drained, nor failed back", default=False),
    number(
        "cold_start_setting",
        "ColdStartSetting",
        "when the cluster forms: 0 start, 1 stay offline, 2: it may run until the next time, and stays offline then",
        0,
        2,
        0,
    ),
    number("group_start_delay_ms", "GroupStartDelay", "before it starts by itself", 0, 1_800_000, 0, "ms"),
    number("failback_window_start", "FailbackWindowStart", "from this hour it may fail back; -1: any", -1, 23, -1, "h"),
    number("failback_window_end", "FailbackWindowEnd", "until this hour, also over midnight; -1: any", -1, 23, -1, "h"),
    number("failback_stable_s", "", "it returns to a node only after that was up so long", 0, 604_800, 0, "s"),
)

PREFERRED_OWNERS: Final = listing(
    "preferred_owners", "PreferredOwnerNodes", "names of nodes that come first, best first", PropertyForm.ANY
)
"""Setting it replaces the whole list."""

GROUP: Final = PropertyClass(
    "group",
    (*GROUP_PROPERTIES, PREFERRED_OWNERS),
    (
        ID,
        NAME,
        STATE,
        shown("owner", "OwnerNode", "the node that has it"),
        shown("persistent_state", "PersistentState", "whether it should be online; set by online and offline"),
        shown("default_owner", "DefaultOwner", "the node that had it last"),
        shown("failovers", "", "because of failed resources, as far as they are counted against the threshold"),
        shown("status_information", "StatusInformation", "what is to be known beside the state"),
        shown("group_type", "GroupType", "9999: no group has a type of its own"),
        shown("is_core", "IsCore", "no: the cluster has no core group"),
    ),
)
