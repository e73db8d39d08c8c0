"""Schemathesis sends what the document allows, and what it does not, with credentials: no 5xx, no answer outside the
document, and bad input refused. For a minute here; `./test long` takes longer, with another seed each time."""

import json
import random
import subprocess
import sys

import pytest
from lib import long, world
from lib.contract import triggers
from lib.server import ROOT, SHORT_GAPS, clean_environment

SECONDS = long.SECONDS or 55
# The same calls every time, unless somebody asks for a long look.
SEED = random.randrange(2**32) if long.SECONDS else 20261125
# All checks, but for those that know better than a noun's rules what is in order: a well-formed call may well name a user
# who is not there. Of uploads it takes a picture that it makes itself for a bad form; test_attachments.py has those.
CONFIG = """
[checks]
positive_data_acceptance.enabled = false
ensure_resource_availability.enabled = false
object_level_authorization.enabled = false

[[operations]]
include-operation-id = "UploadAttachment"
checks.negative_data_rejection.enabled = false
"""


def settle(server):
    """An app with some of everything, and where it is."""
    app = world.new_app(server)
    users = [app.user() for _ in range(5)]
    conversations = [app.personal(user) for user in users] + [app.group(*users[:2]) for _ in range(3)]
    bots = [app.custom(triggers=triggers(server.contract.document)) for _ in range(3)]
    channels = [app.api.post(f"{app.path}/integrations", {"type": kind}).ok(201)["integration"]["id"]
                for kind in ("web", "android", "whatsapp")]
    offer = {"type": "text", "text": "Choose", "actions": [{"type": "postback", "text": "Yes", "payload": "yes"}]}
    board = app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]["id"]
    parts = [app.api.post(f"{app.path}/switchboards/{board}/switchboardIntegrations", {
        "name": name, "integrationId": bot.id}).ok(201)["switchboardIntegration"] for name, bot in zip("ab", bots)]
    app.api.patch(f"{app.path}/switchboards/{board}", {
        "enabled": True, "defaultSwitchboardIntegrationId": parts[0]["id"]}).ok(200)
    messages = [app.api.post(f"{app.conversation_path(one)}/messages", {
        "author": {"type": "business"}, "content": offer}).ok(201)["messages"][0]["id"] for one in conversations]
    ids = {
        "appId": [app.id],
        "conversationId": [one["id"] for one in conversations],
        "userId": [one["id"] for one in users],
        "userIdOrExternalId": [one["id"] for one in users] + [one["externalId"] for one in users],
        "userExternalId": [one["externalId"] for one in users],
        "integrationId": [*(bot.id for bot in bots), *channels],
        "webhookId": [bot.webhook["id"] for bot in bots],
        "messageId": messages,
        "payload": ["yes"],
        "switchboardId": [board],
        "switchboardIntegration": ["a", "b", "next"],
        "switchboardIntegrationId": [one["id"] for one in parts],
        "nextSwitchboardIntegrationId": [one["id"] for one in parts],
        "keyId": [bots[0].new_key()["id"], app.new_key()["id"]],
    }
    return {"keys": {"app": [app.key["id"], app.key["secret"]], "account": list(server.first_key.values())}, "ids": ids}


@pytest.mark.waits
@pytest.mark.long
def test_no_call_finds_a_defect(launch, tmp_path):
    # Wrong credentials are among what is sent: they are to be refused each time as such.
    patient = ("--failure-limit-address", "100000/s", "--failure-limit-key", "100000/s")
    server = launch(*SHORT_GAPS, *patient)
    hooks = ROOT / "tests" / "front_door" / "lib" / "fuzz_hooks.py"
    environment = clean_environment(
        SCHEMATHESIS_HOOKS=str(hooks), HELIOGRAPH_FUZZ_WORLD=json.dumps(settle(server)), NO_COLOR="1")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.relayed}/openapi.json", "--url", server.relayed,
        "--max-time", str(SECONDS), "--seed", str(SEED), "--warnings", "off",
        "--request-timeout", "60", "--continue-on-failure", "--generation-database", "none", "--no-shrink",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=SECONDS * 2 + 300, check=False)
    assert done.returncode == 0, f"seed {SEED}\n{done.stdout[-20000:]}{done.stderr[-2000:]}"
    print(done.stdout[-3000:])
