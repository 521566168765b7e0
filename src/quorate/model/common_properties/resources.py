"""The common properties of resources and resource types (spec/05 §4 and §5).

Owns: their definitions. Does not know: the records; names are those of the fields of `ResourceSpec`, which a test
holds. The properties of a type are what its manifest says: nobody sets them in the cluster.
"""

from __future__ import annotations

from typing import Final

from quorate.model.common_properties.defining import (
    DESCRIPTION,
    ID,
    NAME,
    STATE,
    PropertyClass,
    number,
    shown,
)
from quorate.model.properties import PropertyDefinition, PropertyKind
from quorate.model.resource_type import NEVER_MS

ALREADY_RUNNING_ACTIONS: Final = ("adopt", "restart", "fail")
EMBEDDED_FAILURE_ACTIONS: Final = ("none", "log", "recover")
STOP_FAILURE_ACTIONS: Final = ("hold", "end", "fence")

RESOURCE_PROPERTIES: Final = (
    DESCRIPTION,
    number("restart_action", "RestartAction", "0: leave failed; 1: restart here; 2: restart, then move", 0, 2, 2),
    number("restart_threshold", "RestartThreshold", "restarts here within a period", 0, NEVER_MS, 3),
    number("restart_period_ms", "RestartPeriod", "period in which restarts are counted", 0, NEVER_MS, 900_000, "ms"),
    number("restart_delay_ms", "RestartDelay", "pause before a restart", 0, NEVER_MS, 500, "ms"),
    PropertyDefinition(
        name="restart_backoff_factor",
        kind=PropertyKind.NUMBER,
        words="every further restart within the period waits so many times longer; 1: all wait alike",
        minimum=1,
        maximum=100,
        default=1.0,
    ),
    number("restart_delay_limit_ms", "", "no pause grows beyond this", 0, NEVER_MS, 300_000, "ms"),
    number(
        "retry_period_on_failure_ms", "RetryPeriodOnFailure", "all-ones: never", 0, NEVER_MS, 3_600_000, "ms"
    ),
    PropertyDefinition(
        name="retry_repeats",
        kind=PropertyKind.BOOLEAN,
        words="make the retry after retry_period_on_failure_ms again and again; else once",
        default=False,
    ),
    PropertyDefinition(
        name="embedded_failure_action",
        reference_alias="EmbeddedFailureAction",
        kind=PropertyKind.STRING,
        words="where something inside it fails: none (0), log (1), or recover (2): as if it had failed itself",
        choices=EMBEDDED_FAILURE_ACTIONS,
        default="recover",
    ),
    PropertyDefinition(
        name="already_running_action",
        kind=PropertyKind.STRING,
        words="what runs already where it is to start: adopt it, end it and start anew, or fail and wait",
        choices=ALREADY_RUNNING_ACTIONS,
        default="restart",
    ),
    PropertyDefinition(
        name="critical",
        kind=PropertyKind.BOOLEAN,
        words="no: where it fails for good the group neither moves nor counts as failed",
        default=True,
    ),
    number("pending_timeout_ms", "PendingTimeout", "longest silence while pending", 10, NEVER_MS, 180_000, "ms"),
    number("deadlock_timeout_ms", "DeadlockTimeout", "longest call into the type", 1000, NEVER_MS, 300_000, "ms"),
    number(
        "looks_alive_poll_interval_ms", "LooksAlivePollInterval", "between cheap checks", 10, NEVER_MS, None, "ms"
    ),
    number("is_alive_poll_interval_ms", "IsAlivePollInterval", "between thorough checks", 10, NEVER_MS, None, "ms"),
    PropertyDefinition(
        name="separate_monitor",
        reference_alias="SeparateMonitor",
        kind=PropertyKind.BOOLEAN,
        words="run it in a resource host of its own",
        default=False,
    ),
    PropertyDefinition(
        name="stop_failure_action",
        kind=PropertyKind.STRING,
        words="where it does not stop: hold the group, end by force, or fence the node; default: as its type says",
        choices=STOP_FAILURE_ACTIONS,
    ),
)  # fmt: skip

RESOURCE: Final = PropertyClass(
    "resource",
    RESOURCE_PROPERTIES,
    (
        ID,
        NAME,
        shown("type", "Type", "fixed when it is created"),
        STATE,
        shown("owner_group", "OwnerGroup", "changed with the command move-to-group"),
        shown("owner", "OwnerNode", "the node that has its group"),
        shown("persistent_state", "PersistentState", "whether it should be online; set by online and offline"),
        shown("depends_on", "", "set with --depends-on"),
        shown("possible_owners", "", "set with --possible-owner; none: every node"),
        shown("core_resource", "CoreResource", "no: the cluster has no core resources"),
        shown("resource_class", "ResourceClass", "of its type"),
        shown("characteristics", "Characteristics", "of its type"),
        shown("required_dependency_types", "RequiredDependencyTypes", "of its type"),
        shown("required_dependency_classes", "RequiredDependencyClasses", "of its type"),
        shown("registry_checkpoints", "RegistryCheckpoints", "files that travel with it"),
        shown("crypto_checkpoints", "CryptoCheckpoints", "of those, the secret ones"),
        shown("resource_specific_status", "ResourceSpecificStatus", "what its type says beside the state"),
        shown("status_information", "StatusInformation", "what is to be known beside the state"),
        shown("required_proof", "", "what its type demands before it may start elsewhere"),
    ),
)

RESOURCE_TYPE: Final = PropertyClass(
    "type",
    (),
    (
        shown("registered_name", "", "its identity"),
        shown("display_name", "Name", "for people"),
        shown("description", "Description", "what it does"),
        shown("looks_alive_poll_interval_ms", "LooksAlivePollInterval", "default for its resources, in ms"),
        shown("is_alive_poll_interval_ms", "IsAlivePollInterval", "default for its resources, in ms"),
        shown("pending_timeout_ms", "PendingTimeout", "default for its resources, in ms"),
        shown("deadlock_timeout_ms", "DeadlockTimeout", "default for its resources, in ms"),
        shown("resource_class", "ResourceClass", "what it provides"),
        shown("characteristics", "Characteristics", "what it declares"),
        shown("required_dependency_types", "RequiredDependencyTypes", "what its resources must depend on"),
        shown("required_dependency_classes", "RequiredDependencyClasses", "the same by class"),
        shown("required_proof", "", "demanded before a resource of it starts elsewhere"),
    ),
)
