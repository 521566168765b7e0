"""Common properties: what exists and what it is at first, what is refused, what comes back as it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import cluster, group_sets, groups, networks, resource_writing, weighing
from quorate.control.change import Done
from quorate.control.executor import execute, new_occasion
from quorate.control.queries import show_group, show_resource
from quorate.model import keys
from quorate.model.common_properties import CLASSES, GROUP, RESOURCE, find_common, values_of
from quorate.model.common_properties.elsewhere import reason_for
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.topology import NetworkSpec

Given = Mapping[str, PropertyValue]

REFERENCE = {
    "cluster": """
        Name Fqdn Description AddEvictDelay=60 AdminAccessPoint AutoAssignNodeSite AutoBalancerLevel AutoBalancerMode
        BackupInProgress ClusSvcHangTimeout ClusSvcRegroupOpeningTimeout ClusSvcRegroupPruningTimeout
        ClusSvcRegroupStageTimeout ClusSvcRegroupTickInMilliseconds ClusterEnforcedAntiAffinity=False
        ClusterFunctionalLevel ClusterUpgradeVersion ClusterGroupWaitDelay=120 ClusterLogLevel ClusterLogSize
        CrossSiteDelay CrossSiteThreshold CrossSubnetDelay CrossSubnetThreshold DatabaseReadWriteMode
        DefaultNetworkRole=both DrainOnShutdown DynamicQuorum FixQuorum GroupDependencyTimeout=600 HangRecoveryAction
        IgnorePersistentStateOnStartup=False LogResourceControls LowerQuorumPriorityNodeId MaxNumberOfNodes
        MessageBufferLength MinimumNeverPreemptPriority=3000 MinimumPreemptorPriority=1 PlacementOptions
        PlumbAllCrossSubnetRoutes PreferredSite PreventQuorum QuarantineDuration=7200 QuarantineThreshold=3
        QuorumArbitrationTimeMax QuorumPath QuorumType QuorumTypeValue RecentEventsResetTime RequestReplyTimeout
        ResiliencyDefaultPeriod ResiliencyLevel RouteHistoryLength=10 SameSubnetDelay SameSubnetThreshold SecurityLevel
        NetftIPSecEnabled Security_Descriptor ShutdownTimeoutInMinutes WitnessDatabaseWriteTimeout WitnessDynamicWeight
        WitnessRestartInterval GracePeriodEnabled GracePeriodTimeout DisableGroupPreferredOwnerRandomization""",
    "node": """
        NodeName NodeId NodeInstanceID Description State StatusInformation NodeDrainStatus NodeDrainTarget NodeWeight=1
        DynamicWeight NodeHighestVersion NodeLowestVersion MajorVersion MinorVersion BuildNumber CSDVersion Manufacturer
        Model SerialNumber FaultDomain FaultDomainId NeedsPreventQuorum Characteristics Flags""",
    "group": """
        Name Id Description State OwnerNode GroupType IsCore AntiAffinityClassNames AutoFailbackType=0
        FailbackWindowStart=-1 FailbackWindowEnd=-1 FailoverPeriod=6 FailoverThreshold=4294967295 PersistentState
        ColdStartSetting=0 DefaultOwner GroupStartDelay=0 PreferredSite Priority=2000 ResiliencyPeriod StatusInformation
        CCFEpoch Characteristics Flags LockedFromMoving=False""",
    "resource": """
        Name Id Type Description State OwnerGroup OwnerNode CoreResource LooksAlivePollInterval IsAlivePollInterval
        PendingTimeout=180000 DeadlockTimeout=300000 RestartAction=2 RestartDelay=500 RestartPeriod=900000
        RestartThreshold=3 RetryPeriodOnFailure=3600000 PersistentState SeparateMonitor=False
        EmbeddedFailureAction=recover MonitorProcessId LastOperationStatusCode ResourceSpecificData1
        ResourceSpecificData2 ResourceSpecificStatus StatusInformation ResourceClass Subclass Characteristics Flags
        RequiredDependencyTypes RequiredDependencyClasses RegistryCheckpoints CryptoCheckpoints DumpServices
        MaximumMonitors""",
    "type": """
        Name DllName Description LooksAlivePollInterval IsAlivePollInterval PendingTimeout DeadlockTimeout
        MaximumMonitors DumpPolicy DumpServices DumpLogQuery EnabledEventLogs ResourceClass Characteristics Flags
        RequiredDependencyTypes RequiredDependencyClasses""",
    "set": """
        Name Description IsGlobal=False StartupSetting=1 StartupCount=4294967295 StartupDelay=20 StatusInformation
        GroupNames ProviderNames""",
    "network": """
        Name Id Description Role=both Address AddressMask IPv4Addresses IPv4PrefixLengths IPv6Addresses
        IPv6PrefixLengths Metric=100 AutoMetric=True State Characteristics Flags""",
    "interface": """
        Name Id Adapter AdapterId Address IPv4Addresses IPv6Addresses DhcpEnabled Description Network Node State""",
}
"""Every property of the reference (spec/05 §1 to §7), with its default where it is ours too."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        await made.put((keys.SPEC_NETWORK + "n1", NetworkSpec(id="n1", name="lan", prefixes=("127.0.1.0/24",))))
        await create_group(made, {})
        tier = group_sets.GroupSetWish(name="tier", groups=("web",))
        await execute(made, lambda v, o: group_sets.create_set(v, tier, o), new_occasion(made, "ann", ""))
        wish = resource_writing.NewResource(
            name="site", group="web", type="generic_application", properties={"command_line": "/bin/sleep 9"}
        )
        await execute(
            made,
            lambda view, occasion: resource_writing.create_resource(view, wish, occasion, made.types),
            new_occasion(made, "ann", ""),
        )
        yield made


