"""Every secret seen or sent during a run: when a server ends, they are looked for where they must not be."""

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
    if isinstance(value, str) and len(value) >= SHORTEST:
        seen.add(value)


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


def found_in(haystack: bytes):
    """The secrets (shortened) that occur in these bytes, as they are or in hexadecimal."""
    lowered = haystack.lower()
    return sorted(
        f"{secret[:6]}… ({len(secret)} characters)"
        for secret in seen
        if secret.encode() in haystack or secret.encode().hex().encode() in lowered
    )
