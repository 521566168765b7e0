"""An S3 server on loopback, as a program: three ports with the same bucket, which differ in the conditions they honour.

Owns: which requests arrive with their conditions. Does not know: who asks. Run by `object_servers`.
How it works: moto answers as S3 does. Its conditional writes look first and write then, so one request is answered at a
time, however many connections there are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from quorate.sdk.overriding import override

BUCKET: Final = "witnesses"
IGNORED: Final = {
    "honest": (),
    "no_if_match": ("HTTP_IF_MATCH",),
    "no_conditions": ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"),
}
"""What each port does not hear; stores exist that are like the second and the third."""

_ONE: Final = threading.Lock()

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    @override
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - its name in the base
        """Nobody reads it."""


def deaf(application: Application, headers: tuple[str, ...]) -> Application:
    def answer(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        for header in headers:
            environment.pop(header, None)
        with _ONE:
            return application(environment, start)

    return answer


def main() -> None:
    """Serve until killed; the ports are the first line of output."""
    moto: Application = DomainDispatcherApplication(create_backend_app)
    servers = {
        name: make_server("127.0.0.1", 0, deaf(moto, headers), threaded=True, request_handler=_Quiet)
        for name, headers in IGNORED.items()
    }
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    print(json.dumps({name: server.server_port for name, server in servers.items()}), flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
