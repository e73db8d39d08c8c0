"""The way to PostgreSQL, which can be cut, and which can fall silent."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit, urlunsplit


class Link:
    """Carries connections to where a database URL leads; `url` is the same database by this way, `past` is past it."""

    def __init__(self, database_url):
        self.past, parts = database_url, urlsplit(database_url)
        self.behind, self.open, self.talks = (parts.hostname, parts.port), threading.Event(), set()
        self.open.set()
        self.broken = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        place = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=place))
        threading.Thread(target=self.accept, daemon=True).start()

    def cut(self):
        """All connections end, and so does each new one."""
        self.broken = True
        for one in list(self.talks):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def hang(self):
        """Nothing is carried any more, and nobody is told."""
        self.open.clear()

    def mend(self):
        self.broken = False
        self.open.set()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.broken:
                near.close()
                continue
            far = socket.create_connection(self.behind)
            self.talks |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.open.wait()
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.talks.discard(one)

    def close(self):
        self.mend()
        self.cut()
        self.listener.close()
