"""Failed attempts: told to wait, by address and by key; the rightful owner is always let in; timing tells nothing."""

import statistics
import time

import requests
from lib import tokens
from lib.api import Api
from lib.world import MISSING, new_app

LIMITS = ("--failure-limit-address", "20/h", "--failure-limit-key", "1000/h")
# The log tells of them no more often than this.
LOG_GAP_S = 10


def wrong(server, key_id):
    return Api(server, {"id": key_id, "secret": "guessed-and-wrong-secret"})


def test_an_address_that_fails_too_often(launch):
    server, began = launch(*LIMITS), time.monotonic()
    app = new_app(server)
    guesses = [wrong(server, f"app_{number:024x}").get(app.path).status for number in range(25)]
    assert guesses == [401] * 20 + [429] * 5
    refused = Api(server, bearer="a.b.c").get(app.path).refused(429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 180
    # The owner at the same address is let in, by Basic and by a token, and a token that is over is refused as ever:
    # programs fetch a new one on 401.
    for caller in (app.api, Api(server, bearer=tokens.mint(app.key))):
        caller.get(app.path).ok(200)
    Api(server, bearer=tokens.mint(app.key, exp=1)).get(app.path).refused(401, "invalid_auth")
    Api(server).get(app.path).refused(401, "unauthorized")
    assert server.stop() == 0
    lines = server.stderr.count("too many failed attempts")
    assert 1 <= lines <= 1 + (time.monotonic() - began) // LOG_GAP_S, "one line, not one each"


def test_a_key_that_is_guessed_from_everywhere(launch):
    server = launch("--trusted-proxies", "127.0.0.1", "--failure-limit-address", "1000/h", "--failure-limit-key", "15/h")
    app = new_app(server)
    guess = lambda number, key_id: wrong(server, key_id).get(app.path, headers={"X-Forwarded-For": f"198.51.100.{number}"}).status
    assert [guess(number, app.key["id"]) for number in range(20)] == [401] * 15 + [429] * 5
    # Ids that are no key's are counted alike: the limit does not tell which there are.
    assert [guess(number, f"app_{MISSING}") for number in range(20)] == [401] * 15 + [429] * 5
    app.api.get(app.path).ok(200)
    Api(server, bearer=tokens.mint(app.key)).get(app.path, headers={"X-Forwarded-For": "192.0.2.77"}).ok(200)
    assert guess(1, app.new_key()["id"]) == 401


def test_no_proxy_no_escape(launch):
    """Who invents addresses is still one address."""
    server = launch(*LIMITS)
    app = new_app(server)
    statuses = [
        wrong(server, f"app_{number:024x}").get(app.path, headers={"X-Forwarded-For": f"198.51.100.{number}"}).status
        for number in range(25)]
    assert statuses == [401] * 20 + [429] * 5


def test_partners_and_links(launch):
    """A wrong secret of a partner, and a link that is none, count as well; the right secret is heard all the same."""
    server = launch(*LIMITS)
    made = server.account.post("/heliograph/v1/oauthClients", {"displayName": "P", "redirectUris": ["https://a.example/"]}).ok(201)
    body = {"grant_type": "authorization_code", "code": "x.y", "client_id": made["oauthClient"]["id"]}
    exchange = lambda secret: Api(server).post("/oauth/token", {**body, "client_secret": secret}).status
    assert [exchange("guessed") for _ in range(12)] == [401] * 12
    follow = lambda: requests.post(f"{server.url}/oauth/login", data={"token": ".guessed"}, timeout=60).status_code
    assert [follow() for _ in range(10)] == [401] * 8 + [429] * 2
    assert exchange("guessed") == 429 and exchange(made["secret"]) == 401


def test_signing_in_at_the_page(launch):
    server = launch(*LIMITS)
    app = new_app(server)
    made = server.account.post("/heliograph/v1/oauthClients", {"displayName": "P", "redirectUris": ["https://a.example/"]}).ok(201)
    query = f"response_type=code&client_id={made['oauthClient']['id']}"
    session = requests.Session()
    session.trust_env = False

    def sign_in(key):
        form = {"key_id": key["id"], "secret": key["secret"]}
        return session.post(f"{server.url}/oauth/sign-in?{query}", data=form, allow_redirects=False, timeout=60).status_code

    assert [sign_in({"id": app.key["id"], "secret": "guess"}) for _ in range(22)] == [401] * 20 + [429] * 2
    assert sign_in(app.key) == 303
    limits = lambda **given: server.account.patch(f"/heliograph/v1/keys/{app.key['id']}", given).ok(200)
    limits(limits={"allowedOperations": ["GetApp"]})
    assert sign_in(app.key) == 401, "a key for some operations lets nobody into an app"
    limits(limits={"allowedOperations": None, "allowedAddresses": ["192.0.2.1"]})
    assert sign_in(app.key) == 401
    limits(limits={"allowedAddresses": None}, enabled=False)
    assert sign_in(app.key) == 401


def chance_of_being_slower(one, other):
    """How often a time of the one is above a time of the other: a half, if there is nothing to be told."""
    above = sum((a > b) + (a == b) / 2 for a in one for b in other)
    return above / (len(one) * len(other))


def timed(session, url, auth):
    started = time.perf_counter()
    assert session.get(url, auth=auth, timeout=60).status_code == 401
    return time.perf_counter() - started


def test_time_does_not_tell_which_keys_there_are(server, app):
    """Known and unknown ids, and secrets wrong at their beginning or end, in turns. What another program on the machine
    does slows both; only a lasting difference fails, three times over."""
    key = app.key
    first, last = "!" + key["secret"][1:], key["secret"][:-1] + "!"
    cases = {"unknown": (f"app_{MISSING}", first), "first": (key["id"], first), "last": (key["id"], last)}
    session = requests.Session()
    session.trust_env = False
    for attempt in range(3):
        times = {name: [] for name in cases}
        for _ in range(150):
            for name, auth in cases.items():
                times[name].append(timed(session, server.url + app.path, auth))
        chances = [chance_of_being_slower(times["unknown"], times["first"]), chance_of_being_slower(times["first"], times["last"])]
        if all(0.3 < chance < 0.7 for chance in chances):
            break
    else:
        raise AssertionError(f"{chances}, medians {({name: statistics.median(one) for name, one in times.items()})}")
    # The measure itself: it would see a tenth of a millisecond.
    slower = [one + 2 * statistics.stdev(times["first"]) + 1e-4 for one in times["first"]]
    assert chance_of_being_slower(slower, times["first"]) > 0.7
