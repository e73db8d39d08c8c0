"""A relay before a server, for what is no client of ours: curl, the command line, samples, newman, a browser, official SDKs.
Bytes go through it as they are, both ways. It reads along, and what was answered is judged before its last bytes go on."""

import contextlib
import socket
import threading

import h11
from requests.structures import CaseInsensitiveDict

from lib import witness
from lib.proxy import pour

# Heads of requests may be large: what the server says to them is part of the tests.
LARGEST_HEAD = 1 << 22
# How long a client may go on when the server has hung up.
LAST_WORDS_S = 30


class Relay:
    """One relay, before one server (wherever that listens after a restart)."""

    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        """Carries one connection."""
        # Where no server is, the client is hung up on.
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port), 30) as server:
            server.settimeout(None)
            talk = Talk(self.server)
            up = threading.Thread(target=pour, args=(client, server, talk.asked), daemon=True)
            up.start()
            pour(server, client, talk.answered)
            up.join(LAST_WORDS_S)
            client.shutdown(socket.SHUT_RDWR)


class Talk:
    """What is said on one connection. Either side is read by a parser that is told what the other side has said, so that both
    know where they are. What is no HTTP is carried on all the same, and not judged."""

    def __init__(self, server):
        self.server, self.lock = server, threading.Lock()
        self.requests = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self.answers = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        self.request, self.response, self.content, self.is_http = None, None, bytearray(), True

    def asked(self, data):
        self.hear(self.requests, data)

    def answered(self, data):
        self.hear(self.answers, data)

    def hear(self, side, data):
        with self.lock:
            if not self.is_http:
                return
            try:
                side.receive_data(data)
                while self.step():
                    pass
            except h11.ProtocolError:
                self.is_http = False

    def step(self):
        """Takes the next event of either side, if there is one."""
        event = self.requests.next_event()
        if isinstance(event, h11.Event):
            self.note_asked(event)
            return True
        event = self.answers.next_event()
        if isinstance(event, h11.Event):
            self.note_answered(event)
            return True
        return False

    def note_asked(self, event):
        self.answers.send_with_data_passthrough(event)
        if isinstance(event, h11.Request):
            self.request = event
        self.begin_anew()

    def note_answered(self, event):
        self.requests.send_with_data_passthrough(event)
        if isinstance(event, h11.Response):
            self.response, self.content = event, bytearray()
        elif isinstance(event, h11.Data) and witness.concerns(self.target):
            self.content += event.data
        elif isinstance(event, h11.EndOfMessage):
            self.judge()
        self.begin_anew()

    def begin_anew(self):
        """A connection goes on when a request is all sent and all answered, in whatever order."""
        if self.requests.our_state is self.requests.their_state is h11.DONE:
            self.requests.start_next_cycle()
            self.answers.start_next_cycle()

    @property
    def target(self):
        return self.request.target.decode("latin-1")

    def judge(self):
        # What is wrong fails the test, not the connection.
        with contextlib.suppress(Exception):
            witness.judge(
                self.server, self.request.method.decode(), self.target, texts(self.request), self.response.status_code,
                texts(self.response), bytes(self.content))


def texts(message):
    """The headers of a message."""
    return CaseInsensitiveDict({name.decode("latin-1"): value.decode("latin-1") for name, value in message.headers})
