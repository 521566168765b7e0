"""Common properties as transcripts write them: NAME=VALUE, with `yes`, `no`, `never` and lists with commas."""

from __future__ import annotations

import re

from quorate.model.common_properties import PropertyClass, fields_of, find_common, read_common
from quorate.model.properties import PropertyKind, PropertyValue
from quorate.model.resource_type import NEVER_MS

UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
WORDS: dict[str, PropertyValue] = {"yes": True, "no": False, "never": NEVER_MS}


def seconds(amount: str, unit: str) -> float:
    return float(amount) * UNITS[unit]


def written_fields(kind: PropertyClass, text: str) -> dict[str, object]:
    """The fields of a record that stand in the text; everything in it that has the form must be a good property."""
    values: dict[str, PropertyValue] = {}
    for key, word in re.findall(r"(\w+)=(\S+)", text):
        definition = find_common(kind.settable, key)
        assert definition is not None, key
        if definition.kind is PropertyKind.STRINGS:
            values[key] = list(word.split(","))
        elif re.fullmatch(r"-?\d+", word):
            values[key] = int(word)
        else:
            values[key] = WORDS.get(word, float(word) if re.fullmatch(r"[\d.]+", word) else word)
    read, problems = read_common(kind, values, "properties")
    assert not problems, problems
    return dict(fields_of(kind, read))
