"""OAuth: a partner is let into an app by a person at a browser, and put out again."""

import base64
import hashlib
import json
import re
import secrets as randomness
import time
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import jwt
import pytest
import requests
from lib import secrets, tokens
from lib.api import Api
from lib.server import run
from lib.world import EVERY_TRIGGER, MISSING, NOWHERE, unique

BACK = "https://partner.example/callback"
OTHER_BACK = "https://partner.example/other?k=v"


class Partner:
    """An OAuth client."""

    def __init__(self, server, **fields):
        body = {"displayName": unique("Partner"), "redirectUris": [BACK, OTHER_BACK], **fields}
        made = server.account.post("/heliograph/v1/oauthClients", body).ok(201)
        self.server, self.body, self.secret = server, made["oauthClient"], made["secret"]
        self.id = self.body["id"]
        secrets.note(self.secret)

    def query(self, **fields):
        return urlencode({"response_type": "code", "client_id": self.id, **fields})

    def exchange(self, code, form=False, **changes):
        """POST /oauth/token."""
        body = {
            "grant_type": "authorization_code", "code": code, "client_id": self.id, "client_secret": self.secret, **changes}
        nobody = Api(self.server)
        return nobody.post("/oauth/token", data=body) if form else nobody.post("/oauth/token", body)

    def let_in(self, app, **query):
        """The whole way, as a person with the app's key goes it; returns a caller with the token."""
        code = Browser(self.server).sign_in(self.query(**query), app.key).answer(app)["code"]
        return Api(self.server, bearer=self.exchange(code).ok(200)["access_token"])


class Browser:
    """A person's browser: keeps cookies, follows our own redirects, stops at others."""

    def __init__(self, server, prefix=""):
        self.base, self.prefix = server.url, prefix
        self.session = requests.Session()
        self.session.trust_env = False
        self.url, self.page = None, None

    def go(self, method, url, **options):
        for _ in range(6):
            self.page = self.session.request(method, url, allow_redirects=False, timeout=60, **options)
            self.url = url
            location = self.page.headers.get("location")
            if location is None:
                return self
            url = urljoin(url, location)
            if not url.startswith(self.base):
                self.url = url
                return self
            method, options = "GET", {}
        raise AssertionError(f"sent in circles: {url}")

    def open(self, path):
        return self.go("GET", self.base + self.prefix + path)

    def fields(self):
        """What the page's form has hidden."""
        return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', self.page.text))

    def submit(self, **fields):
        action = re.search(r'action="([^"]*)"', self.page.text).group(1).replace("&amp;", "&")
        return self.go("POST", urljoin(self.url, action), data={**self.fields(), **fields})

    def sign_in(self, query, key):
        self.open(f"/oauth/authorize?{query}")
        return self.submit(key_id=key["id"], secret=key["secret"])

    def answer(self, app, decision="allow"):
        """Allows or denies; returns what the partner gets in its address."""
        self.submit(app=getattr(app, "id", app), decision=decision)
        return self.told()

    def told(self):
        assert self.page.status_code in (302, 303), (self.page.status_code, self.page.text[:500])
        told = {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}
        secrets.note(told.get("code"))
        return told


@pytest.fixture
def partner(server):
    return Partner(server)


