"""What schemathesis is told of the server: credentials, ids that exist, and addresses at which nobody is.

It imports this file by itself (SCHEMATHESIS_HOOKS). HELIOGRAPH_FUZZ_WORLD says what there is: {"keys": {scope: [id,
secret]}, "ids": {parameter: [id, …]}}.
"""

import base64
import json
import os
import random
import re
from urllib.parse import urlsplit

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

WORLD = json.loads(os.environ["HELIOGRAPH_FUZZ_WORLD"])
NOWHERE = "http://127.0.0.1:9"
# What is deleted by its id is gone for all that follows, so these names are left as they were made up.
KEPT_FROM_DELETION = {"appId", "integrationId", "userIdOrExternalId", "conversationId", "switchboardId", "webhookId"}


@schemathesis.auth()
class Credentials:
    """The strongest key that may call the operation."""

    def get(self, case, context):
        scopes = case.operation.definition.raw.get("x-scopes", [])
        pair = WORLD["keys"]["app" if "app" in scopes else "account"]
        return "Basic " + base64.b64encode(":".join(pair).encode()).decode()

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": data}


def is_valid(case, location):
    """Whether this part of a call is meant to be in order: what is wrong on purpose has to stay wrong."""
    part = case.meta and case.meta.components.get(location)
    return part is None or part.mode == GenerationMode.POSITIVE


def known(name, chance):
    """An id of what there is, for most parameters that want one."""
    ids = WORLD["ids"].get(name)
    return chance.choice(ids) if ids and chance.random() < 0.8 else None


def alive(node, chance, name=None):
    """A body whose ids name something, and whose addresses lead nowhere."""
    if isinstance(node, dict):
        return {key: alive(value, chance, key) for key, value in node.items()}
    if isinstance(node, list):
        return [alive(value, chance, name) for value in node]
    if not isinstance(node, str):
        return node
    if re.match("https?://", node):
        return NOWHERE + (urlsplit(node.split("@")[-1]).path or "/")
    return known(name, chance) or node


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts ids that exist in the place of most that were made up."""
    chance = random.Random(repr((case.method, case.path, case.path_parameters, case.body)))
    if case.path_parameters and is_valid(case, ParameterLocation.PATH):
        last = re.findall(r"\{(\w+)\}", case.path)[-1] if case.path.endswith("}") else None
        for name in case.path_parameters:
            if case.method == "DELETE" and name == last and name in KEPT_FROM_DELETION:
                continue
            # Another app than the one there is is the matter of other tests.
            found = WORLD["ids"]["appId"][0] if name == "appId" else known(name, chance)
            if found:
                case.path_parameters[name] = found
    if isinstance(case.body, (dict, list)) and is_valid(case, ParameterLocation.BODY):
        case.body = alive(case.body, chance)
