"""Requests that no page of this server makes are refused, each in one line, and the server goes on."""

import concurrent.futures
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from lookax import commands
from lookax.cli import main
from lookax.errors import BadInputError
from lookax.runs.studio.sessions import IDLE, MOST, Sessions

NUMBERS = {"run": 0, "update": 2, "seed": 0, "seat": 0}


@pytest.fixture(autouse=True)
def alive(studio):
    yield
    assert studio.ask("runs")["complaints"] == []


@pytest.mark.parametrize(
    ("headers", "status", "line"),
    [
        ({"host": "evil.example"}, 403, "this host is not allowed"),
        ({"host": "evil.example:80", "origin": "http://evil.example:80"}, 403, "this host is not allowed"),
        ({"host": None}, 400, "Invalid HTTP request received."),
        ({"host": "127.0.0.1"}, 403, "this host is not allowed"),
        ({"origin": "http://evil.example"}, 403, "this origin is not allowed"),
        ({"origin": "null"}, 403, "this origin is not allowed"),
        ({"origin": "http://127.0.0.1:1"}, 403, "this origin is not allowed"),
        ({"origin": "http://localhost"}, 403, "this origin is not allowed"),
        ({"sec_fetch_site": "same-site"}, 403, "other sites are not allowed"),
        ({"sec_fetch_site": "cross-site"}, 403, "other sites are not allowed"),
        ({"authorization": None}, 401, "the token is missing or wrong"),
        ({"authorization": "Bearer "}, 401, "the token is missing or wrong"),
        ({"authorization": "Bearer a-tokeN"}, 401, "the token is missing or wrong"),
        ({"authorization": "a-token"}, 401, "the token is missing or wrong"),
        ({"authorization": "Bearer \xe9\xff"}, 401, "the token is missing or wrong"),
        ({"content_type": "text/plain"}, 415, "the body has to be application/json"),
        ({"content_type": None}, 415, "the body has to be application/json"),
    ],
)
def test_who_may_not_ask_is_refused(studio, headers, status, line):
    found, text, answered = studio.request("POST", "/api/runs", {}, **headers)
    assert (found, text.count("\n")) == (status, 0)
    assert text.startswith(line)
    assert "access-control-allow-origin" not in answered


def test_another_page_gets_no_leave_to_ask(studio):
    status, text, answered = studio.request("OPTIONS", "/api/runs", origin="http://evil.example", authorization=None)
    assert (status, text) == (403, "this origin is not allowed")
    assert not [name for name in answered if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/studio.css/../../server.py", "//etc/passwd",
        "/page/studio.css", "/api/../runs.js", "/api/runs/..%2f..", "/\\..\\server.py", "/metrics.jsonl", "/%00",
    ],
)  # fmt: skip
def test_paths_name_no_files(studio, path):
    status, text, _ = studio.request("GET", path)
    assert (status, text) == (404, "Not Found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/runs"), ("DELETE", "/"), ("PUT", "/api/play")])
def test_other_methods_are_refused(studio, method, path):
    status, text, _ = studio.request(method, path)
    assert (status, text) == (405, "Method Not Allowed")


