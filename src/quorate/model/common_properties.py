"""The common properties of groups and resources that people may set: names, bounds and words (spec/05 §3 and §4).

Owns: their definitions, and the reading of given values under either name. Does not know: the records; the names here
are those of the fields of `GroupSpec` and `ResourceSpec`, which a test holds together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quorate.model.checkpoint import LIMIT_MOST_KIB
from quorate.model.problems import Problem, error
from quorate.model.proofs import PROOF_LEVELS
from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind, PropertyValue, check_value
from quorate.model.resource_type import NEVER_MS
from quorate.model.topology import DEFAULT_METRIC, METRIC_MOST, ROLES

ALREADY_RUNNING_ACTIONS: Final = ("adopt", "restart", "fail")
EMBEDDED_FAILURE_ACTIONS: Final = ("none", "log", "recover")
STOP_FAILURE_ACTIONS: Final = ("hold", "end", "fence")

_INTEGER: Final = PropertyKind.INTEGER


def _number(
    name: str, alias: str, words: str, low: int, high: int, default: int | None, unit: str = ""
) -> PropertyDefinition:
    return PropertyDefinition(
        name=name,
        reference_alias=alias,
        kind=_INTEGER,
        words=words,
        minimum=low,
        maximum=high,
        default=default,
        unit=unit,
    )


DESCRIPTION: Final = PropertyDefinition(
    name="description", reference_alias="Description", kind=PropertyKind.STRING, words="a comment", default=""
)

GROUP_PROPERTIES: Final = (
    DESCRIPTION,
    _number("auto_failback_type", "AutoFailbackType", "0: stay; 1: return to a better preferred owner", 0, 1, 0),
    _number(
        "failover_threshold", "FailoverThreshold", "failovers a period; all-ones: nodes - 1", 0, NEVER_MS, NEVER_MS
    ),
    _number("failover_period_h", "FailoverPeriod", "period in which failovers are counted", 0, 1193, 6, "h"),
    _number("priority", "Priority", "higher ones are placed first", 0, 4999, 2000),
    PropertyDefinition(
        name="required_proof",
        kind=PropertyKind.STRING,
        words="proof of a lost owner's end without which the group goes nowhere else",
        choices=PROOF_LEVELS,
        default="lease",
    ),
)

CLUSTER_PROPERTIES: Final = (
    _number("add_evict_delay_s", "AddEvictDelay", "no machine joins so long after an eviction", 0, 600, 60, "s"),
    _number(
        "quarantine_threshold", "QuarantineThreshold", "failures an hour that keep a node out; 0: never", 0, NEVER_MS, 3
    ),
    _number("quarantine_duration_s", "QuarantineDuration", "how long a node is kept out", 0, NEVER_MS, 7200, "s"),
    _number("expulsion_limit", "", "nodes that may be put out within a period; 0: no limit", 0, 64, 10),
    _number("expulsion_period_s", "", "period in which they are counted", 10, 86_400, 600, "s"),
    PropertyDefinition(
        name="default_network_role",
        reference_alias="DefaultNetworkRole",
        kind=PropertyKind.STRING,
        words="role of networks that are found later: none (0), cluster (1), client (2), both (3)",
        choices=ROLES,
        default="both",
    ),
    _number("same_subnet_delay_ms", "SameSubnetDelay", "between heartbeats; 0: the profile's", 0, 2000, 0, "ms"),
    _number(
        "same_subnet_threshold", "SameSubnetThreshold", "heartbeats that may be missed; 0: the profile's", 0, 120, 0
    ),
    _number("cross_subnet_delay_ms", "CrossSubnetDelay", "the same across subnets; 0: as within one", 0, 4000, 0, "ms"),
    _number("cross_subnet_threshold", "CrossSubnetThreshold", "the same across subnets; 0: as within one", 0, 120, 0),
    _number("cross_site_delay_ms", "CrossSiteDelay", "the same between sites; 0: as within a subnet", 0, 4000, 0, "ms"),
    _number("cross_site_threshold", "CrossSiteThreshold", "the same between sites; 0: as within a subnet", 0, 120, 0),
    _number("route_history_length", "RouteHistoryLength", "heartbeats kept of a path that is lost", 0, 40, 10),
    _number("history_keep_days", "HistoryKeepDays", "changes are remembered for so long", 1, 36_500, 365, "d"),
    _number("history_keep_number", "HistoryKeepNumber", "so many changes are remembered", 100, 100_000, 10_000),
    _number("token_keep_days", "TokenKeepDays", "expired tokens are remembered for so long", 0, 3650, 30, "d"),
    _number("token_keep_number", "TokenKeepNumber", "so many expired tokens are remembered", 0, 10_000, 100),
    _number("backup_interval_min", "BackupInterval", "between scheduled backups; 0: none", 0, 525_600, 0, "min"),
    PropertyDefinition(
        name="backup_folder",
        reference_alias="BackupFolder",
        kind=PropertyKind.STRING,
        form=PropertyForm.ABSOLUTE_PATH,
        words="where scheduled backups go, on every node",
        default="",
    ),
    _number("checkpoint_limit_kib", "CheckpointLimit", "most of one checkpoint", 1, LIMIT_MOST_KIB, 1024, "KiB"),
    _number("backup_keep", "BackupKeep", "so many scheduled backups stay in the folder", 1, 10_000, 14),
)

NODE_PROPERTIES: Final = (
    _number("weight", "NodeWeight", "1: the node may vote; 0: it never does", 0, 1, 1),
    PropertyDefinition(
        name="site",
        reference_alias="Site",
        kind=PropertyKind.STRING,
        words="a word for what fails together with it; nodes without one are in one site",
        default="",
    ),
)

NETWORK_PROPERTIES: Final = (
    DESCRIPTION,
    PropertyDefinition(
        name="role",
        reference_alias="Role",
        kind=PropertyKind.STRING,
        words="who may use it: none (0), cluster (1), client (2), both (3)",
        choices=ROLES,
        default="both",
    ),
    _number("metric", "Metric", "lower is used first; turns auto_metric off", 1, METRIC_MOST, DEFAULT_METRIC),
    PropertyDefinition(
        name="auto_metric",
        reference_alias="AutoMetric",
        kind=PropertyKind.BOOLEAN,
        words="let the cluster choose the metric",
        default=True,
    ),
)

INTERFACE_PROPERTIES: Final = (DESCRIPTION,)

RESOURCE_PROPERTIES: Final = (
    DESCRIPTION,
    _number("restart_action", "RestartAction", "0: leave failed; 1: restart here; 2: restart, then move", 0, 2, 2),
    _number("restart_threshold", "RestartThreshold", "restarts here within a period", 0, NEVER_MS, 3),
    _number("restart_period_ms", "RestartPeriod", "period in which restarts are counted", 0, NEVER_MS, 900_000, "ms"),
    _number("restart_delay_ms", "RestartDelay", "pause before a restart", 0, NEVER_MS, 500, "ms"),
    PropertyDefinition(
        name="restart_backoff_factor",
        kind=PropertyKind.NUMBER,
        words="every further restart within the period waits so many times longer; 1: all wait alike",
        minimum=1,
        maximum=100,
        default=1.0,
    ),
    _number("restart_delay_limit_ms", "", "no pause grows beyond this", 0, NEVER_MS, 300_000, "ms"),
    _number(
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
    _number("pending_timeout_ms", "PendingTimeout", "longest silence while pending", 10, NEVER_MS, 180_000, "ms"),
    _number("deadlock_timeout_ms", "DeadlockTimeout", "longest call into the type", 1000, NEVER_MS, 300_000, "ms"),
    _number(
        "looks_alive_poll_interval_ms", "LooksAlivePollInterval", "between cheap checks", 10, NEVER_MS, None, "ms"
    ),
    _number("is_alive_poll_interval_ms", "IsAlivePollInterval", "between thorough checks", 10, NEVER_MS, None, "ms"),
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


def find_common(definitions: tuple[PropertyDefinition, ...], name: str) -> PropertyDefinition | None:
    """The property of that name or reference name, regardless of case; `restart-delay-ms` is understood too."""
    folded = name.casefold().replace("-", "_")
    return next((d for d in definitions if folded in (d.name, d.reference_alias.casefold())), None)


def read_common(
    definitions: tuple[PropertyDefinition, ...], given: Mapping[str, PropertyValue], where: str
) -> tuple[dict[str, PropertyValue], list[Problem]]:
    """The given values under our names, and everything wrong with them. None stands for the default."""
    values: dict[str, PropertyValue] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        definition = find_common(definitions, name)
        if definition is None:
            known = ", ".join(d.name for d in definitions)
            problems.append(
                error(
                    "property_unknown",
                    f"there is no common property {name}",
                    where=f"{where}.{name}",
                    remedy=f"there are: {known}",
                )
            )
        elif definition.name in values:
            problems.append(
                error(
                    "property_given_twice",
                    f"{definition.name} is given under two names",
                    where=f"{where}.{name}",
                    remedy="leave one of them out",
                )
            )
        else:
            values[definition.name] = definition.default if value is None else value
            if value is not None:
                problems += check_value(definition, value, f"{where}.{name}")
    return values, problems
