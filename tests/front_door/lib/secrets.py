"""Every secret seen or sent during a run: when a server ends, they are looked for where they must not be."""

import ahocorasick

# Short words would be found by chance; every real secret is longer.
SHORTEST = 12

# Fields of the API whose value is a credential.
FIELDS = frozenset({
    "secret", "webhookSecret", "apiSecret", "appSecret", "authToken", "token", "access_token", "apiKey", "signingKey", "accessKey",
    "pageAccessToken", "privateKey", "serverKey", "password", "certificate", "consumerKey", "consumerSecret",
    "accessTokenKey", "accessTokenSecret", "channelSecret", "channelAccessToken", "switcherSecret",
    "accountManagementAccessToken", "authenticationMessageSecret",
})

seen: set[str] = set()


def note(value):
    """Remembers one secret."""
    if isinstance(value, str) and len(value) >= SHORTEST and value not in seen:
        seen.add(value)
        plain.add(value.encode().decode("latin-1"))
        in_hex.add(value.encode().hex())


def collect(node):
    """Remembers the value of every credential field inside a JSON value."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in FIELDS:
                note(value)
            collect(value)
    elif isinstance(node, list):
        for item in node:
            collect(item)


class Heads:
    """Finds texts among thousands in one pass over what is looked through: by how they begin, and then as a whole."""

    def __init__(self, length):
        self.length, self.by_head, self.automaton = length, {}, None

    def add(self, text):
        self.by_head.setdefault(text[: self.length], set()).add(text)
        self.automaton = None

    def found_in(self, haystack):
        if not self.by_head:
            return set()
        if self.automaton is None:
            self.automaton = ahocorasick.Automaton()
            for head, texts in self.by_head.items():
                self.automaton.add_word(head, texts)
            self.automaton.make_automaton()
        ends = self.automaton.iter(haystack)
        return {text for end, texts in ends for text in texts if haystack.startswith(text, end + 1 - self.length)}


plain, in_hex = Heads(SHORTEST), Heads(2 * SHORTEST)


def found_in(haystack: bytes):
    """The secrets (shortened) that occur in these bytes, as they are or in hexadecimal."""
    text = haystack.decode("latin-1")
    found = {one.encode("latin-1") for one in plain.found_in(text)}
    found |= {bytes.fromhex(one) for one in in_hex.found_in(text.lower())}
    return sorted(f"{secret[:6].decode(errors='replace')}… ({len(secret)} bytes)" for secret in found)
