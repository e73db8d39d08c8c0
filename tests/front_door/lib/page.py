"""The page that started it all: its curl line, its Postman item, its program. Where the page itself lies beside the
repository, it is used to the letter; elsewhere what is kept of it here, which is the same."""

import json
from pathlib import Path

from lib.server import ROOT

PAGE = ROOT.parent / "shared" / "seed" / "create-integration-key.txt"
KEPT = Path(__file__).parent.parent / "page"
KEPT_CURL = (KEPT / "create_key.curl").read_text()
KEPT_ITEM = json.loads((KEPT / "create_key.postman_item.json").read_text())


def parts():
    """Program, curl line, and item with its example answer."""
    program, rest = PAGE.read_text().split("Curl Command\n")
    curl, item = rest.split("Postman Collection Item JSON\n")
    return program, curl, json.loads(item)


PROGRAM, CURL, ITEM = parts() if PAGE.exists() else (None, KEPT_CURL, KEPT_ITEM)
