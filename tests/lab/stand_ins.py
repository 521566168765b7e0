"""Programs that stand in for a node's processes, so that the lab can be tested without a cluster.

Owns: a `quorate` command that remembers what it was told, and modules with the names of a node's processes that only
wait. They are run by name, found first in the path, exactly as the real ones are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

WAIT = "import signal\nsignal.pause()\n"

QUORATE = """\
import pathlib, signal, socket, sys
state = pathlib.Path("/var/lib/quorate")
words = sys.argv[1:]
with (state / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
match words[:2]:
    case ["node", "run"]:
        pathlib.Path("/run/quorate/ready").touch()
        signal.pause()
    case ["token", "create", *_]:
        if not pathlib.Path("/run/quorate/ready").exists():
            sys.exit("the node is not ready")
        tokens = list(state.glob("token-*"))
        (state / f"token-{len(tokens)}").touch()
        print("The token, good for one join:")
        print(f"TOKEN{len(tokens)}")
    case ["node", "join"] if (state / "refuse").exists():
        sys.exit("this token was used before")
"""

LISTENER = """\
import pathlib, selectors, socket
selector = selectors.DefaultSelector()
stream = socket.create_server(("0.0.0.0", 9000))
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", 9000))
for each in (stream, datagrams):
    selector.register(each, selectors.EVENT_READ)
pathlib.Path("/run/quorate/listening").touch()
while True:
    for key, _ in selector.select():
        if key.fileobj is stream:
            connection, _ = stream.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + socket.gethostname().encode())
            connection.close()
        else:
            data, sender = datagrams.recvfrom(1000)
            datagrams.sendto(data, sender)
            with open("/var/log/quorate/heard", "ab") as heard:
                heard.write(data + b"\\n")
"""


def make(folder: Path) -> Path:
    """The stand-ins in this folder, which belongs into PYTHONPATH and PATH."""
    programs = {
        # What no stand-in replaces is real.
        "quorate/__init__.py": "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n",
        "quorate/node/__init__.py": "",
        "quorate/node/sentinel.py": WAIT,
        "quorate/node/service.py": WAIT,
        "quorate/host/__init__.py": "",
        "quorate/host/__main__.py": WAIT,
    }
    for path, text in programs.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "quorate_stand_in.py").write_text(QUORATE)
    (folder / "listener.py").write_text(LISTENER)
    sleep = shutil.which("sleep")
    assert sleep is not None
    (folder / "etcd").symlink_to(sleep)
    return folder
