"""What people read and type: golden output, wrong input, exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from command_line import CommandLine, command_line

from quorate.cli.main import NOUNS, main


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made


def golden(text: str) -> str:
    return dedent(text).lstrip("\n")


def make_web(line: CommandLine) -> None:
    line.run("group", "create", "web", "--preferred", "node1,node2", "--failback", "immediate")
    line.run(
        "resource", "create", "addr", "--group", "web", "--type", "IP Address",
        "--set", "address=10.77.9.100", "--set", "prefix_length=24", "--is-alive-poll-interval-ms", "1000",
    )  # fmt: skip
    line.run(
        "resource", "create", "site", "--group", "web", "--type", "Generic Application", "--set",
        "CommandLine=/bin/sleep 9", "--depends-on", "[ADDR]", "--RestartDelay", "0", "--possible-owner", "node1,node2",
    )  # fmt: skip
    line.do(line.world.assign("web", 1, cause="created"))


def test_status_of_a_new_cluster(line: CommandLine) -> None:
    assert line.run("cluster", "status") == golden(
        """
        cluster      alpha (3b6bb8b8-0000-4000-8000-000000000001)
        coordinator  node1, epoch 1
        database     3 of 3 voters up, 2 needed; one more voter may be lost; votes are dynamic
        takeover     843 ms and the start of the resources (profile fast)
        heartbeats   every 50 ms; silence is 150 ms without one
        as of        revision 2, 250 ms old, from node1

        Nodes
          NO  NODE   STATE  ROLE                GROUPS  ADDRESSES
          1   node1  up     coordinator, voter  -       127.0.1.1, 127.0.2.1
          2   node2  up     voter               -       127.0.1.2, 127.0.2.2
          3   node3  up     voter               -       127.0.1.3, 127.0.2.3
        """
    )


def test_a_group_and_its_resources(line: CommandLine) -> None:
    make_web(line)
    assert line.run("group", "online", "web", "--wait", "--timeout-s", "0", status=3) == "web: still pending\n"
    line.do(line.world.obey("web"))
    assert line.run("group", "online", "web", "--wait") == "web: nothing to do, it is so already\n"
    assert line.run("group", "list") == golden(
        """
        GROUP  STATE   WANTED  OWNER  RESOURCES
        web    online  online  node1  2 resources
        """
    )
    assert line.run("resource", "list") == golden(
        """
        RESOURCE  GROUP  TYPE                 STATE   WANTED  OWNER  DEPENDS ON  DETAIL
        addr      web    ip_address           online  online  node1  -           -
        site      web    generic_application  online  online  node1  [addr]      -
        """
    )
    site = json.loads(line.run("resource", "show", "site", "--json"))
    assert site["common"]["restart_delay_ms"] == 0
    assert site["possible_owners"] == ["node1", "node2"]
    assert site["restarts"] == 0, "fields at their default are there too"


def test_preferred_owners_are_changed_like_any_property(line: CommandLine) -> None:
    make_web(line)
    for words, owners in (
        (("group", "set", "web", "preferred_owners=node3,node1"), ["node3", "node1"]),
        (("set", "group/web", "PreferredOwnerNodes=node2"), ["node2"]),
        (("group", "set", "web", "preferred_owners="), []),
    ):
        assert line.run(*words).endswith(": changed\n")
        assert json.loads(line.run("group", "show", "web", "--json"))["preferred_owners"] == owners
    told = line.run("group", "set", "web", "preferred_owners=nod1", status=2)
    assert "there is no node 'nod1' [node_unknown at properties.preferred_owners.0]" in told


def test_explain_says_why_here_why_not_elsewhere_and_what_would_help(line: CommandLine) -> None:
    make_web(line)
    line.run("node", "pause", "node2", "--reason", "new disk")
    shown = line.run("explain", "group", "web")
    assert shown == golden(
        """
        group web is offline on node1

        Why here
          - it is on node1 because it was placed for the first time (assignment 1)

        Why it does not run
          - nobody asked for it to be online, or it was taken offline

        What would help
          - quorate group online 'web'

        Nodes
          NODE   NOW    RANK  WHY
          node1  owner  1     node1 is the only node that can own it
          node2  -      -     node2 is paused
          node3  -      -     node3 is not a possible owner of resource site
        """
    )


def test_every_problem_is_printed_with_code_place_and_remedy(line: CommandLine) -> None:
    shown = line.run("group", "create", "a-", "--preferred", "nod1", "--set", "prio=1", status=2)
    assert shown == golden(
        """
        error: 'a-' cannot be a name [name_form at name]
          → use 1 to 63 letters, digits, spaces, and . _ -, with a letter or digit at both ends
        error: there is no node 'nod1' [node_unknown at preferred_owners.0]
          → did you mean node1?
        error: there is no common property prio [property_unknown at properties.prio]
          → did you mean priority?
        """
    )
    document = json.loads(line.run("group", "online", "wep", "--json", status=2))
    assert [problem["code"] for problem in document["problems"]] == ["group_unknown"]
    assert "is not empty" not in line.run("group", "delete", "web", status=2)


def test_values_that_do_not_fit_are_refused_by_the_cluster_all_at_once(line: CommandLine) -> None:
    line.run("group", "create", "web")
    shown = line.run(
        "resource", "create", "addr", "--group", "web", "--type", "IP Address", "--set", "prefix_length=long",
        "--set", "adress=1.2.3.4", "--RestartAction", "9", "--pending-timeout-ms", "x", status=2,
    )  # fmt: skip
    for code in ("property_kind", "property_unknown", "property_required", "property_range"):
        assert code in shown


def test_set_changes_what_is_given_and_leaves_the_rest(line: CommandLine) -> None:
    make_web(line)
    line.run("resource", "set", "addr", "--set", "network=eth1", "--restart-threshold", "1")
    shown = json.loads(line.run("resource", "show", "addr", "--json"))
    assert shown["properties"] == {"address": "10.77.9.100", "prefix_length": 24, "network": "eth1"}
    assert shown["common"]["restart_threshold"] == 1
    line.run("resource", "set", "addr", "--set", "network=", "--possible-owner", "any")
    shown = json.loads(line.run("resource", "show", "addr", "--json"))
    assert "network" not in shown["properties"]
    assert line.run("resource", "set", "addr", "--set", "network=") == "addr: nothing to do, it is so already\n"


def test_move_drain_resume(line: CommandLine) -> None:
    make_web(line)
    line.run("group", "online", "web")
    line.do(line.world.obey("web"))
    assert line.run("group", "move", "web", "--to", "node2") == "web: is being moved\n"
    assert "operation_under_way" in line.run("group", "move", "web", status=2)
    assert line.run("node", "drain", "node3", "--wait") == "node3: drained\n"
    assert "paused" in line.run("node", "list")
    assert line.run("node", "resume", "node3") == "node3: takes groups again\n"


def test_a_token_is_printed_alone_for_scripts(line: CommandLine) -> None:
    words = line.run("token", "create", "--quiet").split()
    assert len(words) == 1
    assert "expires" in line.run("token", "create")
    assert "token_hours" in line.run("token", "create", "--hours", "0", status=2)


def test_no_cluster_here_has_a_status_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    result = CliRunner().invoke(main, ["group", "list"])
    assert (result.exit_code, "no_cluster_here" in result.output) == (4, True)
    result = CliRunner().invoke(main, ["group", "list", "--endpoint", f"unix:{tmp_path}/nothing.sock"])
    assert (result.exit_code, "no_connection" in result.output) == (4, True)
    result = CliRunner().invoke(main, ["group", "list", "--endpoint", "ftp://x"])
    assert (result.exit_code, "endpoint_form" in result.output) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("group", "move", "db", "--to", ""),
        ("group", "online", "db", "--to", ""),
        ("node", "drain", "node1", "--target", ""),
    ],
)
def test_an_empty_value_is_not_the_absence_of_an_option(line: CommandLine, words: tuple[str, ...]) -> None:
    line.run("group", "create", "db")
    before = line.world.view.position
    assert "leave the option out" in line.run(*words, status=2)
    assert line.world.view.position == before


def test_an_empty_name_is_refused_and_is_no_other_path(line: CommandLine) -> None:
    assert "a name is empty after 'nodes' [name_empty" in line.run("node", "drain", "", status=2)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_help(noun: str) -> None:
    assert CliRunner().invoke(main, [noun, "--help"]).exit_code == 0


def test_help_loads_nothing_heavy() -> None:
    """Start-up must stay quick: what takes time to load is loaded when it is used."""
    program = "import sys; import quorate.cli.main; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )
    assert not loaded & {"asyncio", "cryptography", "httpx2", "msgspec", "rich", "starlette", "uvicorn"}


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("group", "create", "--json"), "group create"),
        (("group", "creat", "x", "--json"), "group"),
        (("resource", "create", "r", "--set", "address", "--json"), "resource create"),
        (("token", "create", "--nope", "--json"), "token create"),
    ],
)
def test_wrong_usage_is_json_where_a_program_reads_it(words: tuple[str, ...], where: str) -> None:
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 2
    (problem,) = json.loads(told.stdout)["problems"]
    assert problem["code"] == "usage"
    assert problem["where"].endswith(where)
    assert problem["what"]
    assert problem["remedy"].endswith("--help")


def test_json_among_the_words_for_another_program_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_LAB", str(tmp_path / "none"))
    told = CliRunner().invoke(main, ("lab", "exec", "1", "--", "quorate", "--json"))
    assert told.exit_code == 1
    assert "problems" not in told.stdout


def test_an_interrupt_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quorate.cli.main.importlib.import_module", interrupted)
    assert CliRunner().invoke(main, ("group", "list")).exit_code == 130


@pytest.mark.conformance("QU-15", "QU-16")
def test_the_names_of_a_question_about_the_quorum_arrive(line: CommandLine) -> None:
    """They were lost on the way, and every answer was `maintained`."""
    assert line.run("quorum", "would-hold", "node1") == "without node1 the quorum would be maintained\n"
    assert line.run("quorum", "would-hold", "node1", "node2", status=1).endswith("would be lost\n")
    assert "node_unknown" in line.run("quorum", "would-hold", "quux", status=2)
    assert "node_name_empty" in line.run("quorum", "would-hold", "", status=2)


def test_a_checkpoint_leaves_every_view_readable(line: CommandLine) -> None:
    """It stood among the scalar properties of its resource, and no client could read the answer."""
    make_web(line)
    line.run("resource", "checkpoint", "add", "site", "/srv/site")
    for words in (("resource", "show", "site"), ("resource", "list"), ("group", "show", "web"), ("cluster", "status")):
        line.run(*words)
        json.loads(line.run(*words, "--json"))


@pytest.mark.conformance("GR-05")
def test_a_group_that_is_online_is_destroyed_with_its_resources(line: CommandLine) -> None:
    make_web(line)
    line.run("group", "online", "web")
    line.do(line.world.obey("web"))
    assert "say --yes" in line.run("group", "destroy", "web", status=2)
    assert "still pending" in line.run("group", "destroy", "web", "--yes", "--wait", "--timeout-s", "0.1", status=3)
    assert not line.world.view.intent(line.world.group_id("web")).persistent_state, "it is there, and goes offline"
    line.do(line.world.obey("web"))
    assert line.run("group", "destroy", "web", "--yes") == "web: destroyed\n"
    assert not line.world.view.groups
    assert not line.world.view.resources
    assert not line.world.view.facts


def test_renaming_and_regrouping_as_typed(line: CommandLine) -> None:
    make_web(line)
    line.run("group", "create", "mail")
    line.do(line.world.assign("mail", 1))
    line.do(line.world.obey("web"))
    assert line.run("group", "rename", "web", "shop") == "shop: renamed\n"
    assert line.run("resource", "rename", "addr", "address") == "address: renamed\n"
    assert line.run("resource", "move-to-group", "site", "mail") == "site: is in group mail now\n"
    assert [known.record.group for known in line.world.view.resources.values()] == [line.world.group_id("mail")] * 2
    assert "did you mean mail?" in line.run("resource", "move-to-group", "site", "mali", status=2)


def test_dependencies_as_typed(line: CommandLine) -> None:
    make_web(line)
    assert line.run("group", "dependencies", "web") == golden(
        """
        group web
          RESOURCE  DEPENDS ON  PROVIDES FOR  STARTS AFTER
          addr      -           site          -
          site      [addr]      -             -
        """
    )
    assert "site" in line.run("resource", "dependencies", "addr")
    assert line.run("resource", "impact", "site") == (
        "if site goes offline while everything of its group is online (it is not online now), "
        "nothing else of group web goes offline\n"
    )
    assert "these go offline first: site" in line.run("resource", "impact", "addr")
    told = line.run("resource", "can-depend", "addr", "site", status=2)
    assert "addr cannot depend on site" in told
    assert "circular_dependency" in told
    assert line.run("resource", "remove-dependency", "site", "addr") == "site: does not depend on addr any more\n"
    assert line.run("resource", "can-depend", "site", "addr") == "site can depend on addr\n"
    assert line.run("resource", "add-dependency", "site", "addr") == "site: depends on addr now\n"


def test_dependencies_are_drawn(line: CommandLine, tmp_path: Path) -> None:
    make_web(line)
    place = tmp_path / "web.svg"
    assert line.run("group", "dependencies", "web", "--svg", str(place)) == f"{place}: drawn\n"
    assert place.read_text().startswith("<svg ")
    printed = line.run("resource", "dependencies", "site", "--svg", "-")
    assert ">addr</text>" in printed
    assert "dependencies of site in group web" in printed
    told = line.run("group", "dependencies", "web", "--svg", str(tmp_path / "none/x.svg"), status=1)
    assert "No such file or directory" in told
    told = line.run("group", "dependencies", "nothing", "--svg", str(place), status=2)
    assert "group_unknown" in told


def test_a_copy_as_typed(line: CommandLine) -> None:
    make_web(line)
    done = line.run("resource", "copy", "site", "site2", "--set", "CommandLine=/bin/sleep 8")
    assert done == "site2: is a copy of site, offline\n"
    assert "command_line  /bin/sleep 8" in line.run("resource", "show", "site2")
    line.run("group", "create", "mail")
    line.run("resource", "copy", "site", "post", "--group", "mail", "--call", "addr=post address")
    assert "[post address]" in line.run("resource", "dependencies", "post")
    assert "--call takes OLD=NEW" in line.run("resource", "copy", "site", "x", "--call", "addr", status=2)


def test_maintenance_of_a_resource_as_typed(line: CommandLine) -> None:
    make_web(line)
    told = line.run("resource", "maintenance", "addr", status=2)
    assert "maintenance_without_reason" in told
    assert "resource_not_online" in told
    line.run("group", "online", "web")
    line.do(line.world.obey("web"))
    told = line.run("resource", "maintenance", "addr", "--for", "2h", "--reason", "a new cable")
    assert "its health checks are overlooked" in told
    assert "addr is in maintenance by root since 2027-01-15T08:00:00.000Z: a new cable" in line.run("cluster", "status")
    assert "for 7200 s more" in line.run("explain", "resource", "addr")
    assert "has ended" in line.run("resource", "maintenance", "addr", "--off")
