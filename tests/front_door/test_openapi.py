"""The server's own OpenAPI document. (That its answers keep to it is checked on every answer of every test.)"""

import json
import re
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from lib import server as servers
from lib.contract import triggers
from lib.operations import BESIDE, OPERATIONS, bare
from lib.reference import limits_of_requests, reference, resolve

# The reference's comparison program lies beside the repository where one is given.
COMPARE = servers.ROOT.parent / "shared" / "contract" / "compare"


@pytest.fixture
def document(server):
    return server.contract.document


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method.upper(), path, operation


def walk(node):
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


def test_is_openapi_3_1(document):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation.get("summary") or operation.get("description"), where
        assert operation["responses"], where
        named = set(re.findall(r"\{([^}]*)\}", path))
        shared = document["paths"][path].get("parameters", [])
        given = [resolve(document, one) for one in [*shared, *operation.get("parameters", [])]]
        assert {one["name"] for one in given if one["in"] == "path"} == named, where
        assert all(one.get("required") for one in given if one["in"] == "path"), where
        for response in operation["responses"].values():
            assert resolve(document, response)["description"], where


def test_every_reference_leads_somewhere(document):
    for node in walk(document):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            assert resolve(document, node), node["$ref"]


def test_a_body_is_required_where_none_would_be_refused(document, app):
    conversation = app.group()
    for method, path, operation in operations(document):
        name = operation["operationId"]
        if name in ("JoinConversation", "LeaveConversation", "PostConversionEvents"):
            assert operation["requestBody"]["required"] is True, name
            where = path.format(appId=app.id, conversationId=conversation["id"])
            assert app.api.send(method.upper(), where).status == 400, name
        elif name in ("ReleaseControl", "AcceptControl", "UpdateApp"):
            assert operation["requestBody"]["required"] is False, name
        elif name == "ListConversations":
            assert [one["name"] for one in operation["parameters"] if one["in"] == "query" and one.get("required")] == ["filter"]


def test_every_schema_is_valid(document):
    schemas = list(document["components"]["schemas"].values())
    for _, _, operation in operations(document):
        for holder in [operation.get("requestBody"), *operation["responses"].values()]:
            content = resolve(document, holder or {}).get("content", {})
            schemas += [media["schema"] for media in content.values() if "schema" in media]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_knows_every_operation(document):
    known = {(method, bare(path)): operation for method, path, operation in operations(document)}
    wanted = [(one.method, one.template, one.id) for one in OPERATIONS]
    for method, path, name in [*wanted, *BESIDE]:
        assert (method, path) in known, f"{method} {path} is missing"
        assert known[method, path]["operationId"].lower() == name.lower()


def test_security_is_described(document):
    schemes = document["components"]["securitySchemes"].values()
    assert {(scheme["type"], scheme["scheme"].lower()) for scheme in schemes} >= {("http", "basic"), ("http", "bearer")}


def test_command_prints_the_same(document):
    printed = servers.run("openapi")
    assert printed.returncode == 0, printed.stderr
    mine = json.loads(printed.stdout)
    # The address is the running server's own.
    mine.pop("servers", None)
    assert mine == {name: value for name, value in document.items() if name != "servers"}


def test_no_difference_from_the_reference(document, tmp_path):
    if not COMPARE.exists():
        pytest.skip("no reference beside the repository")
    (tmp_path / "ours.json").write_text(json.dumps(document))
    compared = subprocess.run(
        [sys.executable, str(COMPARE), str(tmp_path / "ours.json")], capture_output=True, text=True, timeout=120, check=False)
    assert "68 of 68 operations match in full, 68 present, 0 differences" in compared.stdout, compared.stdout + compared.stderr


# Where the reference's file cannot mean what it says, or our document says it elsewhere.
OTHERWISE = {
    # It limits the words in the list by the list's length; ours limits the list.
    (".subtypes[]", "minItems"), (".subtypes[]", "maxItems"),
    # An answer may have none, so that the rule is not in the schema: test_integrations.py.
    (".webhooks", "minItems"),
}


def test_limits_are_those_of_the_reference(document):
    """Every length, size and format that the reference names for a field of a request stands in ours too."""
    if reference() is None:
        pytest.skip("no reference beside the repository")
    ours, theirs = limits_of_requests(document), limits_of_requests(reference().document)
    assert len(theirs) == 68 and sum(map(len, theirs.values())) > 200
    missing = [
        (*operation, *one) for operation, wanted in theirs.items() for one in sorted(wanted - ours[operation], key=str)
        if not any(one[0].endswith(place) and one[1] == word for place, word in OTHERWISE)]
    assert not missing, "\n".join(map(str, missing))


def test_webhooks_are_described(document, server):
    known = next(
        set(node["enum"]) for node in walk(document["components"]["schemas"])
        if isinstance(node, dict) and "passthrough:messaging" in node.get("enum", []))
    assert len(known) == 26 and known == set(triggers(document))
    ours = {"heliograph:test", "heliograph:webhook:paused", "heliograph:key:expiring"}
    assert set(document["webhooks"]) == known | ours
    whole = {"id": "0123456789abcdef01234567", "createdAt": "2026-01-02T03:04:05.678Z", "type": "user:remove",
             "payload": {"user": {"id": "0123456789abcdef01234567", "authenticated": False}}}
    server.contract.check_event(whole)
    with pytest.raises(AssertionError, match="not as the document says"):
        server.contract.check_event({**whole, "payload": {}})
