"""The cables of a lab: bridges in the switch, one port per machine and network, and what is cut.

Owns: links, addresses and the packet filter of the switch. Does not know: processes or nodes.

How it works: everything is done by `ip` and `nft` inside the namespace of the switch, many changes in one call. A cut
is an entry in a set of (port in, port out) of which the bridge drops every frame: nobody is told anything, no interface
changes its state, just like a cable that carries no more light in one direction.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from quorate.lab.ground import Cut
from quorate.lab.plan import NETWORKS, LabError, Machine

Inside = Callable[[Sequence[str]], list[str]]
"""Turns words into what executes them on one machine."""

_RULES: Final = """
table bridge lab {
    set cut { type ifname . ifname; }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname . oifname @cut drop
    }
}
"""


class Switch:
    """The switch of one lab. `inside` executes on it."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def build(self) -> None:
        """The bridges, and a filter that drops nothing yet."""
        # Bridged frames are no business of the host's IP filters, which a kernel may otherwise consult.
        quiet = "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e $f ] && echo 0 >$f; done; true"
        _execute(self._inside(["sh", "-c", quiet]))
        lines = ["link set lo up"]
        for network in NETWORKS:
            lines.append(f"link add name {network.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
            lines.append(f"link set dev {network.bridge} up")
        self._ip(lines)
        _execute(self._inside(["nft", "-f", "-"]), _RULES)

    def connect(self, machine: Machine, pid: int, there: Inside) -> None:
        """Make the cables of a machine whose first process is `pid`, give it its addresses, and plug it in."""
        self._ip(
            f"link add name {machine.port(network)} type veth"
            f" peer name {network.interface} address {network.card(machine.host)} netns {pid}"
            for network in machine.networks
        )
        # A machine that has just got power would otherwise wait seconds to be sure of its link-local addresses.
        quick = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad"
        _execute(there(["sh", "-c", quick + "; true"]))
        lines = ["link set lo up"]
        for network in machine.networks:
            lines.append(f"addr add {network.address(machine.host)}/24 dev {network.interface}")
            lines.append(f"link set dev {network.interface} up")
        _execute(there(["ip", "-batch", "-"]), _text(lines))
        self.plug(machine)

    def plug(self, machine: Machine) -> None:
        """The machine's ports join the bridges."""
        self._ip(
            line
            for network in machine.networks
            for line in (
                f"link set dev {machine.port(network)} master {network.bridge}",
                f"link set dev {machine.port(network)} up",
            )
        )

    def unplug(self, machine: Machine) -> None:
        """The machine's ports leave the bridges; it is not told."""
        self._ip(f"link set dev {machine.port(network)} nomaster" for network in machine.networks)

    def remove(self, machine: Machine) -> None:
        """The cables are gone, whether or not the machine's namespace is already."""
        self._ip((f"link del dev {machine.port(network)}" for network in machine.networks), force=True)

    def cut(self, cuts: Iterable[Cut]) -> None:
        """Drop these from now on, all at once."""
        elements = ", ".join(f'"{cut.sender}-{cut.network}" . "{cut.receiver}-{cut.network}"' for cut in cuts)
        if elements:
            _execute(self._inside(["nft", "-f", "-"]), f"add element bridge lab cut {{ {elements} }}\n")

    def heal(self) -> None:
        """Drop nothing."""
        _execute(self._inside(["nft", "flush", "set", "bridge", "lab", "cut"]))

    def cuts(self) -> list[Cut]:
        """What is dropped, as the kernel tells it."""
        told = json.loads(_execute(self._inside(["nft", "-j", "list", "set", "bridge", "lab", "cut"])))
        pairs = [
            element["concat"] for item in told["nftables"] if "set" in item for element in item["set"].get("elem", [])
        ]
        found = []
        for port_in, port_out in pairs:
            sender, _, network = port_in.rpartition("-")
            found.append(Cut(sender, port_out.rpartition("-")[0], network))
        return sorted(found, key=lambda cut: (cut.network, cut.sender, cut.receiver))

    def _ip(self, lines: Iterable[str], *, force: bool = False) -> None:
        words = ["ip", *(["-force"] if force else []), "-batch", "-"]
        _execute(self._inside(words), _text(lines), forgiving=force)


def _text(lines: Iterable[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _execute(words: Sequence[str], text: str = "", *, forgiving: bool = False) -> str:
    """Run, hand over the text, return what it says. Raises LabError with its words."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode and not forgiving:
        asked = f" for: {text.strip()}" if text else ""
        raise LabError(f"{' '.join(words[-3:])} failed: {done.stderr.strip()}{asked}")
    return done.stdout
