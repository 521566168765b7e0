"""Properties of the reference that are not offered, each with its reason (spec/05 §13).

Owns: these lists. Does not know: what is offered. *Met otherwise*: another setting or command does it.
*No meaning*: what it tunes does not exist here. *Not built*: it would have a meaning, and is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Reference names of one class, separated by spaces, that share a reason."""

    kind: str
    names: str
    how: str
    reason: str


_OTHERWISE, _NOTHING, _MISSING = "met otherwise", "no meaning", "not built"
_TOOLS = (
    "AdminExtensions GroupAdminExtensions NodeAdminExtensions NetworkAdminExtensions NetworkInterfaceAdminExtensions "
    "ResourceAdminExtensions ResourceTypeAdminExtensions"
)

NOT_OFFERED: Final = (
    Elsewhere("cluster", "Fqdn AdminAccessPoint", _NOTHING, "no name of the cluster is published in a directory"),
    Elsewhere(
        "cluster",
        "AutoAssignNodeSite AutoAssignedNodeSite",
        _OTHERWISE,
        "a node's site is set with quorate node set",
    ),
    Elsewhere("cluster", "AutoBalancerLevel AutoBalancerMode", _MISSING, "nothing moves groups because of load"),
    Elsewhere(
        "cluster",
        "BackupInProgress",
        _OTHERWISE,
        "a backup is one read of the database; see backup_interval_min",
    ),
    Elsewhere(
        "cluster",
        "ClusSvcHangTimeout HangRecoveryAction ClusSvcHeartbeatTimeout",
        _OTHERWISE,
        "hang_limit_ms of a node's settings; a hung service resigns, and what runs stays online",
    ),
    Elsewhere(
        "cluster",
        "ClusSvcRegroupOpeningTimeout ClusSvcRegroupPruningTimeout ClusSvcRegroupStageTimeout "
        "ClusSvcRegroupTickInMilliseconds",
        _NOTHING,
        "there are no rounds of regrouping; the profile has the timings of suspicion and verdict",
    ),
    Elsewhere(
        "cluster",
        "ClusterUpgradeVersion",
        _OTHERWISE,
        "functional_level, raised with quorate cluster upgrade-level",
    ),
    Elsewhere(
        "cluster",
        "ClusterLogLevel ClusterLogSize LogResourceControls",
        _OTHERWISE,
        "the journal of each node keeps and limits its log",
    ),
    Elsewhere(
        "cluster",
        "DatabaseReadWriteMode",
        _NOTHING,
        "the database is replicated by consensus: a write needs a majority, and there is no other mode",
    ),
    Elsewhere("cluster", "DrainOnShutdown", _OTHERWISE, "a node that stops cleanly always lets its groups go first"),
    Elsewhere("cluster", "ShutdownTimeoutInMinutes", _OTHERWISE, "shutdown_limit_s of a node's settings"),
    Elsewhere(
        "cluster",
        "DynamicQuorum DynamicQuorumEnabled LowerQuorumPriorityNodeId",
        _OTHERWISE,
        "quorate quorum set: votes follow the nodes where that lets the cluster survive one loss more",
    ),
    Elsewhere(
        "cluster",
        "MessageBufferLength RequestReplyTimeout",
        _NOTHING,
        "nobody answers updates: a change is a transaction of the store",
    ),
    Elsewhere("cluster", "PlacementOptions", _NOTHING, "it tunes the placement of one hypervisor's machines"),
    Elsewhere("cluster", "PlumbAllCrossSubnetRoutes", _NOTHING, "every network that nodes share is used at once"),
    Elsewhere("cluster", "PreventQuorum", _OTHERWISE, "a node is started with quorate cluster start --prevent-quorum"),
    Elsewhere(
        "cluster",
        "QuorumArbitrationTimeMax QuorumArbitrationTimeMin",
        _OTHERWISE,
        "the lease and the claim of the quorum storage follow from the profile",
    ),
    Elsewhere(
        "cluster",
        "QuorumPath QuorumTypeValue QuorumLogFileSize MaintenanceFile",
        _OTHERWISE,
        "quorate quorum show tells where and what",
    ),
    Elsewhere(
        "cluster",
        "RecentEventsResetTime",
        _OTHERWISE,
        "clients name the event after which they want to hear more",
    ),
    Elsewhere(
        "cluster",
        "ResiliencyDefaultPeriod ResiliencyLevel GracePeriodEnabled GracePeriodTimeout",
        _OTHERWISE,
        "isolated nodes keep what they run only as long as their lease: one owner comes first",
    ),
    Elsewhere(
        "cluster",
        "SecurityLevel NetftIPSecEnabled Security Security_Descriptor",
        _OTHERWISE,
        "everything is signed or encrypted always; roles say who may do what",
    ),
    Elsewhere(
        "cluster",
        "WitnessDatabaseWriteTimeout WitnessDynamicWeight WitnessRestartInterval",
        _OTHERWISE,
        "a witness is a voter of the store, made anew and counted like others",
    ),
    Elsewhere("cluster", "DisableGroupPreferredOwnerRandomization", _NOTHING, "nothing is chosen at random"),
    Elsewhere(
        "cluster",
        "BlockCacheSize SharedVolumeBlockCacheSizeInMB CsvBalancer EnableSharedVolumes SharedVolumesRoot "
        "SharedVolumeCompatibleFilters SharedVolumeIncompatibleFilters SharedVolumeSecurityDescriptor "
        "SharedVolumeVssWriterOperationTimeout UseClientAccessNetworksForSharedVolumes "
        "UseNetftForSharedVolumes",
        _NOTHING,
        "there is no cluster file system of that vendor",
    ),
    Elsewhere(
        "cluster",
        "S2DEnabled S2DBusTypes S2DCacheBehavior S2DCacheDesiredState S2DCacheFlashReservePercent "
        "S2DCacheMetadataReserveBytes S2DCachePageSizeKBytes S2DCacheDeviceModel S2DIOLatencyThreshold "
        "S2DOptimizations VirtualStorageArray",
        _NOTHING,
        "storage in software is another program's business",
    ),
    Elsewhere(
        "cluster",
        "RootMemoryReserved DumpPolicy EnableEventLogReplication EnableEventDeltaGeneration",
        _NOTHING,
        "it tunes another operating system",
    ),
    Elsewhere(
        "cluster",
        "EnableResourceDllDeadlockDetection ResourceDllDeadlockPeriod ResourceDllDeadlockThreshold "
        "ResourceDllDeadlockTimeout",
        _OTHERWISE,
        "deadlock_timeout_ms of a resource",
    ),
    Elsewhere("cluster", "NetworkPriorities", _OTHERWISE, "metric of a network"),
    Elsewhere("cluster", "MulticastClusterDisabled", _NOTHING, "heartbeats are not sent to many at once"),
    Elsewhere(
        "node",
        "StatusInformation",
        _OTHERWISE,
        "quorate node show tells paused, draining, quarantined and more in words",
    ),
    Elsewhere(
        "node",
        "MajorVersion MinorVersion BuildNumber CSDVersion Manufacturer Model SerialNumber",
        _OTHERWISE,
        "the machine itself tells them: uname, os-release, dmidecode",
    ),
    Elsewhere("node", "FaultDomainId", _NOTHING, "fault domains are words, not objects"),
    Elsewhere(
        "node",
        "NeedsPreventQuorum",
        _OTHERWISE,
        "after quorum was forced the others learn by themselves that they must not form",
    ),
    Elsewhere("node", "Characteristics Flags", _NOTHING, "the reference defines no bit of them"),
    Elsewhere("node", "EnableEventLogReplication", _NOTHING, "it tunes another operating system"),
    Elsewhere(
        "group",
        "ResiliencyPeriod",
        _OTHERWISE,
        "isolated nodes keep what they run only as long as their lease: one owner comes first",
    ),
    Elsewhere("group", "CCFEpoch", _NOTHING, "an internal counter"),
    Elsewhere("group", "Characteristics Flags", _OTHERWISE, "the one bit that is defined is is_core"),
    Elsewhere("group", "InternalState", _NOTHING, "not supported by the reference itself"),
    Elsewhere("resource", "MonitorProcessId", _OTHERWISE, "quorate node show lists the processes of a node"),
    Elsewhere("resource", "LastOperationStatusCode", _OTHERWISE, "resource show tells the last failure in words"),
    Elsewhere(
        "resource",
        "ResourceSpecificData1 ResourceSpecificData2",
        _MISSING,
        "a type has no numbers to publish beside its words",
    ),
    Elsewhere(
        "resource",
        "Subclass Flags QuorumCapable LocalQuorumCapable",
        _NOTHING,
        "the quorum storage is no resource",
    ),
    Elsewhere("resource", "DeleteRequiresAllNodes", _OTHERWISE, "one of characteristics"),
    Elsewhere("resource", "DumpServices", _MISSING, "nothing is dumped; a type logs what it knows"),
    Elsewhere(
        "resource",
        "MaximumMonitors",
        _OTHERWISE,
        "resource hosts are started anew as often as their resources are restarted",
    ),
    Elsewhere(
        "resource",
        "DebugPrefix DebugControlFunctions InternalState IsClusterSharedVolume",
        _NOTHING,
        "withdrawn by the reference itself, or of a vendor's file system",
    ),
    Elsewhere("type", "DllName", _OTHERWISE, "a type is named module:Class where it is not built in"),
    Elsewhere(
        "type",
        "MaximumMonitors",
        _OTHERWISE,
        "resource hosts are started anew as often as their resources are restarted",
    ),
    Elsewhere(
        "type",
        "DumpPolicy DumpServices DumpLogQuery EnabledEventLogs",
        _MISSING,
        "nothing is dumped; a type logs what it knows",
    ),
    Elsewhere("type", "DebugPrefix DebugControlFunctions", _NOTHING, "withdrawn by the reference itself"),
    Elsewhere("type", "Flags QuorumCapable LocalQuorumCapable", _NOTHING, "the quorum storage is no resource"),
    Elsewhere("type", "DeleteRequiresAllNodes", _OTHERWISE, "one of characteristics"),
    Elsewhere(
        "network",
        "MulticastAddress MulticastAddressRangeLower MulticastAddressRangeUpper MulticastConfigType "
        "MulticastDisabled MulticastLeaseObtained MulticastLeaseExpires MulticastLeaseServer",
        _NOTHING,
        "heartbeats are not sent to many at once",
    ),
    *(
        Elsewhere(kind, _TOOLS, _NOTHING, "extensions of a graphical tool that is withdrawn")
        for kind in ("cluster", "node", "group", "resource", "type", "network", "interface")
    ),
)


def reason_for(kind: str, name: str) -> str:
    """Why a property of that class is not offered; empty where the reference has none of that name."""
    folded = name.casefold()
    found = (entry for entry in NOT_OFFERED if entry.kind == kind and folded in entry.names.casefold().split())
    return next((entry.reason for entry in found), "")
