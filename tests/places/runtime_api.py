"""The side of AWS Lambda that a runtime talks to: invocations that wait for it, and its answers.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NEXT = "/2018-06-01/runtime/invocation/next"
_TIMEOUT = 60.0


class RuntimeApi:
    """``invoke()`` gives an event to whoever asks for the next one; ``asked()`` waits for somebody who does."""

    def __init__(self) -> None:
        self._asked: queue.Queue[float] = queue.Queue()
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> RuntimeApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def asked(self) -> float:
        """When a runtime has asked for an invocation, of ``time.perf_counter``."""
        return self._asked.get(timeout=_TIMEOUT)

    def invoke(self, event: dict[str, Any]) -> tuple[str, Any]:
        """Where the runtime has sent its answer to (``response``, ``error``), and the answer."""
        self._events.put(event)
        return self._answers.get(timeout=_TIMEOUT)

    def refuse(self) -> None:
        """Whoever waits for an invocation is told that there is none, which ends a runtime."""
        self._events.put(None)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == _NEXT, self.path
                api._asked.put(time.perf_counter())
                event = api._events.get()
                self._answer(403 if event is None else 200, json.dumps(event).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api._answers.put((self.path.rpartition("/")[2], body))
                self._answer(202, b"{}")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:0:function:app")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
