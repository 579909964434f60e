"""A local OpenAI-compatible server whose replies follow a script: real HTTP, real streaming, real failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Kind = Literal["answer", "drip", "hang", "error", "cut", "vanish", "length"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted reply.

    ``answer`` sends ``text`` at once, in pieces of ``piece`` characters; ``drip`` pauses ``pause_seconds`` between
    pieces; ``hang`` never sends a byte; ``error`` answers with ``status``; ``cut`` breaks the connection amid the
    stream; ``vanish`` ends the stream there without a word, as a proxy does; ``length`` says that the reply was cut.
    """

    text: str = ""
    kind: Kind = "answer"
    piece: int = 7
    pause_seconds: float = 0.05
    status: int = 500


@dataclass
class OpenAIStub:
    """The running server: where it is, and what it was asked. The last reply of the script repeats."""

    base_url: str
    script: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_reply(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self.lock:
            self.requests.append(request)
            self.headers.append(headers)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def prompt(self, number: int = -1) -> str:
        """All message texts of a request."""
        return "\n".join(str(message["content"]) for message in self.requests[number]["messages"])


@contextmanager
def openai_stub(*replies: Reply) -> Iterator[OpenAIStub]:
    """A stub that gives ``replies`` in order, on a free port of the loopback interface."""
    server = _Server(("127.0.0.1", 0), _Handler)
    stub = OpenAIStub(f"http://127.0.0.1:{server.server_address[1]}/v1", list(replies))
    server.stub = stub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the script: no traceback for them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test output clean."""

    def do_GET(self) -> None:
        if self.path.endswith("/models"):
            self._send_json(200, {"object": "list", "data": [{"id": "stub", "object": "model", "owned_by": "tests"}]})
        else:
            self._send_json(404, _error("not found"))

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self._send_json(404, _error("not found"))
            return
        stub: OpenAIStub = self.server.stub  # type: ignore[attr-defined]
        reply = stub.next_reply(request, {name.lower(): value for name, value in self.headers.items()})
        if reply.kind == "hang":
            stub.released.wait(30)
            self.close_connection = True
        elif reply.kind == "error":
            self._send_json(reply.status, _error(f"scripted failure, key was {self.headers.get('Authorization')}"))
        elif request.get("stream"):
            self._stream(reply, stub.released)
        else:
            self._send_json(200, _completion(reply))

    def _stream(self, reply: Reply, released: threading.Event) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if reply.kind == "vanish":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._send_pieces(reply, released)
        except OSError:  # the client gave up, which is what some tests are about
            self.close_connection = True

    def _send_pieces(self, reply: Reply, released: threading.Event) -> None:
        framed = reply.kind != "vanish"
        self._send_event(_chunk({"role": "assistant", "content": ""}), framed=framed)
        for start in range(0, len(reply.text), reply.piece):
            self._send_event(_chunk({"content": reply.text[start : start + reply.piece]}), framed=framed)
            if reply.kind == "drip" and released.wait(reply.pause_seconds):
                break
        if reply.kind in ("cut", "vanish"):
            self.close_connection = True
            return
        self._send_event(_chunk({}, finish="length" if reply.kind == "length" else "stop"), framed=framed)
        self._write(b"data: [DONE]\n\n", framed=framed)
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, payload: dict[str, Any], *, framed: bool) -> None:
        self._write(f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode(), framed=framed)

    def _write(self, data: bytes, *, framed: bool) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n" if framed else data)
        self.wfile.flush()

    def _send_json(self, status: int, payload: dict[str, Any]) -> None:
        data = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choices: Sequence[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "stub", "choices": choices}


def _completion(reply: Reply) -> dict[str, Any]:
    finish = "length" if reply.kind == "length" else "stop"
    message = {"role": "assistant", "content": reply.text}
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion", "created": 0, "model": "stub", "choices": choices}


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "stub"}}
