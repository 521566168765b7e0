"""Previews and forecasts as pages.

Owns: the sentence of each step. Does not know: what follows from what.
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
from quorate.control.previews import Forecast, LossView, Preview, StepView, UnservedView


def preview_page(found: Preview) -> Page:
    """What would follow, in order."""
    so = "nothing was changed" if found.alters else "nothing would be changed, it is so already"
    head = [f"what would follow: {found.of}; {so}"]
    if not found.keeps_majority:
        head.append("the cluster would lose its majority: nothing could be decided; what runs elsewhere runs on")
    elif found.further_losses is not None:
        head.append(f"the cluster would keep its majority; {_further(found.further_losses)}")
    if not found.settled:
        head.append("no end was found: the steps go on beyond these")
    steps = tuple(step_words(step) for step in found.steps) or ("nothing stops, starts or moves",)
    left = tuple(unserved_words(one) for one in found.unserved)
    proof = tuple(f"group {g} stands still until somebody proves that the lost node is off" for g in found.needs_proof)
    sections = [Section(sentences=tuple(head)), Section("Steps", sentences=steps)]
    if left or proof:
        sections.append(Section("Not online in the end", sentences=(*proof, *left)))
    if found.waiting:
        waits = tuple(f"group {one.group} stays on {one.node}: {'; '.join(one.why)}" for one in found.waiting)
        sections.append(Section("What would wait", sentences=waits))
    return Page(tuple(sections))


def _further(count: int) -> str:
    if count < 1:
        return "no voter more might be lost"
    return "one voter more might be lost" if count == 1 else f"{count} voters more might be lost"


def step_words(step: StepView) -> str:
    """One step as a sentence."""
    why = f": {'; '.join(step.why)}" if step.why else ""
    anyway = " (this comes anyway)" if step.anyway else ""
    named, many = ", ".join(step.resources), len(step.resources) > 1
    match step.what:
        case "place":
            told = f"group {step.group} is given to {step.target}"
        case "move":
            told = f"group {step.group} goes from {step.source} to {step.target}"
        case "hold":
            told = f"group {step.group} is put on hold on {step.target}"
        case "stay":
            told = f"group {step.group} stays on {step.target}"
        case "stop":
            told = f"group {step.group}: {named} {'go' if many else 'goes'} offline on {step.target}"
        case "start":
            told = f"group {step.group}: {named} {'come' if many else 'comes'} online on {step.target}"
        case _:
            told = f"group {step.group}: {step.what} {step.target}"
    return told + anyway + why


def unserved_words(one: UnservedView) -> str:
    """A group that is not online in the end."""
    why = f": {'; '.join(one.why)}" if one.why else ""
    return f"group {one.group}{' (as it is now)' if one.before else ''}{why}"


def forecast_page(found: Forecast) -> Page:
    """A row for each loss, and why groups have nowhere to go."""
    rows = tuple(
        (
            loss.kind,
            loss.lost,
            "kept" if loss.keeps_majority else "LOST",
            str(loss.further_losses) if loss.keeps_majority else "-",
            ", ".join(_moved(step) for step in loss.moves) or "-",
            ", ".join(one.group for one in loss.unserved) or "-",
        )
        for loss in found.losses
    )
    table = Table(("loss of", "name", "majority", "more losses", "groups that move", "groups with nowhere to go"), rows)
    told = tuple(line for loss in found.losses for line in _nowhere(loss))
    sections = [Section("If it were lost now", table=table)]
    if told:
        sections.append(Section("Nowhere to go", sentences=told))
    return Page(tuple(sections))


def _moved(step: StepView) -> str:
    """What becomes of a group in the end, in a cell of the table."""
    match step.what:
        case "hold":
            return f"{step.group} on hold on {step.target}"
        case "stop":
            return f"{step.group} offline on {step.target}"
        case "start":
            return f"{step.group} online on {step.target}"
        case "stay":
            return f"{step.group} anew on {step.target}"
        case _:
            return f"{step.group} to {step.target}"


def _nowhere(loss: LossView) -> tuple[str, ...]:
    proof = (f"without {loss.lost}: group {g} stands still until that is proved to be off" for g in loss.needs_proof)
    kept = {one.group for one in loss.unserved} - set(loss.needs_proof)
    if not loss.keeps_majority and kept:
        return (*proof, f"without {loss.lost} there is no majority, so nobody moves {', '.join(sorted(kept))}")
    return (*proof, *(f"without {loss.lost}: {unserved_words(one)}" for one in loss.unserved if one.group in kept))
