"""`quorate properties` and `quorate set`: properties of every class.

Owns: words and arguments of these commands, and the page of properties. Does not know: any property.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.frame import Session, changes, looks
from quorate.cli.page import Page, Section, Table
from quorate.cli.values import given_properties

if TYPE_CHECKING:
    from quorate.control.properties import PropertyList
    from quorate.control.property_views import ObjectProperties, PropertyView
    from quorate.model.properties import PropertyDefinition, PropertyValue


@click.command()
@click.argument("kind", default="", metavar="[CLASS]")
@click.argument("name", default="", metavar="[NAME]")
@looks
def properties(session: Session, kind: str, name: str) -> None:
    """Every property with its value, what counts and where that comes from, unit, range and the reference's name.

    CLASS is cluster, node, group, set, resource, type, network or interface; without a name all its objects are shown.
    """
    from quorate.cli.render import print_page
    from quorate.control.properties import PropertyList

    query = {key: text for key, text in (("kind", kind), ("object", name)) if text}
    found = session.client.look("/v1/properties", PropertyList, query)
    if session.as_json:
        session.print_json(found)
    else:
        print_page(properties_page(found))


@click.command("set")
@click.argument("words", nargs=-1, required=True, metavar="CLASS/NAME PROPERTY=VALUE... ...")
@changes
def set_several(session: Session, words: tuple[str, ...]) -> None:
    """Set properties of several objects in one transaction, all or nothing.

    For example: quorate set group/web priority=3000 resource/site restart_threshold=1 cluster add_evict_delay_s=10
    """
    from quorate.control.setting import ObjectWish, SettingWish

    asked: list[tuple[str, str, list[str]]] = []
    for word in words:
        if "=" not in word:
            kind, _, name = word.partition("/")
            asked.append((kind, name, []))
        elif not asked:
            raise click.UsageError(f"{word!r}: name its object first, like group/web")
        else:
            asked[-1][2].append(word)
    if empty := [f"{kind}/{name}" if name else kind for kind, name, given in asked if not given]:
        raise click.UsageError(f"{', '.join(empty)}: nothing is to be set; write PROPERTY=VALUE after it")
    wishes = tuple(ObjectWish(kind=k, name=n, properties=_values(session, k, n, given)) for k, n, given in asked)
    session.finish(session.change("PATCH", "properties", body=SettingWish(objects=wishes)), "changed")


def _values(session: Session, kind: str, name: str, given: list[str]) -> dict[str, PropertyValue]:
    from quorate.cli.resource import finder_of
    from quorate.model.common_properties import CLASSES, find_common

    settable = CLASSES[kind].settable if kind in CLASSES else ()
    private = kind == "resource" and any(find_common(settable, word.partition("=")[0]) is None for word in given)
    of_type = finder_of(session, name) if private else lambda _: None

    def find(wanted: str) -> PropertyDefinition | None:
        return find_common(settable, wanted) or of_type(wanted)

    return given_properties("PROPERTY=VALUE", given, find)


def properties_page(found: PropertyList) -> Page:
    """One table an object."""
    return Page(tuple(Section(heading=f"{one.kind} {one.name}", table=_table(one)) for one in found.objects))


def _table(one: ObjectProperties) -> Table:
    rows = []
    for entry in one.properties:
        effective = "" if entry.effective == entry.value else _said(entry.effective)
        rows.append((entry.name, _said(entry.value), effective, entry.source, entry.unit, _bounds(entry), entry.alias))
    return Table(("property", "value", "counts", "from", "unit", "range", "reference name"), tuple(rows))


def _bounds(entry: PropertyView) -> str:
    if entry.choices or entry.minimum is None or entry.maximum is None:
        return ", ".join(entry.choices)
    return f"{entry.minimum:.0f}–{entry.maximum:.0f}"


def _said(value: PropertyValue) -> str:
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ",".join(str(entry) for entry in value)
        case _:
            return str(value)