def test_the_whole_way(server, app, partner):
    browser = Browser(server).sign_in(partner.query(state="a b&c=d"), app.key)
    assert partner.body["displayName"] in browser.page.text and app.body["displayName"] in browser.page.text
    told = browser.answer(app)
    assert browser.url.startswith(BACK + "?") and told["state"] == "a b&c=d"
    assert not browser.session.cookies, "the session ends with the answer"
    token = partner.exchange(told["code"]).ok(200)
    assert set(token) == {"access_token", "token_type"} and token["token_type"] == "Bearer"

    header = jwt.get_unverified_header(token["access_token"])
    assert header["alg"] == "HS256" and header["azp"] == partner.id and re.fullmatch("app_[0-9a-f]{24}", header["kid"])
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert claims["scope"] == "integration" and claims["appId"] == app.id and set(claims) == {"scope", "appId", "iat"}

    caller = Api(server, bearer=token["access_token"])
    assert caller.get("/v2/tokenInfo").ok(200)["app"]["id"] == app.id
    assert caller.get("/sc/v2/tokenInfo").ok(200)["app"]["id"] == app.id
    user = caller.post(f"{app.path}/users", {"externalId": unique("user")}).ok(201)["user"]
    conversation = app.personal(user)
    app.say(conversation, "Here I am", caller=caller)
    caller.post(f"{app.path}/attachments/remove", {"mediaUrl": f"{server.url}/nothing"}).refused(404, "not_found")
    listed = app.api.get(f"{app.path}/integrations").ok(200)["integrations"]
    assert [(one["type"], one["displayName"]) for one in listed] == [(partner.id, partner.body["displayName"])]
    one = app.api.get(f"{app.path}/integrations/{listed[0]['id']}").ok(200)["integration"]
    assert one["status"] == "active" and one["type"] == partner.id


def test_limits_of_the_scope(server, app, other, partner):
    caller = partner.let_in(app)
    mine = app.api.get(f"{app.path}/integrations").ok(200)["integrations"][0]
    for method, path in [
        ("GET", app.path), ("PATCH", app.path), ("DELETE", app.path), ("GET", "/v2/apps"), ("GET", f"{app.path}/keys"),
        ("GET", f"{app.path}/integrations"), ("GET", f"{app.path}/integrations/{mine['id']}"),
        ("DELETE", f"{app.path}/integrations/{mine['id']}"), ("GET", f"{app.path}/integrations/{mine['id']}/keys"),
        ("GET", f"{app.path}/switchboards"), ("POST", f"{app.path}/switchboards"),
        ("GET", "/heliograph/v1/oauthClients"), ("POST", f"{other.path}/users"),
        ("GET", f"{other.path}/integrations/me/webhooks"),
    ]:
        body = {} if method in ("POST", "PATCH") else None
        caller.send(method, path, json=body).refused(403, "forbidden", "Forbidden")
    # Its key is in no list, and cannot be got at through the integration either.
    assert app.account.get(f"{app.path}/keys").ok(200)["keys"] == [app.key]
    app.api.get(f"{app.path}/integrations/{mine['id']}/keys").refused(400, "bad_request")
    kid = jwt.get_unverified_header(caller.bearer)["kid"]
    app.account.get(f"{app.path}/keys/{kid}").refused(404, "not_found")
    app.account.delete(f"{app.path}/keys/{kid}").refused(404)
    # A partner comes by consent alone.
    body = {"type": partner.id, "displayName": "No"}
    app.api.post(f"{app.path}/integrations", body).refused(400, "bad_request", "Invalid integration type")


def test_several_webhooks_of_its_own(server, app, partner, sink):
    caller, custom, target = partner.let_in(app), app.custom(), sink.target()
    path = f"{app.path}/integrations/me/webhooks"
    assert caller.get(path).ok(200)["webhooks"] == []
    made = [
        caller.post(path, {"target": one, "triggers": EVERY_TRIGGER}).ok(201)["webhook"] for one in (target.url, NOWHERE)]
    assert [one["id"] for one in caller.get(path).ok(200)["webhooks"]] == [one["id"] for one in made]
    caller.get(f"{custom.path}/webhooks").refused(403, "forbidden")
    caller.get(f"{path}/{custom.webhook['id']}").refused(404, "not_found")
    custom.api.get(f"{path}/{made[0]['id']}").refused(404, "not_found")
    caller.patch(f"{path}/{made[1]['id']}", {"triggers": ["user:remove"]}).ok(200)
    app.say(app.personal(), "For the partner")
    event = target.wait_event("conversation:message")
    assert event["payload"]["message"]["content"]["text"] == "For the partner"
    caller.delete(f"{path}/{made[1]['id']}").ok(200)


