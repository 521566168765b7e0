"""What a request says, turned into typed input; everything that is wrong with it at once (design §7).

Owns: reading bodies and query parameters. Does not know: routes, or whether the values make sense together.
How it works: msgspec stops at the first error, so each field is converted by itself and the errors are gathered.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error

V = TypeVar("V", bound=Value)


def read_body(data: bytes, kind: type[V]) -> V:
    """The value in a JSON body; an empty body means no fields. Raises Refused with every problem."""
    try:
        raw = msgspec.json.decode(data) if data.strip() else {}
    except msgspec.DecodeError as problem:
        raise Refused(
            [error("body_not_json", f"the body is not JSON: {problem}", where="body", remedy="send a JSON object")]
        ) from problem
    if not isinstance(raw, dict):
        raise Refused([error("body_not_object", "the body is not a JSON object", where="body", remedy="send one")])
    return read_fields(raw, kind)


def read_fields(raw: Mapping[str, Any], kind: type[V]) -> V:
    """The value with these fields. Raises Refused with every problem."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    problems: list[Problem] = []
    good: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"the fields are: {', '.join(sorted(fields)) or 'none'}"
            problems.append(error("field_unknown", f"there is no field {name!r}", where=name, remedy=remedy))
            continue
        try:
            good[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as problem:
            problems.append(error("field_ill_typed", f"{name}: {problem}", where=name, remedy="correct its type"))
    problems += [
        error("field_missing", f"{name} is missing", where=name, remedy=f"give {name}")
        for name, field in fields.items()
        if field.required and name not in raw
    ]
    if problems:
        raise Refused(problems)
    return kind(**good)


def read_seconds(text: str | None, name: str) -> float | None:
    """A query parameter that is a number of seconds. Raises Refused."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise Refused(
            [error("field_ill_typed", f"{name}={text!r} is no number of seconds", where=name, remedy="give 0 or more")]
        )
    return seconds


def read_flag(text: str | None, name: str) -> bool:
    """A query parameter that is true or false; absent means false. Raises Refused."""
    if text is None or text.casefold() in {"false", "0", "no"}:
        return False
    if text.casefold() in {"true", "1", "yes", ""}:
        return True
    raise Refused([error("field_ill_typed", f"{name}={text!r}", where=name, remedy="give true or false")])


def complete(value: object) -> Any:  # noqa: ANN401 - JSON is what it is
    """The value as plain data with every field in place: programs should not have to know our defaults."""
    if isinstance(value, msgspec.Struct):
        return {name: complete(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: complete(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [complete(entry) for entry in value]
    return msgspec.to_builtins(value)


def to_json(value: object) -> bytes:
    """JSON with every field in place."""
    return msgspec.json.encode(complete(value))