async def create_group(world: FacesWorld, properties: Given, name: str = "web") -> Done:
    wish = groups.NewGroup(name=name, properties=dict(properties))
    return await execute(world, lambda v, o: groups.create_group(v, wish, o), new_occasion(world, "ann", ""))


async def change(world: FacesWorld, kind: str, given: Given) -> Done:
    """Set properties of the one object of that class."""
    values = dict(given)
    commands = {
        "cluster": lambda v, o: cluster.change_cluster(v, cluster.ClusterChange(properties=values), o),
        "node": lambda v, o: weighing.change_node(v, "node1", weighing.NodeChange(properties=values), o),
        "group": lambda v, o: groups.change_group(v, "web", groups.GroupChange(properties=values), o),
        "resource": lambda v, o: resource_writing.change_resource(
            v, "site", resource_writing.ResourceChange(common=values), o, world.types
        ),
        "set": lambda v, o: group_sets.change_set_properties(v, "tier", values, o),
        "network": lambda v, o: networks.change_network(v, "lan", networks.NetworkChange(properties=values), o),
        "interface": lambda v, o: networks.change_interface(
            v, "node1 - lan", networks.NetworkChange(properties=values), o
        ),
    }
    return await execute(world, commands[kind], new_occasion(world, "ann", ""))


async def refused(world: FacesWorld, kind: str, given: Given) -> list[str]:
    """The codes of all problems; nothing was written."""
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await change(world, kind, given)
    assert world.engine.engine.revision == before
    assert all(problem.remedy for problem in caught.value.problems)
    return sorted(problem.code for problem in caught.value.problems)


SETTABLE = ("cluster", "node", "group", "resource", "network", "set", "interface")


@pytest.mark.conformance("PP-01")
@pytest.mark.parametrize("kind", REFERENCE)
def test_every_property_of_the_reference_is_there_with_its_default_or_has_a_reason(kind: str) -> None:
    defined = CLASSES[kind]
    for entry in REFERENCE[kind].split():
        name, _, default = entry.partition("=")
        found = find_common((*defined.settable, *defined.read_only), name)
        assert (found is not None) != bool(reason_for(kind, name)), name
        if default:
            assert found is not None
            assert str(found.default) == default, name


@pytest.mark.conformance("PP-01")
async def test_a_fresh_object_has_the_defaults(world: FacesWorld) -> None:
    group, resource = show_group(world, "web"), show_resource(world, "site")
    assert group.properties == {d.name: d.default for d in GROUP.settable}
    manifest = world.types.find("generic_application")
    assert manifest is not None
    for definition in RESOURCE.settable:
        wanted = definition.default
        if wanted is None:
            wanted = getattr(manifest.timeouts, definition.name, "end")
        assert resource.common[definition.name] == wanted, definition.name


@pytest.mark.conformance("PP-02")
@pytest.mark.parametrize("kind", SETTABLE)
async def test_a_value_beyond_either_end_is_refused_for_every_number(world: FacesWorld, kind: str) -> None:
    for definition in CLASSES[kind].settable:
        if definition.minimum is not None and definition.maximum is not None:
            for value in (int(definition.minimum) - 1, int(definition.maximum) + 1):
                assert await refused(world, kind, {definition.name: value}) == ["property_range"], definition.name