@pytest.mark.parametrize("prefix", ["", "/sc"])
def test_authorize_sends_on(server, partner, prefix):
    answer = Api(server).get(f"{prefix}/oauth/authorize?{partner.query(state='x')}")
    assert answer.status == 302 and answer.headers["content-type"].startswith("text/plain")
    assert answer.text == f"Found. Redirecting to {answer.headers['location']}"
    assert urljoin(answer.url, answer.headers["location"]).startswith(f"{server.url}{prefix}/oauth/consent?")
    page = Browser(server, prefix).open(f"/oauth/authorize?{partner.query()}").page
    assert page.status_code == 200 and partner.body["displayName"] in page.text


def test_pages_under_a_strict_policy(server, app, partner):
    nasty = Partner(server, displayName="<script>alert(1)</script>")
    query = nasty.query(state='"><b>')
    browser = Browser(server).open(f"/oauth/authorize?{query}")
    for page in (browser.page, browser.submit(key_id=app.key["id"], secret=app.key["secret"]).page):
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src" not in policy
        style = re.search("<style>(.*?)</style>", page.text, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy and "frame-ancestors 'none'" in policy
        assert page.headers["x-frame-options"] == "DENY" and page.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in page.headers["cache-control"] and page.headers["x-request-id"]
        assert "<script" not in page.text and "<b>" not in page.text
    cookie = browser.session.cookies._cookies  # noqa: SLF001 (the attributes are nowhere else)
    kept = cookie["127.0.0.1" if "127.0.0.1" in server.url else "localhost.local"]["/"]["heliograph_session"]
    assert 500 < kept.expires - time.time() <= 600
    assert kept.has_nonstandard_attr("HttpOnly") and kept.get_nonstandard_attr("SameSite") == "Lax"


def test_wrong_requests(server, partner):
    nobody = Api(server)
    authorize = "/oauth/authorize?"
    nobody.get(authorize + urlencode({"response_type": "code"})).refused(
        400, "bad_request", "should have required property 'client_id'")
    nobody.get(authorize + urlencode({"client_id": partner.id})).refused(
        400, "bad_request", "should have required property 'response_type'")
    for unknown in ("nobody-knows", "", "a b", "x" * 200, "\u00e4\u00f6"):
        query = urlencode({"response_type": "code", "client_id": unknown})
        nobody.get(authorize + query).refused(404, "not_found")
    for elsewhere in ("https://evil.example/", BACK + "/", BACK + "?x", "javascript:alert(1)", ""):
        nobody.get(authorize + partner.query(redirect_uri=elsewhere)).refused(
            404, "not_found", "The provided redirect_uri does not match the client_id configuration")
        assert Browser(server).open(f"/oauth/consent?{partner.query(redirect_uri=elsewhere)}").page.status_code == 404
    # What else is wrong, the partner is told.
    challenge = "x" * 43
    for error, fields in [
        ("unsupported_response_type", {"response_type": "token"}),
        ("invalid_request", {"code_challenge": challenge, "code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge": challenge}),
        ("invalid_request", {"code_challenge": "short", "code_challenge_method": "S256"}),
    ]:
        told = Browser(server).open(f"/oauth/authorize?{partner.query(state='s', **fields)}").told()
        assert told["error"] == error and told["error_description"] and told["state"] == "s", told


def test_denied(server, app, partner):
    browser = Browser(server).sign_in(partner.query(state="s", redirect_uri=OTHER_BACK), app.key)
    told = browser.answer(app, "deny")
    assert told["error"] == "access_denied" and told["state"] == "s" and told["k"] == "v" and "code" not in told
    assert not browser.session.cookies
    assert app.api.get(f"{app.path}/integrations").ok(200)["integrations"] == []


def test_who_may_sign_in(server, app, other, partner):
    mine = app.custom()
    refused = [
        {"id": app.key["id"], "secret": "wrong"}, {"id": f"app_{MISSING}", "secret": app.key["secret"]}, mine.key,
        {"id": "", "secret": ""},
    ]
    for key in refused:
        browser = Browser(server).sign_in(partner.query(), key)
        assert browser.page.status_code == 401 and "no key" in browser.page.text
        assert not browser.session.cookies
    # An app's key lets into that app alone, a service account's into what it was granted.
    browser = Browser(server).sign_in(partner.query(), app.key)
    assert other.body["displayName"] not in browser.page.text
    assert browser.submit(app=other.id, decision="allow").page.status_code == 403
    granted = server.admin_key("--service", "--grant", app.id)
    browser = Browser(server).sign_in(partner.query(), granted)
    assert app.body["displayName"] in browser.page.text and other.body["displayName"] not in browser.page.text
    assert browser.submit(app=other.id, decision="allow").page.status_code == 404
    assert Browser(server).sign_in(partner.query(), server.first_key).answer(other)["code"]
    for nonsense in (MISSING, "", "x"):
        browser = Browser(server).sign_in(partner.query(), server.first_key)
        assert browser.submit(app=nonsense, decision="allow").page.status_code == 404


def test_a_form_of_another_page_answers_nothing(server, app, partner):
    browser = Browser(server).sign_in(partner.query(), app.key)
    url = f"{server.url}/oauth/consent?{partner.query()}"
    answer = {"app": app.id, "decision": "allow"}
    for fields, headers in [
        (answer, {}), ({**answer, "mark": "guessed"}, {}),
        ({**answer, **browser.fields()}, {"sec-fetch-site": "cross-site"}),
        ({**answer, **browser.fields()}, {"sec-fetch-site": "same-site"}),
    ]:
        page = browser.session.post(url, data=fields, headers=headers, allow_redirects=False, timeout=60)
        assert page.status_code == 403 and "location" not in page.headers
    # Without the cookie, or with a changed one, one has to sign in first.
    fields = {**answer, **browser.fields()}
    cookie = browser.session.cookies["heliograph_session"]
    changed = ("B" if cookie.startswith("A") else "A") + cookie[1:]
    for cookies in ({}, {"heliograph_session": changed}, {"heliograph_session": "x"}):
        page = requests.post(url, data=fields, cookies=cookies, allow_redirects=False, timeout=60)
        assert page.status_code == 303 and page.headers["location"].startswith("consent?")
    # A key that was deleted meanwhile lets nobody in.
    key = app.new_key()
    browser = Browser(server).sign_in(partner.query(), key)
    app.account.delete(f"{app.path}/keys/{key['id']}").ok(200)
    assert "key_id" in browser.submit(app=app.id, decision="allow").page.text


def test_a_link_signs_in_once(server, app, other, partner):
    for flags, page_shows_other in (([], True), (["--app", app.id], False)):
        made = run("admin", "login-link", "--url", server.url, "--json", *flags, *server.place())
        assert made.returncode == 0, made.stderr
        link = json.loads(made.stdout)["url"]
        secrets.note(link.split("token=")[1])
        browser = Browser(server)
        # Whoever only looks at the link does not use it up.
        for _ in range(2):
            assert browser.go("GET", link).page.status_code == 200 and not browser.session.cookies
        assert "signed in" in browser.submit().page.text
        browser.open(f"/oauth/authorize?{partner.query()}")
        if page_shows_other and 'type="radio"' in browser.page.text:
            assert other.body["displayName"] in browser.page.text
        if flags:
            assert other.body["displayName"] not in browser.page.text
            assert f'<span class="small">{app.id}</span>' in browser.page.text, "names need not differ"
            assert browser.submit(app=other.id, decision="allow").page.status_code == 403
            browser.open(f"/oauth/authorize?{partner.query()}")
        assert browser.answer(app)["code"]
        again = Browser(server).go("GET", link)
        assert again.submit().page.status_code == 401 and not again.session.cookies
    for nonsense in ("", "x", ".x", f"{MISSING}.x", "\0.x", "\u00e4.\u00f6"):
        url = f"{server.url}/oauth/login"
        assert requests.post(url, data={"token": nonsense}, timeout=60).status_code == 401
    assert run("admin", "login-link", "--app", MISSING, *server.place()).returncode == 1


def code_for(server, app, partner, **query):
    return Browser(server).sign_in(partner.query(**query), app.key).answer(app)["code"]


def test_a_code_works_once_and_for_its_partner(server, app, partner):
    stranger = Partner(server)
    code = code_for(server, app, partner)
    refused = (401, "unauthorized", "Authorization is required")
    for changes in (
        {"client_secret": "wrong"}, {"client_secret": stranger.secret}, {"client_id": stranger.id},
        {"client_id": "nobody"}, {"client_id": "\u00e4\u00f6"}, {"code": code[:-1]}, {"code": ""}, {"code": "."},
        {"code": f"{MISSING}.{code.split('.')[1]}"}, {"redirect_uri": OTHER_BACK}, {"code_verifier": "x" * 43},
    ):
        partner.exchange(**{"code": code, **changes}).refused(*refused)
    stranger.exchange(code).refused(*refused)
    partner.exchange(code, redirect_uri=BACK).ok(200)
    partner.exchange(code).refused(*refused)


def left(server, table, app):
    """For how long, in seconds, what works once goes on working."""
    until = int(server.sql(f"SELECT MAX(expires_at) FROM {table} WHERE app_id = '{app.id}'"))
    return until / 1000 - time.time()


def test_a_code_works_for_two_minutes(server, app, partner):
    code = code_for(server, app, partner)
    assert 100 < left(server, "oauth_code", app) <= 120
    server.sql(f"UPDATE oauth_code SET expires_at = expires_at - 121000 WHERE app_id = '{app.id}'")
    partner.exchange(code).refused(401, "unauthorized", "Authorization is required")
    assert app.api.get(f"{app.path}/integrations").ok(200)["integrations"] == []


def test_a_link_works_for_fifteen_minutes(server, app):
    made = run("admin", "login-link", "--url", server.url, "--json", "--app", app.id, *server.place())
    link = json.loads(made.stdout)["url"]
    secrets.note(link.split("token=")[1])
    assert 800 < left(server, "oauth_login", app) <= 900
    server.sql(f"UPDATE oauth_login SET expires_at = expires_at - 901000 WHERE app_id = '{app.id}'")
    browser = Browser(server).go("GET", link)
    assert browser.submit().page.status_code == 401 and not browser.session.cookies


def test_token_takes_json_and_forms(server, app, partner):
    for form in (False, True):
        token = partner.exchange(code_for(server, app, partner), form=form).ok(200)["access_token"]
        Api(server, bearer=token).get("/v2/tokenInfo").ok(200)
    for form in (False, True):
        answer = partner.exchange("x", form=form, grant_type="password").refused(400, "bad_request")
        assert answer.titles == ["grant_type should be equal to one of the allowed values"]
    answer = Api(server).post("/oauth/token", {"grant_type": "authorization_code"}).refused(400, "bad_request")
    assert "should have required property 'client_secret'" in answer.titles
    Api(server).post("/oauth/token", data="<xml/>", headers={"content-type": "text/xml"}).refused(415)


def test_pkce(server, app, partner):
    verifier = randomness.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = code_for(server, app, partner, **asked)
    for changes in ({}, {"code_verifier": challenge}, {"code_verifier": ""}):
        partner.exchange(code, **changes).refused(401, "unauthorized")
    partner.exchange(code, code_verifier=verifier).ok(200)


def test_revocation(server, app, other, sink):
    told = sink.target(500)
    partner = Partner(server, removeUrl=told.url)
    caller, elsewhere = partner.let_in(app), partner.let_in(other)
    second = partner.let_in(app)
    assert len(app.api.get(f"{app.path}/integrations").ok(200)["integrations"]) == 1
    caller.post(f"{app.path}/integrations/me/webhooks", {"target": NOWHERE, "triggers": EVERY_TRIGGER}).ok(201)
    mine = app.api.get(f"{app.path}/integrations").ok(200)["integrations"][0]
    assert caller.delete("/oauth/authorization").ok(200) == {}
    for gone in (caller, second):
        gone.get("/v2/tokenInfo").refused(401, "invalid_auth", "Invalid JWT header. Unknown key id (kid)")
    assert app.api.get(f"{app.path}/integrations").ok(200)["integrations"] == []
    app.api.get(f"{app.path}/integrations/{mine['id']}/webhooks").refused(404, "integration_not_found")
    elsewhere.get("/v2/tokenInfo").ok(200)
    # The first call failed, so there is a second.
    body = told.wait_deliveries(2)[1].body
    assert body == {"app": {"id": app.id}, "integration": {"id": mine["id"], "type": partner.id}}
    # Let in again, it is a new integration: the old token stays dead.
    partner.let_in(app).get("/v2/tokenInfo").ok(200)
    caller.get("/v2/tokenInfo").refused(401, "invalid_auth")
    # Deleting the integration is the same thing.
    again = app.api.get(f"{app.path}/integrations").ok(200)["integrations"][0]
    app.api.delete(f"{app.path}/integrations/{again['id']}").ok(200)
    assert told.wait_deliveries(3)[2].body["integration"]["id"] == again["id"]


def test_revocation_is_for_partners(app):
    mine = app.custom()
    mine.api.delete("/oauth/authorization").refused(403, "forbidden")
    app.api.delete("/oauth/authorization").refused(403, "forbidden")
    app.account.delete("/oauth/authorization").refused(403, "forbidden")
    app.api.get(mine.path).ok(200)


def test_tokens_with_defects(server, app, partner):
    caller = partner.let_in(app)
    scope = {"scope": "integration", "appId": app.id}
    # An ordinary key of the app signs no such token, whatever its header says.
    for headers in ({}, {"azp": partner.id}):
        forged = tokens.mint(app.key, headers=headers, **scope)
        Api(server, bearer=forged).get("/v2/tokenInfo").refused(
            401, "invalid_auth", "Invalid JWT body. Cannot use integration scope with app secret key")
    # Parts of a good token under a changed header or body do not hold.
    header, body, signature = caller.bearer.split(".")
    changed = tokens.part({**jwt.get_unverified_header(caller.bearer), "azp": "another"})
    Api(server, bearer=f"{changed}.{body}.{signature}").get("/v2/tokenInfo").refused(401, "invalid_auth")
    Api(server, bearer=f"{header}.{tokens.part(scope)}.{signature}").get("/v2/tokenInfo").refused(401, "invalid_auth")


def test_deleting_the_app_ends_access(server, account, app, partner):
    caller, code = partner.let_in(app), code_for(server, app, partner)
    account.delete(app.path).ok(200)
    caller.get("/v2/tokenInfo").refused(401, "invalid_auth")
    partner.exchange(code).refused(401, "unauthorized")


def test_partners_by_the_api(server, account, app):
    path = "/heliograph/v1/oauthClients"
    name = unique("chosen")
    made = Partner(server, id=name, removeUrl="https://partner.example/gone")
    assert made.body == {
        "id": name, "displayName": made.body["displayName"], "redirectUris": [BACK, OTHER_BACK],
        "removeUrl": "https://partner.example/gone"}
    assert account.get(f"{path}/{name}").ok(200)["oauthClient"] == made.body
    assert made.body in account.get(path).ok(200)["oauthClients"]
    changed = account.patch(f"{path}/{name}", {"redirectUris": [OTHER_BACK], "removeUrl": None}).ok(200)["oauthClient"]
    assert changed["redirectUris"] == [OTHER_BACK] and "removeUrl" not in changed
    good = {"displayName": "P", "redirectUris": [BACK]}
    account.post(path, {**good, "id": name}).refused(409, "conflict")
    for wrong in (
        {"displayName": ""}, {"displayName": None}, {"redirectUris": []}, {"redirectUris": ["/here"]},
        {"redirectUris": ["ftp://a.example/"]}, {"redirectUris": [BACK + "#there"]}, {"removeUrl": "nowhere"},
        {"id": "web"}, {"id": "custom"}, {"id": "a/b"}, {"id": "x"}, {"id": "a\n"},
    ):
        account.post(path, {**good, **wrong}).refused(400, "bad_request")
    for caller in (app.api, app.custom().api, Api(server, server.admin_key("--service"))):
        caller.get(path).refused(403, "forbidden")
        caller.post(path, good).refused(403, "forbidden")
        caller.delete(f"{path}/{name}").refused(403, "forbidden")
    caller = made.let_in(app, redirect_uri=OTHER_BACK)
    account.delete(f"{path}/{name}").ok(200)
    account.get(f"{path}/{name}").refused(404, "not_found")
    account.delete(f"{path}/{name}").refused(404, "not_found")
    caller.get("/v2/tokenInfo").refused(401, "invalid_auth")
    assert [one["type"] for one in app.api.get(f"{app.path}/integrations").ok(200)["integrations"]] == ["custom"]


def test_partners_by_the_command_line(server, app):
    def admin(*arguments):
        return run("admin", "oauth-clients", *arguments, "--json", *server.place())

    made = admin("create", "--display-name", "By hand", "--redirect-uri", BACK, "--redirect-uri", OTHER_BACK)
    assert made.returncode == 0, made.stderr
    printed = json.loads(made.stdout)
    secrets.note(printed["secret"])
    partner = Partner.__new__(Partner)
    partner.server, partner.body, partner.secret = server, printed["oauthClient"], printed["secret"]
    partner.id = partner.body["id"]
    caller = partner.let_in(app)
    assert partner.body in json.loads(admin("list").stdout)["oauthClients"]
    assert admin("delete", partner.id).returncode == 0
    gone = admin("delete", partner.id)
    assert gone.returncode == 1 and gone.stderr.startswith("heliograph: ") and partner.id in gone.stderr
    wrong = admin("create", "--display-name", "By hand", "--redirect-uri", "here")
    assert wrong.returncode == 1 and "redirectUris[0] should be an absolute" in wrong.stderr

    # A running server hears of it within a second.
    time.sleep(1)
    caller.get("/v2/tokenInfo").refused(401, "invalid_auth")


def test_nonsense_at_the_pages_is_refused(server, app, partner):
    session = requests.Session()
    session.trust_env = False
    good = partner.query()
    for query in ("", "client_id", "client_id[a]=b&response_type=code", "%00=%ff", good + "&state[x]=y", good + "&state=%00%0d%0a"):
        for method, path in (("GET", "consent"), ("POST", "consent"), ("POST", "sign-in"), ("GET", "login"), ("POST", "login")):
            for data in (None, {"key_id": "\0", "secret": "\0", "app": "\0", "mark[a]": "b", "token": "\U0001f600"}, b"\xff\xfe=%"):
                page = session.request(
                    method, f"{server.url}/oauth/{path}?{query}", data=data, allow_redirects=False, timeout=60,
                    headers={"content-type": "application/x-www-form-urlencoded", "cookie": "heliograph_session=%00; =; x"})
                assert page.status_code < 500, (method, path, query, data, page.text)
    assert session.post(f"{server.url}/oauth/consent", data=b"x" * 200_000, timeout=60).status_code == 413
