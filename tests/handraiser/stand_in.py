"""A server that answers as told, for what the real one does only on a bad day."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Answer: TypeAlias = tuple[int, dict[str, str], Any] | None
"""Status, headers, JSON; None: the connection is cut without one."""


class StandIn:
    """`answer(path, body)` is asked for each request."""

    def __init__(self, answer: Callable[[str, Any], Answer]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                told = answer(self.path, json.loads(body) if body else None)
                if told is None:
                    self.close_connection = True
                    return
                status, headers, document = told
                content = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST  # noqa: N815 - the library's word

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's word
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
