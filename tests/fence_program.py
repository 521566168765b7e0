"""A fence agent of the tests' own: a real program that speaks the protocol of the fence-agents family.

Owns: the program's text. Its plugs are files in a folder that parameter `folder` names: `on` or `off` inside. Parameter
`how` makes it misbehave: `fail`, `hang` (with a child), `echo` (it prints what it was given).
"""

from __future__ import annotations

import sys
from pathlib import Path

TEXT = """#!{python}
import pathlib, subprocess, sys, time
given = dict(line.rstrip("\\n").split("=", 1) for line in sys.stdin if "=" in line)
folder = pathlib.Path(given["folder"])
with (folder / "calls").open("a") as calls:
    print(given.get("action"), given.get("plug", "-"), len(sys.argv), file=calls)
match given.get("how"):
    case "fail":
        print("device does not answer")
        sys.exit(1)
    case "hang":
        child = subprocess.Popen(["sleep", "600"])
        (folder / "child").write_text(str(child.pid))
        time.sleep(600)
    case "echo":
        print(given)
        sys.exit(1)
if given["action"] == "monitor":
    sys.exit(0)
plug = folder / given["plug"]
if not plug.exists():
    print("no such plug")
    sys.exit(1)
if given["action"] == "status":
    sys.exit(0 if plug.read_text() == "on" else 2)
plug.write_text("off" if given["action"] == "off" else "on")
"""


def install(folder: Path, name: str = "fence_of_tests") -> str:
    """Write the program into a folder; returns its name."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(TEXT.replace("{python}", sys.executable))
    program.chmod(0o755)
    return name
