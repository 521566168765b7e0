"""The dependencies of a group as a picture: SVG, with every dependent above what it depends on.

Owns: what is drawn and how it looks. Does not know: where anything lies (`control.layered_layout`), or who shows it.
How it works: a box for each resource, with its state as a word, a colour and a kind of frame. Several parts leave
a box by way of *and*, alternatives by way of *or*; an order without dependency (`starts_after`) is a dotted line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from quorate.control.dependency_changes import DependencyView, GroupDependencies
from quorate.control.layered_layout import Layout, Line, Node, lay_out

BOX_HEIGHT: Final = 46.0
PILL_HEIGHT: Final = 20.0
PILL_WIDTH: Final = 36.0
GAP: Final = 28.0
ROW_GAP: Final = 30.0
MARGIN: Final = 24.0
TITLE_HEIGHT: Final = 40.0
LETTER: Final = 8.8
"""Of the names, at most, in pixels."""
LEAST_WIDTH: Final = 110.0

_LOOKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "online": ("#e6f4ea", "#1e7a3c", ""),
    "offline": ("#f1f3f4", "#5f6368", "2 3"),
    "failed": ("#fce8e6", "#b3261e", ""),
    "stop_failed": ("#fce8e6", "#b3261e", ""),
    "online_pending": ("#e8f0fe", "#1a56b0", "8 4"),
    "offline_pending": ("#e8f0fe", "#1a56b0", "8 4"),
}
"""Background, frame and text, and the dashes of the frame, by state."""
_OTHER: Final = ("#ffffff", "#5f6368", "")
_LINE: Final = "#5f6368"


def draw_dependencies(found: GroupDependencies, about: str = "") -> str:
    """The picture; with `about`, of what is connected to the resource of that name, which stands out."""
    members = {one.resource: one for one in found.resources}
    shown = _connected(members, about) if about in members else members
    nodes, lines, orders = _graph(shown)
    layout = lay_out(nodes, [*lines, *orders], GAP)
    rows = _rows(nodes)
    title = f"dependencies of {about} in group {found.group}" if about in members else f"group {found.group}"
    width = max(layout.width, LETTER * len(title)) + 2 * MARGIN
    bottom = max((top + tall for top, tall in rows.values()), default=TITLE_HEIGHT + MARGIN)
    height = bottom + MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}"'
    head = f'xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg {head} role="img" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect {size} fill="#ffffff"/>',
        f'<text x="{MARGIN:.0f}" y="28" font-size="16" font-weight="bold" fill="#202124">{escape(title)}</text>',
        *(_line(line, nodes, layout, rows, dotted=False) for line in lines),
        *(_line(line, nodes, layout, rows, dotted=True) for line in orders),
        *(_pill(name, layout, rows[node.row]) for name, node in nodes.items() if "\n" in name),
        *(
            entry
            for name, one in shown.items()
            for entry in _box(one, nodes[name], layout.places[name], rows[nodes[name].row][0], bold=name == about)
        ),
        "</svg>",
    ]
    if not shown:
        parts.insert(-1, f'<text x="{MARGIN:.0f}" y="52" font-size="13" fill="{_LINE}">it has no resources</text>')
    return "\n".join(parts) + "\n"


def _connected(members: Mapping[str, DependencyView], about: str) -> dict[str, DependencyView]:
    linked: dict[str, set[str]] = {name: set() for name in members}
    for name, one in members.items():
        for other in (*one.depends_on, *one.starts_after):
            if other in linked:
                linked[name].add(other)
                linked[other].add(name)
    kept, waiting = {about}, [about]
    while waiting:
        new = linked[waiting.pop()] - kept
        kept |= new
        waiting += new
    return {name: one for name, one in members.items() if name in kept}


def _graph(shown: Mapping[str, DependencyView]) -> tuple[dict[str, Node], list[Line], list[Line]]:
    """Boxes, with *and* in a row below a box and *or* in the next; names of these hold a line break."""
    nodes = {name: Node(3 * level, _width(shown[name])) for name, level in _levels(shown).items()}
    lines: list[Line] = []
    orders: list[Line] = []
    for name, one in shown.items():
        at, row = name, nodes[name].row
        if len(one.parts) > 1:
            at = f"{name}\nand"
            nodes[at] = Node(row - 1, PILL_WIDTH)
            lines.append((name, at))
        for number, part in enumerate(one.parts):
            upper = at
            if len(part) > 1:
                upper = f"{name}\nor\n{number}"
                nodes[upper] = Node(row - 2, PILL_WIDTH)
                lines.append((at, upper))
            lines += [(upper, other) for other in part if other in shown]
        orders += [(name, other) for other in one.starts_after if other in shown]
    used = {row: number for number, row in enumerate(sorted({node.row for node in nodes.values()}))}
    return {name: Node(used[node.row], node.width) for name, node in nodes.items()}, lines, orders


def _levels(shown: Mapping[str, DependencyView]) -> dict[str, int]:
    """How high each lies: above all that it needs, and no lower than those that need it allow."""
    below = {name: {o for o in (*one.depends_on, *one.starts_after) if o in shown} for name, one in shown.items()}
    found: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in found:
            found[name] = 0  # no circle can be: this ends one all the same
            found[name] = 1 + max((height(other) for other in below[name]), default=-1)
        return found[name]

    for name in shown:
        height(name)
    for name in sorted(shown, key=lambda name: -found[name]):
        above = [found[other] for other in shown if name in below[other]]
        found[name] = min(above) - 1 if above else found[name]
    return found


def _width(one: DependencyView) -> float:
    return max(LEAST_WIDTH, LETTER * max(len(one.resource), len(_words(one))) + 24)


def _words(one: DependencyView) -> str:
    return one.state.replace("_", " ")


def _rows(nodes: Mapping[str, Node]) -> dict[int, tuple[float, float]]:
    """Where each row begins, from the highest down, and how tall it is."""
    rows: dict[int, tuple[float, float]] = {}
    at = TITLE_HEIGHT + MARGIN / 2
    boxes = {node.row for name, node in nodes.items() if "\n" not in name}
    for row in sorted({node.row for node in nodes.values()}, reverse=True):
        tall = BOX_HEIGHT if row in boxes else PILL_HEIGHT
        rows[row] = (at, tall)
        at += tall + ROW_GAP
    return rows


def _line(
    line: Line, nodes: Mapping[str, Node], layout: Layout, rows: Mapping[int, tuple[float, float]], *, dotted: bool
) -> str:
    """Straight through the rows, bent between them."""
    upper, lower = line
    top, tall = rows[nodes[upper].row]
    x, y = layout.places[upper] + MARGIN, top + tall
    path = f"M {x:.1f} {y:.1f}"
    for row, place in (*layout.bends[line], (nodes[lower].row, layout.places[lower])):
        top, tall = rows[row]
        middle, to = (y + top) / 2, place + MARGIN
        path += f" C {x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {top:.1f}"
        x, y = to, top + tall
        path += f" V {y:.1f}" if row != nodes[lower].row else ""
    dashes = ' stroke-dasharray="1 5" stroke-linecap="round"' if dotted else ""
    words = f"<title>{escape(f'{upper} starts after {lower}')}</title>" if dotted else ""
    return f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="1.6"{dashes}>{words}</path>'


def _pill(name: str, layout: Layout, row: tuple[float, float]) -> str:
    word, x = name.split("\n")[1], layout.places[name] + MARGIN
    top = row[0]
    return (
        f'<rect x="{x - PILL_WIDTH / 2:.1f}" y="{top:.1f}" width="{PILL_WIDTH:.0f}" height="{PILL_HEIGHT:.0f}" '
        f'rx="10" fill="#ffffff" stroke="{_LINE}"/>'
        f'<text x="{x:.1f}" y="{top + 14:.1f}" font-size="12" text-anchor="middle" fill="{_LINE}">{word}</text>'
    )


def _box(one: DependencyView, node: Node, place: float, top: float, *, bold: bool) -> Iterator[str]:
    fill, ink, dashes = _LOOKS.get(one.state, _OTHER)
    x = place + MARGIN
    thick = 3.2 if bold else 2.4 if "failed" in one.state else 1.4
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    yield (
        f'<rect x="{x - node.width / 2:.1f}" y="{top:.1f}" width="{node.width:.1f}" height="{BOX_HEIGHT:.0f}" rx="5" '
        f'fill="{fill}" stroke="{ink}" stroke-width="{thick}"{dashed}/>'
    )
    yield (
        f'<text x="{x:.1f}" y="{top + 20:.1f}" font-size="14" font-weight="bold" text-anchor="middle" fill="#202124">'
        f"{escape(one.resource)}</text>"
    )
    yield (
        f'<text x="{x:.1f}" y="{top + 37:.1f}" font-size="12" text-anchor="middle" fill="{ink}">'
        f"{escape(_words(one))}</text>"
    )
