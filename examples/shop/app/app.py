"""Counts visits in redis and asks whether postgres listens; speaks both with the standard library alone."""

import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REDIS = (os.environ["REDIS_HOST"], 6379)
DATABASE = (os.environ["DATABASE_HOST"], 5432)
SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])


def count_visit() -> int:
    """INCR visits; the answer is an integer line, `:7`."""
    with socket.create_connection(REDIS, timeout=5) as connection:
        connection.sendall(b"INCR visits\r\n")
        return int(connection.recv(64).strip().lstrip(b":"))


def ask_database() -> str:
    """A postgres server answers an SSL request with one letter."""
    with socket.create_connection(DATABASE, timeout=5) as connection:
        connection.sendall(SSL_REQUEST)
        return "up" if connection.recv(1) in (b"S", b"N") else "strange"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body = "ok\n" if self.path == "/health" else self.page()
            status = 200
        except OSError as error:
            body, status = f"{error}\n", 502
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def page(self) -> str:
        return f"visit {count_visit()}, database {ask_database()}\n"

    def log_message(self, form, *args):
        print(form % args)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("app: listening on 8000", flush=True)
ThreadingHTTPServer(("", 8000), Handler).serve_forever()
