"""Tokens that are listed and revoked: nobody joins by a revoked one, and no secret is ever shown again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, command_line

from quorate.control.enrolment import good_token, token_key
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.enrolment import TokenRecord
from quorate.model.problems import Refused
from quorate.model.records import Put
from quorate.wire.join_token import decode_token, secret_hash


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made


def listed(line: CommandLine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(line.run("token", "list", "--json"))["tokens"]
    return found


def use(line: CommandLine, word: str, **values: object) -> None:
    """Write into the record of a token, as a join does."""
    secret = decode_token(word).secret
    key = keys.TOKEN + secret_hash(secret)
    (item,) = line.do(line.world.store.read(keys=(key,))).items
    fields = {**json.loads(item.value), **values}
    record = decode(json.dumps(fields).encode(), TokenRecord, key)
    line.do(line.world.store.commit((), (Put(key, encode(record)),)))


def test_tokens_are_listed_without_their_secrets(line: CommandLine) -> None:
    assert listed(line) == []
    word = line.run("token", "create", "--quiet").strip()
    made = json.loads(line.run("token", "create", "--witness", "--hours", "2", "--json"))
    shown = {token["id"]: token for token in listed(line)}
    assert {token["state"] for token in shown.values()} == {"open"}
    assert shown[made["id"]]["use"] == "witness"
    plain = line.run("token", "list") + line.run("token", "list", "--json")
    for each in (word, made["token"]):
        assert each not in plain
        assert decode_token(each).secret.hex() not in plain


def test_by_a_revoked_token_nobody_gets_in(line: CommandLine) -> None:
    word = line.run("token", "create", "--quiet").strip()
    (token,) = listed(line)
    assert "revoked" in line.run("token", "revoke", token["id"][:6], "--reason", "sent to the wrong person")
    (after,) = listed(line)
    assert (after["state"], bool(after["revoked_at"])) == ("revoked", True)
    assert "revoke token" in line.run("history", "list")
    assert json.loads(line.run("token", "revoke", token["id"], "--json"))["changed"] is False
    key = token_key(decode_token(word).secret.hex())
    stored = line.do(line.world.store.read(keys=(key,))).get(key)
    with pytest.raises(Refused) as caught:
        good_token(stored, "node", "a-hash")
    assert "revoked at" in caught.value.problems[0].what


def test_what_cannot_be_revoked_says_why(line: CommandLine) -> None:
    assert "[token_unknown at token]" in line.run("token", "revoke", "abc", status=2)
    word = line.run("token", "create", "--quiet").strip()
    use(line, word, used_by="somebody", used_at="2026-11-22T12:00:00Z", node=2)
    (token,) = listed(line)
    assert (token["state"], token["node"]) == ("used", "node2")
    refused = line.run("token", "revoke", token["id"], status=2)
    assert "[token_used at token]" in refused
    assert "quorate node evict node2" in refused
    assert "there are" in line.run("token", "revoke", "zz", status=2)


def test_an_id_must_name_one_token(line: CommandLine) -> None:
    for ending in "01":
        line.do(line.world.store.commit((), (Put(keys.TOKEN + "ab" + ending * 62, b"{"),)))
    assert "[token_ambiguous at token]" in line.run("token", "revoke", "ab", status=2)


def test_expired_and_damaged_tokens_are_shown_as_such(line: CommandLine) -> None:
    word = line.run("token", "create", "--quiet").strip()
    use(line, word, expires_s=1)
    line.do(line.world.store.commit((), (Put(keys.TOKEN + "f" * 64, b"{"),)))
    assert {token["state"] for token in listed(line)} == {"expired", "damaged"}
    assert "[record_damaged at token]" in line.run("token", "revoke", "f" * 12, status=2)
