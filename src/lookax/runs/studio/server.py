"""The server of the page: on this machine only, for whoever has its token."""

import asyncio
import contextlib
import functools
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from plotly.offline import get_plotlyjs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lookax.errors import BadInputError
from lookax.runs.commands import terminal
from lookax.runs.commands.page.html import page_file
from lookax.runs.studio.guard import Guard
from lookax.runs.studio.live import LiveRuns
from lookax.runs.studio.requests import Payload, payload_of

LARGEST = 4096
"""Bytes of a request's body."""

FILES = {
    "/": ("studio.html", "text/html"),
    "/studio.css": ("studio.css", "text/css"),
    "/ask.js": ("ask.js", "text/javascript"),
    "/runs.js": ("runs.js", "text/javascript"),
    "/board.js": ("board.js", "text/javascript"),
    "/mind.js": ("mind.js", "text/javascript"),
    "/play.js": ("play.js", "text/javascript"),
    "/studio.js": ("studio.js", "text/javascript"),
}
"""What the page is made of, beside what it has in common with reports."""

SHARED = {"/page.css": ("page.css", "text/css"), "/elements.js": ("elements.js", "text/javascript")}

COMPUTING = ("playing", "looking-ahead")
"""Names of threads that compute."""

Answer = Callable[[Payload], Any]


def app(paths: Sequence[Path], port: int, token: str) -> Guard:
    """The page and what it asks for, of runs in folders.

    **Arguments:** the folders' `paths`; the `port` that it is asked at; the `token` that those have who may ask.

    **Raises:** `ValueError` if one is no folder.
    """
    live = LiveRuns(paths)
    # One thread for all that JAX computes, but lookaheads, which take long: they have one of their own.
    playing, looking = (ThreadPoolExecutor(1, thread_name_prefix=name) for name in COMPUTING)
    reading = ThreadPoolExecutor(2, thread_name_prefix="reading")

    @functools.cache
    def table() -> Any:
        from lookax.runs.programs import jax_setup

        jax_setup.start()
        from lookax.runs.studio.table import Table

        return Table(live, looking)

    answers: dict[str, tuple[ThreadPoolExecutor, Answer]] = {
        "runs": (reading, lambda _: live.listing()),
        "curves": (reading, lambda asked: _curves(live, asked)),
        "choices": (playing, lambda asked: table().choices(asked)),
        "play": (playing, lambda asked: table().play(asked)),
        "move": (playing, lambda asked: table().move(asked)),
        "view": (playing, lambda asked: table().view(asked)),
        "leave": (playing, lambda asked: table().leave(asked)),
    }

    def answered(worker: ThreadPoolExecutor, answer: Answer) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            asked = payload_of(request.headers.get("content-type", ""), await _body(request))
            made = await asyncio.get_running_loop().run_in_executor(worker, answer, asked)
            return Response(orjson.dumps(made), media_type="application/json")

        return endpoint

    routes = [Route(f"/api/{name}", answered(*how), methods=["POST"]) for name, how in answers.items()]
    routes += [Route(path, _file(text, kind)) for path, (text, kind) in _texts().items()]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette):
        yield
        for worker in (reading, playing, looking):
            worker.shutdown(wait=False, cancel_futures=True)

    handlers: Any = {BadInputError: _refused, HTTPException: _refused, Exception: _failed}
    return Guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan), port, token)


def serve(paths: Sequence[Path], port: int) -> None:
    """Serves the page until it is interrupted, and says where it is.

    **Arguments:** the folders' `paths`; the `port`, 0 for any that is free.

    **Raises:** `ValueError` if one is no folder, or the port is not free.
    """
    token = secrets.token_urlsafe(24)
    with listening(port) as own:
        port = own.getsockname()[1]
        server = server_of(paths, port, token)
        terminal.say(
            f"http://127.0.0.1:{port}/#{token}\nOpen this address in a browser of this machine; Ctrl-C ends it."
        )
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[own])


def end_if_computing() -> None:
    """Ends the process at once, as a success, if something is still being computed for the page.

    Python waits for its threads, and a lookahead, which may take minutes, is of no use any more. Threads that Python
    does not wait for are no way out: JAX aborts the process where one still computes at its end.
    """
    if any(thread.name.startswith(COMPUTING) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def listening(port: int) -> socket.socket:
    """A socket that only this machine reaches.

    **Raises:** `ValueError` if the port is not free.
    """
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(("127.0.0.1", port))
        own.listen()
    except OSError as reason:
        own.close()
        why = reason.strerror or reason
        raise BadInputError(
            f"port: {port} cannot be used ({why}); give another one, or 0 for any that is free"
        ) from None
    return own


def server_of(paths: Sequence[Path], port: int, token: str) -> uvicorn.Server:
    """What serves the page.

    **Arguments:** the folders' `paths`; the `port` that it is asked at; the `token` that those have who may ask.

    **Raises:** `ValueError` if one is no folder.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app(paths, port, token),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http="h11",
            ws="none",
            lifespan="on",
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
        )
    )


def _curves(live: LiveRuns, asked: Payload) -> dict[str, Any]:
    return {"curves": live.curves(asked.number("run", 0), asked.number("known", -1))}


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"a request has at most {LARGEST} bytes")
    return body


def _texts() -> dict[str, tuple[str, str]]:
    """What is in files that are served, and of which kind that is."""
    own = resources.files("lookax.runs.studio") / "page"
    texts = {path: ((own / name).read_text(encoding="utf-8"), kind) for path, (name, kind) in FILES.items()}
    texts |= {path: (page_file(name), kind) for path, (name, kind) in SHARED.items()}
    return {**texts, "/plotly.js": (get_plotlyjs(), "text/javascript")}


def _file(text: str, kind: str) -> Callable[[Request], Any]:
    content = text.encode()

    async def endpoint(request: Request) -> Response:
        del request
        return Response(content, media_type=kind)

    return endpoint


async def _refused(request: Request, mistake: Exception) -> Response:
    del request
    status = mistake.status_code if isinstance(mistake, HTTPException) else 400
    message = mistake.detail if isinstance(mistake, HTTPException) else str(mistake)
    return PlainTextResponse(" ".join(message.split()), status)


async def _failed(request: Request, failure: Exception) -> Response:
    del request
    return PlainTextResponse(f"it failed ({type(failure).__name__}); see where lookax studio was started", 500)