@pytest.mark.parametrize(
    ("name", "body", "line"),
    [
        ("runs", b"", "the body is not JSON"),
        ("runs", b"{", "the body is not JSON"),
        ("runs", b"[" * 4000, "the body is not JSON"),
        ("runs", b"\xff\xfe", "the body is not JSON"),
        ("runs", [], "the body has to be an object of JSON"),
        ("runs", "runs", "the body has to be an object of JSON"),
        ("choices", {}, "run: is missing"),
        ("choices", {"run": "../../etc/passwd"}, "run: '../../etc/passwd' is not allowed; it must be a whole number"),
        ("choices", {"run": 1e3}, "run: 1000.0 is not allowed; it must be a whole number from 0"),
        ("choices", {"run": True}, "run: True is not allowed; it must be a whole number from 0"),
        ("choices", {"run": -1}, "run: -1 is not allowed; it must be a whole number from 0"),
        ("choices", {"run": 2**60}, "run: 1152921504606846976 is not allowed"),
        ("choices", {"run": 77}, "run: 77 is not allowed; it must be one of the "),
        ("choices", {"run": {"a": None}}, "run: {'a': None} is not allowed; it must be a whole number from 0"),
        ("curves", {"run": 77, "known": -1}, "run: 77 is not allowed; it must be one of the "),
        ("curves", {"run": 0, "known": None}, "known: None is not allowed; it must be a whole number from -1"),
        ("play", {"run": 0}, "update: is missing"),
        ("move", {"session": 7, "action": 0}, "session: 7 is not allowed; it must be a short text"),
        ("move", {"session": "x" * 41, "action": 0}, f"session: '{'x' * 41}' is not allowed; it must be a short text"),
    ],
)
def test_what_makes_no_sense_is_refused(studio, name, body, line):
    status, text, _ = studio.request("POST", f"/api/{name}", body)
    assert (status, text.count("\n")) == (400, 0)
    assert text.startswith(line)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"update": 3}, "update: 3 has no checkpoint; there are those of 2, 4, 5"),
        ({"seed": 9}, "seed: 9 is not allowed; it must be one of 0 … 2"),
        ({"seat": 2}, "seat: 2 is not allowed; it must be one of 0 … 1"),
        ({"seat": "0"}, "seat: '0' is not allowed; it must be a whole number from 0"),
    ],
)
def test_games_that_cannot_be_begun_are_refused(studio, fields, line):
    status, text, _ = studio.request("POST", "/api/play", {**NUMBERS, "run": studio.number("exact"), **fields})
    assert (status, text) == (400, line)


@pytest.mark.parametrize("session", ["", "x", "../x", "__class__"])
def test_games_that_there_are_not_are_refused(studio, session):
    for name, fields in (("move", {"action": 0}), ("view", {})):
        status, text, _ = studio.request("POST", f"/api/{name}", {"session": session, **fields})
        assert (status, text) == (404, "this game is not known, or was left for too long; begin another one")
    assert studio.ask("leave", session=session) == {}


def test_actions_that_there_are_not_are_refused(studio):
    name = studio.ask("play", **{**NUMBERS, "run": studio.number("exact")})["session"]
    status, text, _ = studio.request("POST", "/api/move", {"session": name, "action": 2})
    assert (status, text) == (400, "action: 2 is not allowed; it must be one of 0 … 1")
    assert studio.ask("view", session=name)["step"] == 0
    studio.ask("leave", session=name)


