"""The reference: pages under /docs, the document as YAML, the Postman collection."""

import html
import json
import re
import shutil
import subprocess
import sys
import urllib.parse

import pytest
import requests
import yaml
from lib import secrets
from lib.world import MISSING

POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def get(server, path, **options):
    return requests.get(server.url + path, timeout=60, **options)


def test_every_page_is_there(server):
    """From the overview every link leads somewhere on this server, and no page asks for anything elsewhere."""
    waiting, seen = ["/docs"], set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = get(server, path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY and answer.headers["x-request-id"], path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        assert not re.search(r"<(script|style)>|style=\"|\son\w+=\"|(src|href)=\"(https?:)?//", answer.text), path
        for link in re.findall(r'(?:href|src)="([^"#]+)"', answer.text):
            found = requests.compat.urljoin(server.url + path, link)
            assert found.startswith(server.url), f"{path}: {found}"
            found = found.removeprefix(server.url)
            if found not in seen and found not in waiting and found != "/openapi.json":
                waiting.append(found)
    ids = [operation["operationId"] for item in server.contract.document["paths"].values() for operation in item.values()]
    assert len([path for path in seen if path.startswith("/docs/operations/")]) == len(ids)
    assert {"/docs/docs.css", "/docs/docs.js", "/openapi.yaml", "/postman_collection.json"} <= seen


def test_names_of_operations(server):
    page = get(server, "/docs/operations/create-integration-key").text
    line = re.search(r'<p class="line">(.*?)</p>', page)[1].replace("<wbr>", "")
    assert "/v2/apps/{appId}/integrations/{integrationId}/keys" in line and "integration_not_found" in page
    for name in ["create-custom-integration-key", "CreateCustomIntegrationKey"]:
        assert get(server, f"/docs/operations/{name}").text == page
    assert get(server, "/sc/docs/operations/create-integration-key").text == page
    assert get(server, "/docs/").text == get(server, "/docs").text, "with a slash too"
    for path in ["/docs/operations/nothing", "/docs/guides/nothing", "/docs/nothing", "/docsy", "/docs/operations"]:
        assert get(server, path).status_code == 404, path
    assert requests.post(f"{server.url}/docs", timeout=60).status_code == 404
    head = requests.head(f"{server.url}/docs", timeout=60)
    assert head.status_code == 200 and not head.content


def test_a_browser_finds_them_from_the_address_alone(server):
    for place in ["/", "/sc/"]:
        answer = get(server, place, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert answer.history[0].status_code == 302 and answer.url == f"{server.url}{place}docs"
    assert get(server, "/").status_code == 404, "programs are told what the contract says of unknown paths"


def resolved(document, schema):
    """What a schema says, its parts put together."""
    whole = dict(schema)
    parts = list(schema.get("allOf", []))
    if "$ref" in schema:
        parts.append(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    for part in (resolved(document, part) for part in parts):
        properties = {**part.get("properties", {}), **whole.get("properties", {})}
        whole = {**part, **whole, **({"properties": properties} if properties else {})}
    return whole


def told(document, schema, sent, what):
    """What a page must say of the fields of a schema: their names and limits."""
    for name, field in resolved(document, schema).get("properties", {}).items():
        field = resolved(document, field)
        if field.get("readOnly" if sent else "writeOnly"):
            continue
        yield f"{what}.{name}", f"<code>{name}</code>"
        if field.get("maxLength", 1) > 1:
            yield f"{what}.{name}, length", f"at most {field['maxLength']} characters"


def test_every_page_says_all_there_is_to_know(server):
    document = server.contract.document
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            page = get(server, f"/docs/operations/{name}").text
            text = html.unescape(page.replace("<wbr>", ""))
            wanted = [("path", path), ("method", f">{method.upper()}<"), ("summary", operation["summary"])]
            wanted += [(scope, f"<code>{scope}</code>") for scope in operation.get("x-scopes", [])]
            for parameter in operation.get("parameters", []):
                wanted.append((parameter["name"], f"<code>{parameter['name']}</code>"))
            for media in operation.get("requestBody", {}).get("content", {}).values():
                wanted += told(document, media["schema"], True, "body")
            for status, answer in operation["responses"].items():
                wanted.append((status, f"<td>{status}</td>" if int(status) >= 400 else f"Status <code>{status}</code>"))
                if int(status) < 400:
                    for media in answer.get("content", {}).values():
                        wanted += told(document, media["schema"], False, "answer")
            lacking = [what for what, words in wanted if words not in text]
            assert not lacking, f"{name}: {lacking}"
            for status, code, title in re.findall(
                    r"<tr><td>(\d+)</td><td><code>(.*?)</code> <span>(.*?)</span></td></tr>", page):
                assert int(status) >= 400 and re.fullmatch("[a-z_]+", code) and title, name


def test_pages_tell_the_titles_that_are_answered(server, app):
    """What a page says that an operation refuses with is what it does refuse with."""
    user, bot = app.user(), app.custom()
    board = app.api.post(f"{app.path}/switchboards").ok(201)["switchboard"]
    boards = f"{app.path}/switchboards/{board['id']}/switchboardIntegrations"
    talk = app.conversation_path(app.group(user))
    to_nobody = {"switchboardIntegration": "nobody"}
    controls = {"pass": to_nobody, "offer": to_nobody, "accept": {}, "release": {}}
    asked = [(f"{word.title()}Control", app.api.post(f"{talk}/{word}Control", body)) for word, body in controls.items()]
    for number, part in enumerate([bot, *(app.custom() for _ in range(9))]):
        part = app.api.post(boards, {"name": f"part-{number}", "integrationId": part.id}).ok(201)["switchboardIntegration"]
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": part["id"]}
    app.api.patch(f"{app.path}/switchboards/{board['id']}", enabled).ok(200)
    health = f"/heliograph/v1/apps/{app.id}/webhooks/{bot.webhook['id']}"
    app.api.post(f"{health}/pause").ok(200)
    stranger = {"author": {"type": "user", "userId": app.user()["id"]}, "type": "typing:start"}
    asked += [
        ("CreateUser", app.api.post(f"{app.path}/users", {"externalId": user["externalId"]})),
        ("CreateSwitchboardIntegration", app.api.post(boards, {"name": "one-more", "integrationId": bot.id})),
        ("PassControl", app.api.post(f"{talk}/passControl", to_nobody)),
        ("OfferControl", app.api.post(f"{talk}/offerControl", to_nobody)),
        ("AcceptControl", app.api.post(f"{talk}/acceptControl", {})),
        ("TestWebhook", app.api.post(f"{health}/test")),
        ("DeleteAttachment", app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": f"{server.url}/nothing"})),
        ("PostActivity", app.api.post(f"{talk}/activity", stranger)),
        ("RemoveClient", app.api.delete(f"{app.path}/users/{user['id']}/clients/{MISSING}")),
    ]
    for operation, answer in asked:
        page = html.unescape(get(server, f"/docs/operations/{operation}").text)
        rows = re.findall(r"<tr><td>(\d+)</td><td><code>(.*?)</code> <span>(.*?)</span></td></tr>", page)
        error = answer.body["errors"][0]
        fitting = [row for row in rows if (int(row[0]), row[1]) == (answer.status, error["code"])]
        assert any(row[2] == error["title"] or row[2].startswith("Says") for row in fitting), f"{operation}: {error}, {rows}"


def test_yaml_is_the_same_document(server):
    assert yaml.safe_load(get(server, "/openapi.yaml").text) == get(server, "/openapi.json").json()


def test_an_address_of_the_operators_stands_in_the_collection(launch):
    server = launch("--public-url", "https://h.example/base/")
    assert get(server, "/postman_collection.json").json()["variable"][0] == {"key": "url", "value": "https://h.example/base"}


def test_the_collection_runs_green(launch, node, tmp_path):
    """A fresh import, on an empty server, from top to bottom; and nothing is left of it."""
    server = launch()
    file, report = tmp_path / "collection.json", tmp_path / "report.json"
    # (The collection calls the address that it was fetched from.)
    collection = requests.get(f"{server.relayed}/postman_collection.json", timeout=60).json()
    assert collection["auth"]["type"] == "basic" and all(folder["name"] for folder in collection["item"])
    items = [item for folder in collection["item"] for item in folder["item"]]
    assert all(item["response"] or "(a person" in item["name"] for item in items), "there are example answers"
    file.write_text(json.dumps(collection))
    key = server.first_key
    done = node(
        "node_modules/.bin/newman", "run", file, "--env-var", f"keyId={key['id']}", "--env-var", f"secret={key['secret']}",
        "--reporters", "cli,json", "--reporter-json-export", report, "--color", "off", timeout=300)
    run = json.loads(report.read_text())["run"]
    assert done.returncode == 0, done.stdout[-4000:]
    assert not run["failures"]
    ids = [operation["operationId"] for item in server.contract.document["paths"].values() for operation in item.values()]
    assert run["stats"]["assertions"]["total"] >= len(ids)
    refused = {one["item"]["name"] for one in run["executions"] if one["response"]["code"] >= 400}
    # What no server of this kind can do says so in its name; all others do what they are there for.
    assert all("(refused: " in name for name in refused), refused
    assert len(refused) <= 1, refused
    assert server.account.get("/v2/apps").ok(200)["apps"] == []


@pytest.mark.waits
def test_in_a_browser(server, node, tmp_path):
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    account = server.account
    app = account.post("/v2/apps", {"displayName": "Docs"}).ok(201)["app"]
    hook = {"target": "http://127.0.0.1:9/", "triggers": ["conversation:message"]}
    made = account.post(f"/v2/apps/{app['id']}/integrations", {"type": "custom", "webhooks": [hook]}).ok(201)
    # A partner may call itself by one long word.
    named = {"displayName": "Partner" * 9, "redirectUris": ["https://partner.example/back"]}
    partner = account.post("/heliograph/v1/oauthClients", named).ok(201)["oauthClient"]["id"]
    job = {
        "url": server.relayed, "chromium": CHROMIUM, "keyId": account.key["id"], "secret": account.key["secret"],
        "appId": app["id"], "integrationId": made["integration"]["id"],
        "pages": [
            "/docs", "/docs/guides/first-key", "/docs/guides/oauth", "/docs/operations/create-integration-key",
            "/docs/operations/post-message", "/docs/operations/upload-attachment", "/docs/operations/list-deliveries",
            f"/oauth/authorize?response_type=code&client_id={partner}",
        ],
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = node("node", "browser.js", tmp_path / "job.json", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def programs(server, guide, **values):
    """The programs of a guide, filled in."""
    text = get(server, f"/docs/guides/{guide}").text
    found = [html.unescape(one) for one in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", text, re.S)]
    values = {"url": server.relayed, **values}
    return [re.sub(r"\{\{(\w+)\}\}", lambda name: values[name[1]], one) for one in found]


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_guide_to_a_first_key_runs(server):
    if not shutil.which("jq"):
        pytest.skip("not on this machine: jq")
    key = server.first_key
    _, *steps = programs(server, "first-key", keyId=key["id"], secret=key["secret"])
    made = json.loads(run("sh", text="\n".join(steps)).splitlines()[-1])["key"]
    assert made["id"].startswith("int_") and made["displayName"] == "My custom key"


def test_the_guide_to_tokens_runs(server, app):
    names = {"keyId": app.key["id"], "secret": app.key["secret"], "scope": "app", "token": "{}"}
    _, python, node, shell, use = programs(server, "sign-a-token", **names)
    commands = [[sys.executable, "-c", python], ["node", "--input-type=module", "-e", node]]
    if shutil.which("openssl"):
        commands.append(["sh", "-c", shell])
    for command in commands:
        token = run(*command).strip()
        answer = json.loads(run("sh", "-c", use.replace("Bearer {}", f"Bearer {token}") + " -sS"))
        assert answer["app"]["id"] == app.id, command


def test_the_guide_to_oauth_runs(server, app):
    partner = {"displayName": "Partner", "redirectUris": ["https://partner.example/callback"]}
    made = server.account.post("/heliograph/v1/oauthClients", partner).ok(201)
    secrets.note(made["secret"])
    names = {"oauthClientId": made["oauthClient"]["id"], "oauthClientSecret": made["secret"], "code": "{}", "token": "{}"}
    address, exchange, use = programs(server, "oauth", **names)

    browser = requests.Session()
    browser.get(address, timeout=60).raise_for_status()
    query = address.split("?", 1)[1]
    key = {"key_id": app.key["id"], "secret": app.key["secret"]}
    asked = browser.post(f"{server.url}/oauth/sign-in?{query}", data=key, timeout=60)
    mark = re.search(r'name="mark" value="([^"]+)"', asked.text)[1]
    allowed = browser.post(
        f"{server.url}/oauth/consent?{query}", data={"mark": mark, "app": app.id, "decision": "allow"}, timeout=60,
        allow_redirects=False)
    back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(allowed.headers["location"]).query))
    assert back["state"] == "where-i-was"

    answer = json.loads(run("sh", "-c", exchange.replace("code={}", f"code={back['code']}") + " -sS"))
    told = json.loads(run("sh", "-c", use.replace("Bearer {}", f"Bearer {answer['access_token']}") + " -sS"))
    assert told["app"]["id"] == app.id


def test_the_guide_to_webhooks_runs(server, tmp_path):
    (program,) = programs(server, "receive-a-webhook", webhookSecret="hush")
    # A port of its own, which it prints.
    program = program.replace('("127.0.0.1", 9000)', '("127.0.0.1", 0)').replace(
        "HTTPServer((", "server = HTTPServer((").replace(").serve_forever()", ")")
    program += '\nprint("port", server.server_address[1], flush=True)\nfor _ in range(2):\n    server.handle_request()\n'
    receiver = subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path)
    try:
        port = receiver.stdout.readline().split()[1]
        event = {"id": "e1", "type": "user:remove", "payload": {}}
        for secret, status in [("hush", 200), ("other", 401)]:
            answer = requests.post(
                f"http://127.0.0.1:{port}/", json={"events": [event]}, headers={"X-API-Key": secret}, timeout=60)
            assert answer.status_code == status
        assert receiver.communicate(timeout=60)[0] == "e1 user:remove {}\n"
    finally:
        receiver.kill()
