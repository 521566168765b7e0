"""The common properties of the cluster (spec/05 §1).

Owns: their definitions. Does not know: the record; names are those of the fields of `ClusterSpec`, which a test holds.
"""

from __future__ import annotations

from typing import Final

from quorate.model.checkpoint import LIMIT_MOST_KIB
from quorate.model.common_properties.defining import (
    DESCRIPTION,
    ID,
    NAME,
    PropertyClass,
    flag,
    number,
    shown,
    text,
)
from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind
from quorate.model.resource_type import NEVER_MS
from quorate.model.topology import ROLES

CLUSTER_PROPERTIES: Final = (
    DESCRIPTION,
    number("add_evict_delay_s", "AddEvictDelay", "no machine joins so long after an eviction", 0, 600, 60, "s"),
    number(
        "quarantine_threshold", "QuarantineThreshold", "failures an hour that keep a node out; 0: never", 0, NEVER_MS, 3
    ),
    number("quarantine_duration_s", "QuarantineDuration", "how long a node is kept out", 0, NEVER_MS, 7200, "s"),
    number("expulsion_limit", "", "nodes that may be put out within a period; 0: no limit", 0, 64, 10),
    number("expulsion_period_s", "", "period in which they are counted", 10, 86_400, 600, "s"),
    PropertyDefinition(
        name="default_network_role",
        reference_alias="DefaultNetworkRole",
        kind=PropertyKind.STRING,
        words="role of networks that are found later: none (0), cluster (1), client (2), both (3)",
        choices=ROLES,
        default="both",
    ),
    number("same_subnet_delay_ms", "SameSubnetDelay", "between heartbeats; 0: the profile's", 0, 2000, 0, "ms"),
    number(
        "same_subnet_threshold", "SameSubnetThreshold", "heartbeats that may be missed; 0: the profile's", 0, 120, 0
    ),
    number("cross_subnet_delay_ms", "CrossSubnetDelay", "the same across subnets; 0: as within one", 0, 4000, 0, "ms"),
    number("cross_subnet_threshold", "CrossSubnetThreshold", "the same across subnets; 0: as within one", 0, 120, 0),
    number("cross_site_delay_ms", "CrossSiteDelay", "the same between sites; 0: as within a subnet", 0, 4000, 0, "ms"),
    number("cross_site_threshold", "CrossSiteThreshold", "the same between sites; 0: as within a subnet", 0, 120, 0),
    number("route_history_length", "RouteHistoryLength", "heartbeats kept of a path that is lost", 0, 40, 10),
    number("history_keep_days", "HistoryKeepDays", "changes are remembered for so long", 1, 36_500, 365, "d"),
    number("history_keep_number", "HistoryKeepNumber", "so many changes are remembered", 100, 100_000, 10_000),
    number("token_keep_days", "TokenKeepDays", "expired tokens are remembered for so long", 0, 3650, 30, "d"),
    number("token_keep_number", "TokenKeepNumber", "so many expired tokens are remembered", 0, 10_000, 100),
    number("backup_interval_min", "BackupInterval", "between scheduled backups; 0: none", 0, 525_600, 0, "min"),
    PropertyDefinition(
        name="backup_folder",
        reference_alias="BackupFolder",
        kind=PropertyKind.STRING,
        form=PropertyForm.ABSOLUTE_PATH,
        words="where scheduled backups go, on every node",
        default="",
    ),
    number("checkpoint_limit_kib", "CheckpointLimit", "most of one checkpoint", 1, LIMIT_MOST_KIB, 1024, "KiB"),
    number("backup_keep", "BackupKeep", "so many scheduled backups stay in the folder", 1, 10_000, 14),
    flag(
        "cluster_enforced_anti_affinity",
        "ClusterEnforcedAntiAffinity",
        "groups that are kept apart stay offline rather than share a place",
        default=False,
    ),
    text("preferred_site", "PreferredSite", "its nodes come first for groups that prefer none", PropertyForm.WORD),
    number(
        "cluster_group_wait_delay_s",
        "ClusterGroupWaitDelay",
        "when the cluster forms, groups wait so long for their preferred nodes",
        0,
        3600,
        120,
        "s",
    ),
    number(
        "group_dependency_timeout_s",
        "GroupDependencyTimeout",
        "a group starts after so long although what it depends on is not ready",
        0,
        NEVER_MS,
        600,
        "s",
    ),
    number("priority_stagger_s", "", "groups wait so long for those of higher priority", 0, 3600, 30, "s"),
    number("start_limit", "", "groups that start on one node at a time; 0: no limit", 0, 10_000, 0),
    number("drain_limit", "", "groups that leave one node at a time; 0: no limit", 0, 10_000, 0),
    number("minimum_preemptor_priority", "MinimumPreemptorPriority", "lowest priority that may preempt", 0, 4999, 1),
    number(
        "minimum_never_preempt_priority",
        "MinimumNeverPreemptPriority",
        "groups from this priority on are never preempted",
        0,
        4999,
        3000,
    ),
    flag(
        "ignore_persistent_state_on_startup",
        "IgnorePersistentStateOnStartup",
        "when the cluster forms, every group stays offline",
        default=False,
    ),
    text("time_zone", "", "of the hours of windows, like Europe/Berlin; empty: that of the node which leads"),
)

CLUSTER: Final = PropertyClass(
    "cluster",
    CLUSTER_PROPERTIES,
    (
        ID,
        NAME,
        shown("profile", "", "the timings it was created with"),
        shown("functional_level", "ClusterFunctionalLevel", "raised with quorate cluster upgrade-level"),
        shown("max_number_of_nodes", "MaxNumberOfNodes", "as many nodes can belong to it"),
        shown("quorum_type", "QuorumType", "changed with quorate quorum set"),
        shown("fix_quorum", "FixQuorum", "whether it runs with forced quorum"),
        shown("coordinator", "", "the node that leads"),
        shown("networks", "", "subnets between the nodes"),
    ),
)
