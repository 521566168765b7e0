"""What a witness host keeps of each cluster: who it is, its keys, its member's data.

Owns: the folder per cluster and its names. Does not know: when a member runs (`core.witnessing`).
How it works: `members/<id>` holds the data of the one member that may run; `made/<id>` is written before a member is
made, outside its folder, so that lost data are told from a member that never ran.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quorate.model.base import Damaged, decode, encode
from quorate.model.problems import Refused, error
from quorate.model.witness import WitnessRecord
from quorate.node.identity import write_file
from quorate.node.places import Places

RETIRED = ".retired"


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """One cluster's folder on a witness host."""

    path: Path

    @property
    def pki(self) -> Path:
        """Key, certificate, and the cluster's node authority."""
        return self.path / "pki"

    @property
    def record_path(self) -> Path:
        """Which cluster this is, and where its nodes are."""
        return self.path / "witness.json"

    @property
    def log(self) -> Path:
        """What the member writes."""
        return self.path / "member.log"

    def record(self) -> WitnessRecord:
        """The record. Raises Refused where it is damaged."""
        try:
            return decode(self.record_path.read_bytes(), WitnessRecord, str(self.record_path))
        except (OSError, Damaged) as problem:
            remedy = "join again with a new token: quorate witness join TOKEN --address ..."
            raise Refused(
                [error("witness_record_damaged", str(problem), where=str(self.record_path), remedy=remedy)]
            ) from problem

    def write_record(self, record: WitnessRecord) -> None:
        """Keep it. Raises OSError."""
        write_file(self.record_path, encode(record))

    def data(self, member: int) -> Path:
        """Where that member's data lie."""
        return self.path / "members" / f"{member:x}"

    def kept(self) -> int:
        """The member whose data are here, 0 for none."""
        found = sorted(path.name for path in (self.path / "members").glob("*") if path.suffix != RETIRED)
        return int(found[0], 16) if found else 0

    def made(self) -> frozenset[int]:
        """Every member that was ever made here."""
        return frozenset(int(path.name, 16) for path in (self.path / "made").glob("*") if path.suffix != ".new")

    def note_made(self, member: int) -> None:
        """This member is about to be made. Raises OSError."""
        write_file(self.path / "made" / f"{member:x}", b"")

    def retire(self, member: int) -> None:
        """The member was removed from the store: its data are kept under another name and never used again."""
        folder = self.data(member)
        if folder.exists():
            folder.rename(folder.with_name(folder.name + RETIRED))


def witness_root(places: Places) -> Path:
    """Where all clusters of this witness host lie."""
    return places.root / "var/lib/quorate-witness"


def witness_folders(places: Places) -> tuple[WitnessFolder, ...]:
    """Every cluster that this machine witnesses for."""
    return tuple(WitnessFolder(path.parent) for path in sorted(witness_root(places).glob("*/witness.json")))


def find_folder(places: Places, cluster: str) -> WitnessFolder:
    """The folder of a cluster, by name or id. Raises Refused."""
    for folder in witness_folders(places):
        record = folder.record()
        if cluster.casefold() in {record.cluster_name.casefold(), record.cluster_id}:
            return folder
    names = ", ".join(folder.record().cluster_name for folder in witness_folders(places)) or "none"
    what, remedy = f"this machine witnesses for no cluster {cluster!r}", f"it witnesses for: {names}"
    raise Refused([error("witness_cluster_unknown", what, where="cluster", remedy=remedy)])


def put_aside(folder: WitnessFolder) -> Path:
    """This machine witnesses for the cluster no more: everything is kept under another name."""
    number = 1
    while (kept := folder.path.with_name(f"{folder.path.name}.left-{number}")).exists():
        number += 1
    folder.record_path.rename(folder.record_path.with_suffix(".left"))  # only a folder with a record counts
    folder.path.rename(kept)
    return kept
