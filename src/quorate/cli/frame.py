"""The frame of every command: common options, the connection, output, and how problems become exit statuses.

Owns: `Session` and the decorators that give it to a command. Does not know: any command. Modules that take time to load
are loaded when a command runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from quorate.cli.exits import Exit

if TYPE_CHECKING:
    from quorate.client import Client
    from quorate.control.change import Changed
    from quorate.model.base import Value
    from quorate.model.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")

WAIT_DEFAULT_S = 60.0


class Session:
    """One run of one command."""

    def __init__(
        self,
        *,
        as_json: bool,
        endpoint: str,
        reason: str = "",
        wait: bool = False,
        timeout_s: float = 0.0,
        preview: bool = False,
    ):
        self.as_json = as_json
        self.endpoint = endpoint
        self.reason = reason
        self.preview = preview
        """Nothing is to be changed: show what would follow."""
        self.wait_s = timeout_s if wait and not preview else None
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The connection to the cluster."""
        if self._client is None:
            from quorate.cli.starting import wait_for_service
            from quorate.client import Client
            from quorate.client.endpoints import local_socket
            from quorate.node.places import Places

            if local_socket(self.endpoint) is not None:
                wait_for_service(Places.from_environment())
            self._client = Client(self.endpoint)
        return self._client

    @property
    def query(self) -> dict[str, str]:
        """What goes with every change."""
        told = {"reason": self.reason} if self.reason else {}
        return {**told, "preview": "true"} if self.preview else told

    def change(
        self, method: str, *path: str, body: Value | None = None, query: dict[str, str] | None = None
    ) -> Changed:
        """Ask for a change and wait where that was asked for."""
        from quorate.client import path_of
        from quorate.control.change import Changed

        return self.client.ask(
            method, path_of(*path), Changed, body=body, query={**self.query, **(query or {})}, wait_s=self.wait_s
        )

    def show(self, value: Value) -> None:
        """Print a view."""
        if self.as_json:
            self.print_json(value)
        else:
            from quorate.cli.pages import page_of
            from quorate.cli.render import print_page

            print_page(page_of(value))

    def print_json(self, value: object) -> None:
        """Print a value as JSON with every field in place."""
        click.echo(json.dumps(as_data(value), indent=2))

    def finish(self, changed: Changed, done: str, begun: str = "") -> NoReturn:
        """Say what became of a change, and exit with the status of its outcome."""
        if self.as_json:
            self.print_json(changed)
        else:
            for problem in (*changed.warnings, *changed.problems):
                print_problem(problem)
            if changed.preview is not None:
                self.show(changed.preview)
            elif not changed.changed and changed.outcome in {"accepted", "done"}:
                click.echo(f"{changed.name}: nothing to do, it is so already")
            else:
                words = {"done": done, "accepted": begun or done, "failed": "failed", "pending": "still pending"}
                click.echo(f"{changed.name}: {words.get(changed.outcome, changed.outcome)}")
        sys.exit({"failed": Exit.FAILED, "pending": Exit.PENDING}.get(changed.outcome, Exit.OK))

    def fail(self, problems: Iterable[Problem], status: Exit) -> NoReturn:
        """Tell every problem and exit."""
        told = tuple(problems)
        if self.as_json:
            click.echo(json.dumps({"problems": as_data(told)}, indent=2))
        else:
            for problem in told:
                print_problem(problem)
        sys.exit(status)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()


def as_data(value: object) -> Any:  # noqa: ANN401 - JSON is what it is
    """Plain data with every field in place."""
    import enum

    fields = getattr(value, "__struct_fields__", None)
    if fields is not None:
        return {name: as_data(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {key: as_data(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(entry) for entry in value]
    return value.value if isinstance(value, enum.Enum) else value


def print_problem(problem: Problem) -> None:
    """One problem on standard error: what, code, where, what to do."""
    where = f" at {problem.where}" if problem.where else ""
    click.echo(f"{problem.severity.value}: {problem.what} [{problem.code}{where}]", err=True)
    click.echo(f"  → {problem.remedy}", err=True)
    if problem.override:
        click.echo(f"  → or override with {problem.override}", err=True)


def _run(session: Session, function: Callable[[], R]) -> R:
    """Run a command and turn what goes wrong into an exit status."""
    from quorate.model.problems import Refused

    try:
        return function()
    except Refused as refused:
        session.fail(refused.problems, Exit.REFUSED)
    except Exception as problem:
        if not type(problem).__module__.startswith("quorate.client"):
            raise
        from quorate import client

        match problem:
            case client.NoConnection():
                session.fail(problem.problems, Exit.NO_CLUSTER)
            case client.OutcomeUnknown():
                session.fail(problem.problems, Exit.UNKNOWN)
            case client.CallFailed():
                session.fail(problem.problems, Exit.FAILED)
            case _:
                raise
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        session.close()


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON with every field.")
_ENDPOINT = click.option(
    "--endpoint",
    default="",
    metavar="WHERE",
    help="https://ADDRESS:PORT or unix:PATH; else QUORATE_ENDPOINT, this node, a profile.",
)
_REASON = click.option("--reason", default="", help="Why; kept in the audit record.")
_PREVIEW = click.option("--preview", is_flag=True, help="Show what would follow; change nothing.")
_WAIT = click.option("--wait", is_flag=True, help="Wait for the end of what this begins.")
_TIMEOUT = click.option(
    "--timeout-s", default=WAIT_DEFAULT_S, show_default=True, type=click.FloatRange(0.0, 3600.0), help="Longest wait."
)


def looks(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command that only looks."""

    @functools.wraps(function)
    def command(as_json: bool, endpoint: str, *args: P.args, **kwargs: P.kwargs) -> None:
        session = Session(as_json=as_json, endpoint=endpoint)
        _run(session, lambda: function(session, *args, **kwargs))

    return _JSON(_ENDPOINT(command))


def changes(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command that changes something and may wait for its end; one that has no preview of its own gets this one."""
    own = "preview" in inspect.signature(function).parameters

    @functools.wraps(function)
    def command(
        as_json: bool,
        endpoint: str,
        reason: str,
        wait: bool,
        timeout_s: float,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        preview = False if own else bool(kwargs.pop("preview"))
        session = Session(
            as_json=as_json, endpoint=endpoint, reason=reason, wait=wait, timeout_s=timeout_s, preview=preview
        )
        _run(session, lambda: function(session, *args, **kwargs))

    made = _JSON(_ENDPOINT(_REASON(_WAIT(_TIMEOUT(command)))))
    return made if own else _PREVIEW(made)


def ignore_locked(function: Callable[..., None]) -> Callable[..., None]:
    """The override of locked mode."""
    return click.option("--ignore-locked", is_flag=True, help="Also where its own type has locked it.")(function)


def not_empty(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """For options whose absence means something: an empty value is a variable that is unset, not that."""
    if not value and context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
        raise click.BadParameter("it is empty; write a name, or leave the option out", context, parameter)
    return value


def local(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command on this machine alone."""

    @functools.wraps(function)
    def command(as_json: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        session = Session(as_json=as_json, endpoint="")
        _run(session, lambda: function(session, *args, **kwargs))

    return _JSON(command)


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping. Raises click's usage error."""
    found: dict[str, str] = {}
    for entry in given:
        name, separator, value = entry.partition("=")
        if not separator or not name:
            raise click.UsageError(f"{option} {entry!r}: write NAME=VALUE")
        if name in found:
            raise click.UsageError(f"{option} {name} is given twice")
        found[name] = value
    return found


def listed(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())
