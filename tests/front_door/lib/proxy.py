"""A small real proxy: CONNECT for https, whole addresses for http, and credentials if it is told to want some."""

import base64
import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def admitted(self):
        self.server.asked.append((self.command, self.path, self.headers.get("proxy-authorization")))
        wanted = self.server.wanted
        if wanted is None or self.headers.get("proxy-authorization") == wanted:
            return True
        self.answer(407)
        return False

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def beyond(self, host, port):
        """Where a name leads is the proxy's own business: here all lead to loopback."""
        return socket.create_connection((self.server.names.get(host, host), port), 30)

    def do_POST(self):  # noqa: N802 (the base class names it so)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.admitted():
            return
        url = urlsplit(self.path)
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()
                          if not name.lower().startswith("proxy-"))
        head = f"POST {url.path or '/'} HTTP/1.1\r\n{headers}connection: close\r\n\r\n"
        with self.beyond(url.hostname, url.port or 80) as stream:
            stream.sendall(head.encode() + body)
            status = int(stream.makefile("rb").readline().split()[1])
        self.answer(status)

    def do_CONNECT(self):  # noqa: N802
        if not self.admitted():
            return
        host, port = self.path.rsplit(":", 1)
        beyond = self.beyond(host, int(port))
        self.send_response(200)
        self.end_headers()
        back = threading.Thread(target=pour, args=(beyond, self.connection), daemon=True)
        back.start()
        pour(self.connection, beyond)
        back.join(10)
        self.close_connection = True

    def log_message(self, *_):
        """Quiet."""


def pour(source, sink, look=lambda data: None):
    """Has all that comes from one socket go into another. `look` sees it first."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            look(data)
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Proxy:
    """One proxy. `asked` are (method, target, credential) of all it was asked."""

    def __init__(self, username=None, password=None, names=None):
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        credential = f"{username}:{password}".encode()
        self.http.wanted = f"Basic {base64.b64encode(credential).decode()}" if username else None
        self.http.names, self.http.asked = names or {}, []
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def asked(self):
        return list(self.http.asked)

    @property
    def host(self):
        return f"127.0.0.1:{self.http.server_port}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()
