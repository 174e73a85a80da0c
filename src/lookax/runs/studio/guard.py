"""Who may ask: pages of this server alone, with its token."""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""Of every answer. Plotly writes styles of its own into the page, and no scripts."""


class Guard:
    """Passes on what a page of this server asks for, and refuses the rest in one line.

    A name that resolves to this machine is no host of this server, so a page of such a name cannot read answers; and
    what pages of other origins send is not looked at. What is under `/api/` needs the token besides, in a header that
    no other page can make a browser send.

    **Arguments:** the `app` behind it; the `port` of the server; the `token`.
    """

    def __init__(self, app: ASGIApp, port: int, token: str):
        self._app, self._token = app, f"Bearer {token}".encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, path: str, headers: Headers) -> PlainTextResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            return PlainTextResponse("this host is not allowed", 403)
        if origin is not None and origin != f"http://{host}":
            return PlainTextResponse("this origin is not allowed", 403)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and path.startswith("/api/"):
            return PlainTextResponse("other sites are not allowed", 403)
        given = headers.get("authorization", "").encode("latin-1")
        if path.startswith("/api/") and not secrets.compare_digest(given, self._token):
            return PlainTextResponse("the token is missing or wrong; open the address that lookax studio printed", 401)
        return None
