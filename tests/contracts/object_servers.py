"""Real servers of objects on loopback: one that answers as S3 does, and Azurite; ended by process id, whatever happens.

Owns: the processes, the bucket and the container, and what a node needs to reach them. Does not know: what is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import httpx2
from s3_program import BUCKET

READY_S = 60.0
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite has; it is in its manual."""
_ANYBODY = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
"""Signatures are not verified, but there has to be one."""
_VERSION = "2021-08-06"
_AZURITE = Path(__file__).parents[2] / ".venv/azurite/node_modules/azurite/dist/src/blob/main.js"

Kind = Literal["s3", "azure"]


@dataclass(frozen=True)
class ObjectServers:
    """Both, with a bucket and a container that are empty at first."""

    s3: Mapping[str, int]
    """Ports by which conditions are honoured there (`s3_program`)."""
    azure: int

    def port(self, kind: Kind) -> int:
        """Of the server that honours conditions."""
        return self.s3["honest"] if kind == "s3" else self.azure

    def address(self, kind: Kind, prefix: str, *, port: int = 0, place: str = BUCKET) -> str:
        """As QuorumSpec.path has it."""
        url = f"http://127.0.0.1:{port or self.port(kind)}"
        if kind == "s3":
            return f"s3://{place}/{prefix}?endpoint={url}"
        return f"azure://{place}/{prefix}?account={ACCOUNT}&endpoint={url}/{ACCOUNT}"

    def names(self, kind: Kind, prefix: str) -> list[str]:
        """What lies below that prefix."""
        if kind == "s3":
            answer = httpx2.get(f"http://127.0.0.1:{self.port(kind)}/{BUCKET}?list-type=2&prefix={prefix}/")
            return re.findall("<Key>([^<]*)</Key>", answer.text)
        query = {"restype": "container", "comp": "list", "prefix": f"{prefix}/"}
        return re.findall("<Name>([^<]*)</Name>", _ask_azure(self.azure, "GET", query).text)

    def damage(self, kind: Kind, name: str) -> None:
        """Put something else in the place of that object."""
        if kind == "s3":
            url = f"http://127.0.0.1:{self.port(kind)}/{BUCKET}/{name}"
            httpx2.put(url, content=b"{", headers={"Authorization": _ANYBODY}).raise_for_status()
        else:
            _ask_azure(self.azure, "PUT", {}, name, b"{").raise_for_status()


CREDENTIALS = f"""
[s3]
access_key_id = "anything"
secret_access_key = "anything else"

[azure]
account_key = "{ACCOUNT_KEY}"
"""


def write_credentials(path: Path, content: str = CREDENTIALS) -> Path:
    """light-witness.toml as a node has it."""
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def container_sas(key: str) -> str:
    """A signature with which its bearer may do what a witness needs, in the one container, for a few minutes."""
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.clock_gettime(time.CLOCK_REALTIME) + 600))
    allowed, resource = "rcwdl", f"/blob/{ACCOUNT}/{BUCKET}"
    signed = [allowed, "", ends, resource, "", "", "https,http", _VERSION, "c", *[""] * 7]
    signature = quote(_signature(key, "\n".join(signed)), safe="")
    return f"sv={_VERSION}&sr=c&sp={allowed}&se={quote(ends, safe='')}&spr=https,http&sig={signature}"


@contextmanager
def running_servers(folder: Path) -> Iterator[ObjectServers]:
    """Up on entry, gone afterwards. Needs what `scripts/setup tests` installs."""
    assert _AZURITE.exists(), "there is no Azurite: run scripts/setup tests"
    with ExitStack() as stack:
        s3 = stack.enter_context(_process(folder, "s3", sys.executable, str(Path(__file__).with_name("s3_program.py"))))
        options = ("--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--blobPort", "0")
        azurite = stack.enter_context(_process(folder, "azurite", "node", str(_AZURITE), *options))
        azure = int(_wait(azurite, folder / "azurite.out", r"listens on http://127\.0\.0\.1:(\d+)"))
        _ask_azure(azure, "PUT", {"restype": "container"}).raise_for_status()
        ports = json.loads(_wait(s3, folder / "s3.out", r"(\{.*\})\n"))
        httpx2.put(f"http://127.0.0.1:{ports['honest']}/{BUCKET}").raise_for_status()
        yield ObjectServers(ports, azure)


@contextmanager
def _process(folder: Path, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],  # nothing stays behind, however the test ends
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], output: Path, pattern: str) -> str:
    deadline = time.monotonic() + READY_S
    while True:
        text = output.read_text()
        if found := re.search(pattern, text):
            return found.group(1)
        assert process.poll() is None, f"it has ended:\n{text[-2000:]}"
        assert time.monotonic() < deadline, f"it is not ready:\n{text[-2000:]}"
        time.sleep(0.02)


def _ask_azure(
    port: int, method: str, query: Mapping[str, str], name: str = "", content: bytes = b""
) -> httpx2.Response:
    """A request about the container, or about a blob in it, signed."""
    path = f"{ACCOUNT}/{BUCKET}/{name}".rstrip("/")
    headers = {"x-ms-blob-type": "BlockBlob"} if name else {}
    headers |= {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
    standard = ["", "", str(len(content) or ""), *[""] * 8]  # eleven headers, of which only the length is sent
    named = [f"{key}:{value}" for key, value in headers.items()]
    options = [f"{key}:{value}" for key, value in sorted(query.items())]
    signed = "\n".join([method, *standard, *named, f"/{ACCOUNT}/{path}", *options])
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{_signature(ACCOUNT_KEY, signed)}"
    url = f"http://127.0.0.1:{port}/{path}"
    return httpx2.request(method, url, params=dict(query), headers=headers, content=content)


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
