"""A name server that lies: it answers each question about a name with the next of the addresses it was given."""

import itertools
import socket
import struct
import threading

A, AAAA = 1, 28


class NameServer:
    """Listens where the system's resolver asks: port 53, of an address of loopback that nobody else uses."""

    def __init__(self, address="127.97.53.1"):
        self.address, self.answers, self.asked, self.silent = address, {}, [], set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def lie(self, name, *answers):
        """Each answer is a list of IPv4 addresses; after the last it begins anew."""
        self.answers[name] = itertools.cycle(answers)

    def hush(self, domain):
        """Questions about names below this domain are not answered."""
        self.silent.add(domain)

    def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(512)
            except OSError:
                return
            if answer := self.answer(question):
                self.socket.sendto(answer, peer)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode().lower())
            at += 1 + packet[at]
        name, kind, question = ".".join(labels), struct.unpack(">H", packet[at + 1:at + 3])[0], packet[12:at + 5]
        if any(name.endswith(f".{domain}") for domain in self.silent):
            return None
        known = self.answers.get(name)
        addresses = next(known) if known and kind == A else []
        if kind == A:
            self.asked.append((name, addresses))
        # Known names have no IPv6 address; others do not exist. Nothing may be kept (TTL 0).
        flags = 0x8180 if known else 0x8183
        head = packet[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0)
        records = b"".join(struct.pack(">HHHIH", 0xC00C, A, 1, 0, 4) + socket.inet_aton(one) for one in addresses)
        return head + question + records

    def close(self):
        self.socket.close()
