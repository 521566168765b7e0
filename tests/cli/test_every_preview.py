"""`--preview` of every changing command: nothing is written, and what would follow is told, or that nothing would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from command_line import CommandLine, command_line

from faces_world import FacesWorld
from quorate.cli.main import main
from quorate.core.topology import discover
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.membership import Mark, MemberRecord
from quorate.model.topology import AdapterFact, AdaptersFact

OTHERWISE = {
    "cluster backup",  # takes nothing away and adds nothing but a line to the history
    "cluster create", "cluster start", "node join", "node run", "node cleanup", "node state", "cluster show-copy",
    "witness join", "witness leave", "witness list", "witness serve",
    "cluster restore",  # has a preview of its own: what would be added, changed and removed
    "token create",  # makes a word
}  # fmt: skip
"""Commands that are none of the cluster's own changes: they make one, or concern this machine alone."""

APP = ("--type", "Generic Application", "--set", "command_line=/bin/sleep 9")
PREVIEWS: dict[str, tuple[str, ...]] = {
    "cluster destroy --force": ("group web: site, addr go offline on node1", "group web: "),
    "cluster maintenance --reason work": (),
    "cluster release-expulsions": (),
    "cluster rename beta": (),
    "cluster set quarantine_threshold=7": (),
    "cluster stop": ("group web: site, addr go offline on node1", "group web: "),
    "cluster upgrade-level": (),
    "node clear-quarantine node2": (),
    "node confirm-off node3": ("group far goes from node3 to node1", "four comes online on node1"),
    "node drain node1": ("group web goes from node1 to node2", "site, addr go offline", "addr, site come online"),
    "node evict node1": ("group web goes from node1 to node2", "site, addr go offline", "addr, site come online"),
    "node maintenance node1 --reason work": (),
    "node pause node1": (),
    "node rebuild-member node2 --force": (),
    "node rename node1 first": (),
    "node resume node2": (),
    "node set node1 capacity=ram=1": (),
    "node stop node1": ("group web goes from node1 to node2", "site, addr go offline", "addr, site come online"),
    "group cancel-move spare": ("group spare stays on node2: root took the move back",),
    "group create new": ("group new is given to node2",),
    "group delete idle --force": (),
    "group depends-on web [spare]": (),
    "group destroy web": ("group web: site, addr go offline on node1",),
    "group destroy idle": (),
    "group maintenance web --reason work": (),
    "group move web --to node2": ("group web goes from node1 to node2", "site, addr go offline", "addr, site come"),
    "group offline web": ("group web: site, addr go offline on node1",),
    "group online idle": ("group idle: one, two come online on node1",),
    "group online idle --to node2": ("group idle goes from node1 to node2", "one, two come online on node2"),
    "group rename web net": (),
    "group set web priority=100": (),
    "resource add-dependency one two": (),
    "resource checkpoint add site /srv/state": (),
    "resource checkpoint remove two /srv/kept": (),
    "resource create more --group web APP": ("group web: more comes online on node1",),
    "resource copy addr again --group idle": (),
    "resource delete one": (),
    "resource fail site": ("group web: site goes offline on node1", "group web: site comes online on node1"),
    "resource maintenance site --reason work": (),
    "resource move-to-group one web": (),
    "resource offline site": ("group web: site goes offline on node1",),
    "resource online one": ("group idle: one comes online on node1",),
    "resource remove-dependency site addr": (),
    "resource rename site page": (),
    "resource set addr --possible-owner node1": (),
    "fence create pdu2 --agent fence_twin --node node1=1": (),
    "fence delete pdu": (),
    "quorum set --no-dynamic": (),
    "network rename a front": (),
    "network set a --description front": (),
    "interface set INTERFACE --description front": (),
    "group-set create all --groups idle": (),
    "group-set delete both": (),
    "group-set set both --delay-s 3": (),
    "set group/web priority=100 node/node1 description=x": (),
    "token revoke TOKEN": (),
    "history revert REVISION": (),
}
"""Every changing command, and what its preview must tell; without anything: that nothing stops, starts or moves."""


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made