@pytest.mark.conformance("PR-03")
async def test_the_highest_priority_is_4999(world: FacesWorld) -> None:
    await change(world, "group", {"Priority": 4999})
    assert await refused(world, "group", {"Priority": 5000}) == ["property_range"]
    assert next(iter(world.view.groups.values())).record.priority == 4999


@pytest.mark.conformance("PP-03")
@pytest.mark.parametrize("kind", SETTABLE)
async def test_what_is_only_shown_cannot_be_set_under_any_of_its_names(world: FacesWorld, kind: str) -> None:
    for definition in CLASSES[kind].read_only:
        for name in {definition.name, definition.reference_alias} - {""}:
            assert "property_read_only" in await refused(world, kind, {name: "x"}), name


@pytest.mark.conformance("PP-06")
@pytest.mark.parametrize("kind", SETTABLE[:5])
async def test_everything_wrong_is_told_at_once_and_nothing_changes(world: FacesWorld, kind: str) -> None:
    given: dict[str, PropertyValue] = {"Colour": 1, "AdminExtensions": "x", "Id": "y", "Description": 5}
    if kind != "interface":
        assert await refused(world, kind, {**given, "description": "both names"}) == [
            "property_given_twice", "property_kind", "property_not_offered", "property_read_only", "property_unknown",
        ]  # fmt: skip


@pytest.mark.conformance("PP-05")
async def test_a_cleared_property_is_at_its_default_again(world: FacesWorld) -> None:
    given: dict[str, PropertyValue] = {"priority": 10, "demand": ["mem=1"], "sticky": False, "PreferredSite": "north"}
    await change(world, "group", given)
    await change(world, "group", dict.fromkeys(given))
    assert show_group(world, "web").properties == {d.name: d.default for d in GROUP.settable}
    await change(world, "resource", {"is_alive_poll_interval_ms": 70, "restart_delay_ms": 1})
    await change(world, "resource", {"is_alive_poll_interval_ms": None, "RestartDelay": None})
    common = show_resource(world, "site").common
    assert (common["is_alive_poll_interval_ms"], common["restart_delay_ms"]) == (60_000, 500)


@pytest.mark.conformance("PP-09")
async def test_lists_keep_their_order_and_quantities_their_names(world: FacesWorld) -> None:
    await change(
        world, "group", {"AntiAffinityClassNames": ["zebra", "ant", "Mole"], "demand": ["memory_mib=2048", "cpu=2"]}
    )
    spec = world.view.groups[world.group_id("web")].record
    assert spec.anti_affinity_class_names == ("zebra", "ant", "Mole")
    assert spec.demand == {"memory_mib": 2048, "cpu": 2}
    assert values_of(spec, GROUP.settable)["demand"] == ["cpu=2", "memory_mib=2048"]
    await change(world, "node", {"fault_domain": ["hall", "rack7"], "capacity": ["cpu=8"]})
    assert world.view.nodes[1].record.fault_domain == ("hall", "rack7")


@pytest.mark.parametrize(
    "value", [["mem"], ["mem=-1"], ["=1"], ["mem=1.5"], ["mem=1", "mem=2"], ["a b=1"], ["mem=9999999999999999"], [""]]
)
async def test_quantities_that_are_none_are_refused(world: FacesWorld, value: list[str | int | float | bool]) -> None:
    assert await refused(world, "group", {"demand": value}) == ["property_form"]
    assert await refused(world, "node", {"capacity": value}) == ["property_form"]


@pytest.mark.conformance("PP-13")
async def test_no_poll_interval_is_zero(world: FacesWorld) -> None:
    given: Given = {"LooksAlivePollInterval": 0, "IsAlivePollInterval": 0}
    assert await refused(world, "resource", given) == ["property_range", "property_range"]


async def test_what_is_hardly_meant_is_done_with_a_warning(world: FacesWorld) -> None:
    done = await change(world, "group", {"failback_window_start": 22, "preferred_site": "north"})
    assert [problem.code for problem in done.warnings] == ["site_unknown", "failback_window_half"]
    await change(world, "node", {"site": "north"})
    assert (await change(world, "group", {"failback_window_end": 4})).warnings == ()
    done = await change(world, "cluster", {"MinimumPreemptorPriority": 3001, "preferred_site": "nowhere"})
    assert [problem.code for problem in done.warnings] == ["site_unknown", "preemption_priorities_crossed"]


async def test_a_time_zone_that_nobody_knows_is_refused(world: FacesWorld) -> None:
    for zone in ("Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "Europe"):
        assert await refused(world, "cluster", {"time_zone": zone}) == ["time_zone_unknown"]
    await change(world, "cluster", {"time_zone": "UTC"})
