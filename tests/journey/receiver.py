"""A receiver of webhooks, as a sales team would run one: it verifies with the `standardwebhooks` package."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Behaviour = Callable[[BaseHTTPRequestHandler, int], bool]
"""Called with the request and its number before it is answered; True: the behaviour has dealt with it."""


class Receiver:
    """Listens on loopback; `messages` are the verified bodies in order of arrival, `ids` their webhook-ids (repeats included)."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.secret: str | None = None
        self.behaviour = behaviour
        self.messages: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused: list[str] = []
        self.requests = 0
        self.closed = False
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(length := int(request.headers["content-length"]))
        if len(body) < length:
            return  # the sender was killed in the middle of it
        if self.closed:  # by a connection that was kept
            request.close_connection = True
            return
        with self.arrived:
            self.requests += 1
            number = self.requests
            self.arrived.notify_all()
        if self.behaviour is not None and self.behaviour(request, number):
            return
        try:
            assert self.secret is not None
            Webhook(self.secret).verify(body, dict(request.headers))
        except Exception as error:  # whatever it is, the test must see it
            self.refused.append(f"{type(error).__name__}: {error}")
            status = 401
        else:
            status = 200
            message = json.loads(body)
            with self.arrived:
                if message["type"] != "endpoint.test":
                    self.messages.append(message)
                    self.ids.append(request.headers["webhook-id"])
                self.arrived.notify_all()
        request.send_response(status)
        request.send_header("content-length", "0")
        request.end_headers()

    def wait(self, until: Callable[["Receiver"], bool], timeout_s: float) -> bool:
        with self.arrived:
            return self.arrived.wait_for(lambda: until(self), timeout_s)

    def close(self) -> None:
        self.closed = True
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