def test_large_bodies_are_refused_before_they_are_read(studio):
    assert studio.request("POST", "/api/runs", b" " * 5000)[:2] == (413, "a request has at most 4096 bytes")
    # Without a length, and without an end.
    head = (
        f"POST /api/runs HTTP/1.1\r\nhost: 127.0.0.1:{studio.port}\r\nauthorization: Bearer {studio.token}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", studio.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"1000\r\n" + b" " * 4096 + b"\r\n10\r\n" + b" " * 16 + b"\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_no_more_games_than_a_few_are_kept(studio):
    fields = {**NUMBERS, "run": studio.number("exact")}
    names, refused = [], None
    for _ in range(MOST + 1):
        status, text, _ = studio.request("POST", "/api/play", fields)
        if status != 200:
            refused = status, text
            break
        names.append(json.loads(text)["session"])
    assert refused == (429, f"{MOST} games are going on, as many as may; close the pages of some")
    for name in names:
        studio.ask("leave", session=name)
    studio.ask("leave", session=studio.ask("play", **fields)["session"])


def test_games_that_are_left_make_room():
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    names = [sessions.add(number) for number in range(MOST)]
    now[0] = IDLE
    assert sessions.get(names[3]) == 3
    now[0] = IDLE + 1
    sessions.add("another")
    assert len(sessions) == 2
    assert sessions.get(names[3]) == 3


def test_files_are_open_and_say_what_pages_may_do(studio):
    status, text, headers = studio.request("GET", "/", authorization=None, origin=None)
    assert status == 200
    assert studio.token not in text
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    for address in re.findall(r'(?:src|href)="(/[^"]*)"', text):
        assert studio.request("GET", address, authorization=None)[0] == 200
    assert not re.search(r"https?://", text)


def test_what_fails_within_is_told_in_one_line(studio, monkeypatch, capsys):
    monkeypatch.setattr("lookax.runs.studio.live._row", lambda run: 1 / 0)
    status, text, headers = studio.request("POST", "/api/runs", {})
    assert (status, text) == (500, "it failed (ZeroDivisionError); see where lookax studio was started")
    assert "content-security-policy" in headers
    monkeypatch.undo()


def test_long_computations_keep_nobody_waiting(studio, monkeypatch):
    begun, over = threading.Event(), threading.Event()

    def slow(self, asked):
        begun.set()
        assert over.wait(60)
        return {}

    monkeypatch.setattr("lookax.runs.studio.table.Table.view", slow)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(studio.ask, "view", session="x")
        try:
            assert begun.wait(60)
            assert len(studio.ask("runs")["runs"]) == 4
            assert not waiting.done()
        finally:
            over.set()
        assert waiting.result() == {}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["none"], "'none' is not a folder"),
        ([], "'runs' is not a folder"),
        ([".", "--port", "65536"], "port: 65536 is not allowed; it must be between 0 and 65535"),
        ([".", "--port", "-1"], "port: -1 is not allowed; it must be between 0 and 65535"),
    ],
)
def test_the_command_refuses_mistakes_in_one_line(words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["studio", *words]) == 2
    assert capsys.readouterr().err == f"lookax studio: {complaint}\n"


def test_a_port_that_is_taken_and_an_extra_that_is_missing_are_told(tmp_path, studio, monkeypatch):
    with pytest.raises(BadInputError, match=f"port: {studio.port} cannot be used .*; give another one, or 0 for any"):
        commands.studio(tmp_path, port=studio.port)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else object())
    with pytest.raises(BadInputError, match=r'the page needs uvicorn; `pip install "lookax\[studio\]"`'):
        commands.studio(tmp_path)


def test_the_command_ends_at_once_when_it_is_interrupted(small_run):
    # Whoever looks at the choices waits for something that takes very long.
    slow = "import time; from lookax.runs.studio import table; table.Table.choices = lambda *_: time.sleep(600); "
    program = f"from lookax.cli import main; raise SystemExit(main(['studio', {str(small_run)!r}, '--port', '0']))"
    command = [sys.executable, "-u", "-c", slow + program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.match(r"(http://127\.0\.0\.1:\d+)/#(\S+)\n", process.stdout.readline())
            assert found
            headers = {"authorization": f"Bearer {found[2]}", "content-type": "application/json"}
            asked = urllib.request.Request(f"{found[1]}/api/choices", b'{"run": 0}', headers)
            with pytest.raises(TimeoutError):
                urllib.request.urlopen(asked, timeout=3)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0


def test_the_command_serves_until_it_is_interrupted(small_run):
    program = f"import sys; from lookax.cli import main; sys.exit(main(['studio', {str(small_run)!r}, '--port', '0']))"
    command = [sys.executable, "-u", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.match(r"(http://127\.0\.0\.1:\d+)/#([\w-]{32})\n", process.stdout.readline())
            assert found
            headers = {"authorization": f"Bearer {found[2]}", "content-type": "application/json"}
            asked = urllib.request.Request(f"{found[1]}/api/runs", b"{}", headers)
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert [run["label"] for run in json.load(answer)["runs"]] == ["ipd-lola"]
            assert process.stdout.readline() == "Open this address in a browser of this machine; Ctrl-C ends it.\n"
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 0
