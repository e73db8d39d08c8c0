"""HTTP/1.1 by hand: for requests that no decent client would send, and for watching the connection itself."""

import base64
import json
import re
import socket

from lib import witness
from lib.clock import PATIENCE_S

REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")

def basic(key):
    """The Authorization value of a key."""
    return "Basic " + base64.b64encode(f"{key['id']}:{key['secret']}".encode()).decode()


class Reply:
    """One answer: status, headers (lower-case names), body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Wire:
    """One TCP connection to a server."""

    def __init__(self, server, timeout=PATIENCE_S):
        self.server, self.asked = server, None
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data: bytes):
        """Sends these bytes. If they begin a request that is one, its answer will be judged."""
        if line := REQUEST_LINE.match(data):
            self.asked = [part.decode("latin-1") for part in line.groups()]
        self.socket.sendall(data)

    def request(self, method, target, headers=None, body=b""):
        """Sends one request exactly as given and reads its answer."""
        target = target.encode("latin-1") if isinstance(target, str) else target
        lines = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **(headers or {})}
        head = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in lines.items() if value is not None)
        self.asked = None
        self.send(method.encode() + b" " + target + b" HTTP/1.1\r\n" + head + b"\r\n" + body)
        return self.read()

    def read(self):
        """Reads one answer; None when the server closed the connection."""
        first = self.file.readline()
        if not first:
            return None
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        method, target = self.asked or ("GET", "/")
        size = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        reply = Reply(int(first.split()[1]), headers, self.file.read(size))
        witness.judge(self.server, method, target, {}, reply.status, headers, reply.body)
        return reply

    def closed_within(self, seconds):
        """Whether the server ends the connection in time (whatever it still says)."""
        self.socket.settimeout(seconds)
        try:
            while self.read():
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True
