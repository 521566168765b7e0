"""light-witness.toml: with which credentials this node reaches the light witness of its cluster (decision 0036).

Owns: the keys, who may read the file, and the complete list of what is wrong with it. Does not know: how credentials
are used. They stand in a file of each node because the cluster database, its backups and its history are read by more
people than should write the witness.
"""

from __future__ import annotations

import difflib
import os
import re
import ssl
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from quorate.model.problems import Problem, Refused, error

HOW_TO: Final = "docs/howto/light-witness.md"
_LARGEST: Final = 1 << 20
_KEYS: Final = {
    "s3": ("access_key_id", "secret_access_key", "ca_file"),
    "azure": ("account_key", "sas_token", "ca_file"),
}
_FORMS: Final = {
    "access_key_id": re.compile(r"[!-~]+"),
    "account_key": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "sas_token": re.compile(r"\??[a-z]+=[!-%'-~]*(?:&[a-z]+=[!-%'-~]*)*"),
}
"""What goes into the head of a request: the library ends badly where it does not fit there."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What was found for one kind. Empty: the library looks for a role of the machine, or in the environment."""

    access_key_id: str = ""
    secret_access_key: str = ""
    account_key: str = ""
    sas_token: str = ""
    ca: bytes = b""
    """Certificates, PEM, that are trusted beside those of the system."""


def read_credentials(path: Path, kind: Literal["s3", "azure"]) -> Credentials:
    """Those for that kind of witness. Raises Refused with every problem found."""
    raw = _tables(path)
    problems: list[Problem] = []
    for table, content in raw.items():
        if table not in _KEYS:
            problems.append(_unknown(path, f"[{table}]", table, tuple(_KEYS)))
        elif not isinstance(content, dict):
            what = f"{table} is no table"
            remedy = f"write [{table}] in a line of its own, and its keys below"
            problems.append(_fault(path, "light_credentials_unknown", what, remedy))
        else:
            problems += _table_problems(path, table, content)
    if problems:
        raise Refused(problems)
    chosen = dict(raw.get(kind, {}))
    ca_file = chosen.pop("ca_file", "")
    return Credentials(**chosen, ca=_certificates(path, Path(ca_file)) if ca_file else b"")


def _tables(path: Path) -> dict[str, dict[str, str]]:
    """The file as it stands. Raises Refused; never repeats a line of it."""
    unreadable, remedy = "light_credentials_unreadable", "let it be a file that the user of the node can read"
    try:
        # Opened once: mode and content are those of one and the same file, whatever becomes of its name. A pipe in its
        # place must not hold up the node.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Refused([_fault(path, unreadable, f"{path} is no file", remedy)])
            if problems := _access_problems(path, status):
                raise Refused(problems)
            content = os.read(descriptor, _LARGEST)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as problem:
        how = f"make it, mode 0600; an empty one where the machine has a role of its own ({HOW_TO})"
        raise Refused([_fault(path, "light_credentials_missing", f"there is no {path}", how)]) from problem
    except OSError as problem:
        raise Refused([_fault(path, unreadable, f"{path}: {problem.strerror}", remedy)]) from problem
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        what = f"{path} is not TOML: it is not in UTF-8"
        raise Refused([_fault(path, "light_credentials_not_toml", what, "save it as UTF-8")]) from None
    except tomllib.TOMLDecodeError as problem:
        what = f"{path} is not TOML: {problem}"
        raise Refused([_fault(path, "light_credentials_not_toml", what, "correct that line")]) from None


def _access_problems(path: Path, status: os.stat_result) -> list[Problem]:
    found: list[Problem] = []
    if status.st_mode & 0o077:
        what = f"others than its owner may use {path} (mode {stat.S_IMODE(status.st_mode):04o})"
        remedy = f"chmod 600 {path}; if somebody may have read it, make new keys"
        found.append(_fault(path, "light_credentials_open", what, remedy))
    if status.st_uid not in {0, os.geteuid()}:
        what = f"{path} belongs to user {status.st_uid}"
        found.append(_fault(path, "light_credentials_open", what, "give it to root, or to the user of the node"))
    return found


def _table_problems(path: Path, table: str, content: dict[str, str]) -> list[Problem]:
    keys = _KEYS[table]
    found = [_unknown(path, f"{key} in [{table}]", key, keys) for key in content if key not in keys]
    for key in keys:
        if key not in content:
            continue
        value = content[key]
        if not isinstance(value, str) or not value.strip():
            remedy = f'write {key} = "…", or leave it out'
            found.append(_fault(path, "light_credentials_empty", f"{key} in [{table}] has no text", remedy))
        elif key in _FORMS and not _FORMS[key].fullmatch(value):
            remedy = "copy it anew, as a whole and without anything around it"
            found.append(_fault(path, "light_credentials_form", f"{key} in [{table}] cannot be one", remedy))
    if table == "s3" and len({"access_key_id", "secret_access_key"} & content.keys()) == 1:
        what = "[s3] has one of access_key_id and secret_access_key"
        found.append(
            _fault(
                path,
                "light_credentials_incomplete",
                what,
                "write both, or neither where the machine has a role of its own",
            )
        )
    if table == "azure" and {"account_key", "sas_token"} <= content.keys():
        found.append(
            _fault(
                path, "light_credentials_ambiguous", "[azure] has account_key and sas_token", "leave one of them out"
            )
        )
    return found


def _certificates(path: Path, ca_file: Path) -> bytes:
    try:
        content = ca_file.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as problem:
        what = f"ca_file: {ca_file} has no certificates in it, or damaged ones"
        remedy = "name a file of certificates in PEM form and nothing else"
        raise Refused([_fault(path, "light_credentials_ca", what, remedy)]) from problem
    except OSError as problem:
        what = f"ca_file: {ca_file}: {problem.strerror}"
        raise Refused([_fault(path, "light_credentials_ca", what, "name a file that is there")]) from problem
    return content


def _unknown(path: Path, words: str, key: str, known: tuple[str, ...]) -> Problem:
    near = difflib.get_close_matches(key, known, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
    return _fault(path, "light_credentials_unknown", f"there is no {words}", remedy)


def _fault(path: Path, code: str, what: str, remedy: str) -> Problem:
    return error(code, what, where=str(path), remedy=remedy)
