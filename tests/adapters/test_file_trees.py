"""Trees of files: read as a value, put back whole, sealed where they are secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quorate.adapters.file_trees import TreeTooLarge, read_tree, signature, write_tree
from quorate.adapters.sealing import CannotOpen, derive_key, keyed_digest, seal, unseal
from quorate.model.base import Damaged
from quorate.model.checkpoint import FileEntry, FileTree
from quorate.wire.file_tree import pack_tree, unpack_tree

MIB = 1 << 20


def make(root: Path) -> None:
    (root / "sub/deep").mkdir(parents=True)
    (root / "a.conf").write_text("one")
    (root / "a.conf").chmod(0o640)
    (root / "sub/b").write_bytes(bytes(range(256)))
    (root / "sub").chmod(0o711)
    (root / "link").symlink_to("sub/b")


def test_a_folder_comes_back_with_content_modes_and_links_and_without_what_is_not_in_it(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    make(root)
    tree = read_tree(root, MIB)
    assert unpack_tree(pack_tree(tree), "it") == tree
    (root / "a.conf").write_text("two")
    (root / "sub/b").unlink()
    (root / "sub/b").mkdir()
    (root / "link").unlink()
    (root / "extra/below").mkdir(parents=True)
    (root / "extra/below/file").write_text("x")
    write_tree(root, tree)
    assert read_tree(root, MIB) == tree
    assert not (root / "extra").exists()
    assert (root / "a.conf").stat().st_mode & 0o777 == 0o640
    elsewhere = tmp_path / "not/there/yet"
    write_tree(elsewhere, tree)
    assert read_tree(elsewhere, MIB) == tree


def test_a_single_file_and_nothing_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state"
    nothing = read_tree(path, MIB)
    assert nothing == FileTree()
    path.write_text("x")
    one = read_tree(path, MIB)
    write_tree(path, nothing)
    assert not path.exists()
    write_tree(path, one)
    assert path.read_text() == "x"
    before = signature(path)
    path.write_text("y")
    assert signature(path) != before


def test_links_are_never_followed_and_pipes_are_passed_over(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    root.mkdir()
    (root / "way").symlink_to(outside)
    os.mkfifo(root / "pipe")
    tree = read_tree(root, MIB)
    assert [(entry.path, entry.kind) for entry in tree.entries] == [("", "folder"), ("way", "link")]
    write_tree(root, FileTree(entries=(FileEntry(path="", kind="folder", mode=0o755),)))
    assert (outside / "kept").read_text() == "kept"


def test_bounds_and_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 2000)
    with pytest.raises(TreeTooLarge):
        read_tree(path, 2000)
    packed = pack_tree(read_tree(path, 4000))
    for bad in (packed[:-3], b"", b"no", pack_tree(FileTree(entries=(FileEntry(path="../up", kind="file"),)))):
        with pytest.raises(Damaged):
            unpack_tree(bad, "it")
    with pytest.raises(Damaged):
        unpack_tree(pack_tree(FileTree(entries=(FileEntry(path="/etc/passwd", kind="file"),))), "it")


def test_what_is_sealed_opens_for_its_purpose_and_key_alone() -> None:
    key, other = derive_key(b"a" * 32), derive_key(b"b" * 32)
    sealed = seal(key, b"hush", "r/c")
    assert b"hush" not in sealed
    assert unseal(key, sealed, "r/c") == b"hush"
    assert seal(key, b"hush", "r/c") != sealed
    for bad_key, bad, purpose in (
        (other, sealed, "r/c"),
        (key, sealed, "r/d"),
        (key, sealed[:-1], "r/c"),
        (key, b"", "r/c"),
    ):
        with pytest.raises(CannotOpen):
            unseal(bad_key, bad, purpose)
    assert keyed_digest(key, b"hush") != keyed_digest(other, b"hush")