def changing(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command of the cluster that changes something: it takes a reason."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from changing(found, (*path, name))
    elif "reason" in {parameter.name for parameter in command.params}:
        yield " ".join(path)


def test_every_changing_command_is_previewed_here() -> None:
    known = set(changing(main)) - OTHERWISE
    missing = {name for name in known if not any(f"{one} ".startswith(f"{name} ") for one in PREVIEWS)}
    assert not missing
    assert not [one for one in PREVIEWS if not any(f"{one} ".startswith(f"{name} ") for name in known)]


async def arrange(world: FacesWorld) -> None:
    """What coordinator and owners would have written: networks, a silent node with a group, a move that waits."""
    networks: list[tuple[str, Value]] = [(keys.SPEC_NETWORK + one.id, one) for one in discover(world.view).networks]
    card = AdapterFact(name="eth0", addresses=("127.0.1.1/24",))
    adapters = AdaptersFact(node=1, incarnation="1.a", adapters=(card,))
    await world.put(*networks, (keys.fact_adapters(1), adapters))
    for group, node in (("web", 1), ("idle", 1), ("spare", 2), ("far", 3)):
        await world.assign(group, node, cause="created")
        await world.obey(group)
    mark = Mark(kind="suspicion", id="m", author=1, epoch=1)
    await world.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.a", mark=mark)))


GROUPS = {"web": ("addr", "site"), "idle": ("one", "two"), "spare": ("three",), "far": ("four",)}


def make(line: CommandLine) -> dict[str, list[str]]:
    """Groups on nodes 1, 2 and 3, one of them offline, something of everything else; words that are known only then."""
    for group, names in GROUPS.items():
        line.run("group", "create", group)
        for name in names:
            line.run("resource", "create", name, "--group", group, *APP)
        if group != "idle":
            line.run("group", "online", group)
    line.run("resource", "add-dependency", "site", "addr")
    line.run("resource", "checkpoint", "add", "two", "/srv/kept")
    line.do(arrange(line.world))
    line.run("node", "pause", "node3")
    line.run("group", "move", "spare", "--to", "node3", "--queue")
    line.run("fence", "create", "pdu", "--agent", "fence_twin", "--node", "node2=2")
    line.run("group-set", "create", "both", "--groups", "web,spare")
    line.run("token", "create", "--quiet")
    line.run("group", "set", "spare", "description=one")
    changes = json.loads(line.run("history", "list", "--json"))["changes"]
    interface = json.loads(line.run("interface", "list", "--json"))["interfaces"][0]["name"]
    tokens = json.loads(line.run("token", "list", "--json"))["tokens"]
    revision = str(changes[0]["revision"])
    return {"TOKEN": [tokens[0]["id"]], "REVISION": [revision], "INTERFACE": [interface], "APP": list(APP)}


def test_no_preview_changes_anything_and_each_tells_what_would_follow(line: CommandLine) -> None:
    words = make(line)
    before = line.world.engine.engine.revision
    wrong: list[str] = []
    for given, expected in PREVIEWS.items():
        command = [word for part in given.split() for word in words.get(part, [part])]
        shown = line.run(*command, "--preview")
        assert line.world.engine.engine.revision == before, given
        places = [shown.find(told) for told in expected or ("nothing stops, starts or moves",)]
        if -1 in places or places != sorted(places):
            wrong.append(f"{given}\n{shown}")
        answer = json.loads(line.run(*command, "--preview", "--json"))
        assert (answer["changed"], answer["outcome"]) == (False, "preview"), given
        assert [step for step in answer["preview"]["steps"] if not step["anyway"]] or not expected, given
        assert answer["preview"]["settled"], given
        assert line.world.engine.engine.revision == before, given
    assert not wrong, "\n".join(wrong)
