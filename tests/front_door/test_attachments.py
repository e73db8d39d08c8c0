"""Attachments: uploaded, fetched, sent in messages, and gone when what they belong to is gone."""

import hashlib
import re
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import sunshine_conversations_client as sdk
from lib.api import Api, segment
from lib.clock import PATIENCE_S
from lib.ports import free_port
from lib.raw import Wire, basic
from lib.world import MISSING, new_app

MEGABYTE = 1024 * 1024
NOT_FOUND = (404, "not_found", "Attachment not found")
ULID = "[0-9A-HJKMNP-TV-Z]{26}"


def png(size=0):
    """A picture, padded to a size."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    tail = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return (head + tail).ljust(size, b"\0")


def form(content, name="cat.png", field="source", mime=None):
    """The body and the headers of a form with a file."""
    file = (name, content, mime) if mime else (name, content)
    prepared = requests.Request("POST", "http://x/", files={field: file}).prepare()
    return {"data": prepared.body, "headers": {"Content-Type": prepared.headers["Content-Type"]}}


def send(app, content, name="cat.png", query="access=public", caller=None):
    return (caller or app.api).post(f"{app.path}/attachments?{query}", **form(content, name))


def upload(app, content, name="cat.png", query="access=public"):
    return send(app, content, name, query).ok(201)["attachment"]


def fetch(url, method="GET", **headers):
    session = requests.Session()
    session.trust_env = False
    return session.request(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=60)


def gone(url):
    answer = fetch(url)
    assert answer.status_code == 404, (answer.status_code, url)
    assert answer.json() == {"errors": [{"code": "not_found", "title": "Attachment not found"}]}


def files(server, app=None):
    """The names of all files in the folder, or of those of one app: what was another's may be on its way out."""
    paths = [path for path in (server.data / "attachments").rglob("*") if path.is_file()]
    return sorted(path.name for path in paths if app is None or app.id in (path.parent.name, path.name.split("-")[0]))


def soon(what):
    """Files go right after the answer that says so."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def ulid(url):
    return url.split("/")[-2]


def post(app, conversation, content, **fields):
    body = {"author": {"type": "business"}, "content": content, **fields}
    return app.api.post(f"{app.conversation_path(conversation)}/messages", body).ok(201)["messages"][0]


# ---- Upload and fetch

def test_there_and_back(app, server):
    picture = png(3000)
    made = upload(app, picture, "my cat.png")
    assert set(made) == {"mediaUrl", "mediaType"} and made["mediaType"] == "image/png"
    assert re.fullmatch(re.escape(server.url) + f"/attachments/v2/{ULID}/my%20cat\\.png", made["mediaUrl"])
    answer = fetch(made["mediaUrl"])
    assert answer.status_code == 200 and answer.content == picture
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == "3000"
    assert answer.headers["x-request-id"]


def test_also_below_sc(app, server):
    made = app.api.post(f"/sc{app.path}/attachments?access=public", **form(png())).ok(201)["attachment"]
    assert re.fullmatch(re.escape(server.url) + f"/sc/attachments/v2/{ULID}/cat\\.png", made["mediaUrl"])
    assert fetch(made["mediaUrl"]).status_code == 200
    assert fetch(made["mediaUrl"].replace("/sc/", "/")).status_code == 200
    app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": made["mediaUrl"]}).ok(200)


def behind(launch, public_url):
    """A server that tells this address of itself."""
    port = free_port()
    server = launch("--public-url", public_url, listen=f"127.0.0.1:{port}")
    server.url = f"http://127.0.0.1:{port}"
    return server


def test_the_public_url(launch):
    server = behind(launch, "https://chat.example.org/")
    app = new_app(server)
    made = upload(app, png())
    assert made["mediaUrl"].startswith("https://chat.example.org/attachments/v2/")
    assert fetch(made["mediaUrl"].replace("https://chat.example.org", server.url)).status_code == 200
    app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": made["mediaUrl"]}).ok(200)


@pytest.mark.parametrize("name, shown", [
    ("Überraschung 🐈.png", "Überraschung 🐈.png"), ("../../etc/passwd.png", "passwd.png"), ('a"b.png', 'a"b.png'),
    ("C:\\Users\\me\\cat.PNG", "cat.PNG"), ("100%.png", "100%.png"), ("a#b?c&d.png", "a#b?c&d.png"),
    ("x" * 300 + ".png", "x" * 100 + ".png"),
])
def test_names(app, name, shown):
    body = (b'--edge\r\nContent-Disposition: form-data; name="source"; filename="'
            + name.replace('"', '\\"').encode() + b'"\r\n\r\n' + png() + b"\r\n--edge--\r\n")
    if '"' in name or "\\" in name:
        # Quoted names are spelt in several ways; the encoded form has one.
        body = (b"--edge\r\nContent-Disposition: form-data; name=\"source\"; filename*=UTF-8''"
                + segment(name).encode() + b"\r\n\r\n" + png() + b"\r\n--edge--\r\n")
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    made = app.api.post(f"{app.path}/attachments?access=public", data=body, headers=headers).ok(201)["attachment"]
    assert made["mediaUrl"].split("/")[-1] == segment(shown)
    answer = fetch(made["mediaUrl"])
    assert answer.status_code == 200
    assert f"filename*=UTF-8''" in answer.headers["content-disposition"]


def test_only_under_its_name(app):
    url = upload(app, png())["mediaUrl"]
    gone(url.replace("cat.png", "dog.png"))
    gone(url.replace(ulid(url), "01JK699PBZ645YAFJW2RF45F0B"))
    gone(url.replace(ulid(url), "nonsense"))
    gone(url.rsplit("/", 1)[0])
    for method in ("POST", "PUT", "DELETE"):
        answer = fetch(url, method)
        assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD", method


def test_no_two_addresses_are_alike(app):
    urls = [upload(app, png())["mediaUrl"] for _ in range(3)]
    # Eighty bits of chance: nothing of them is shared beside the time.
    assert len({ulid(url)[10:14] for url in urls}) == 3


def test_an_upload_is_not_held_in_memory(launch):
    """Six files of 40 MB at once, on a server whose memory grows by less than three of them."""
    server = launch()
    app = new_app(server)
    content = png(40 * MEGABYTE)

    def memory():
        status = open(f"/proc/{server.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    upload(app, png())
    before = memory()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda caller: send(app, content, caller=caller), [Api(server, app.key) for _ in range(6)]))
    for url in (answer.ok(201)["attachment"]["mediaUrl"] for answer in answers):
        with requests.get(url, stream=True, timeout=60) as answer:
            digest = hashlib.sha256()
            for piece in answer.iter_content(MEGABYTE):
                digest.update(piece)
        assert digest.digest() == hashlib.sha256(content).digest()
    assert memory() - before < 110, (before, memory())


def test_the_largest_file_and_one_byte_more(app, server):
    before = len(files(server, app))
    made = upload(app, png(50 * MEGABYTE))
    assert fetch(made["mediaUrl"], "HEAD").headers["content-length"] == str(50 * MEGABYTE)
    send(app, png(50 * MEGABYTE + 1)).refused(413, "request_entity_too_large")
    assert len(files(server, app)) == before + 1
    app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": made["mediaUrl"]}).ok(200)


def test_without_a_length(app, server):
    """A body in chunks says nothing of its size beforehand: it is counted."""
    body, headers = form(png(51 * MEGABYTE)).values()

    def pieces():
        for at in range(0, len(body), MEGABYTE):
            yield body[at:at + MEGABYTE]

    app.api.post(f"{app.path}/attachments?access=public", data=pieces(), headers=headers).refused(413)
    small, headers = form(png(MEGABYTE)).values()
    app.api.post(f"{app.path}/attachments?access=public", data=iter([small]), headers=headers).ok(201)


def test_a_broken_off_upload_leaves_nothing(app, server):
    before = files(server, app)
    body, headers = form(png(3 * MEGABYTE)).values()
    # There will be an answer, and nobody to hear it.
    server.judged["broken-off"] += 1
    with Wire(server) as wire:
        wire.send((f"POST {app.path}/attachments?access=public HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(app.key)}\r\n"
                   f"X-Request-Id: broken-off\r\n"
                   f"Content-Type: {headers['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        wire.send(body[:2 * MEGABYTE])
        soon(lambda: len(files(server, app)) == len(before) + 1)
    soon(lambda: files(server, app) == before)


# ---- What is taken in (of which types: test_attachment_types.py)

def test_bad_requests(app, server):
    path, before = f"{app.path}/attachments", files(server, app)
    good = form(png())
    app.api.post(path, **good).refused(400, "bad_request", "should have required property 'access'")
    allowed = "access should be equal to one of the allowed values"
    app.api.post(f"{path}?access=private", **good).refused(400, "bad_request", allowed)
    app.api.post(f"{path}?access=public&for=user", **good).refused(400, "bad_request")
    app.api.post(f"{path}?access=public", {"source": "x"}).refused(415, "unsupported_media_type")
    app.api.post(f"{path}?access=public").refused(415)
    for other in (form(png(), field="file"), form(b"", field="other")):
        answer = app.api.post(f"{path}?access=public", **other).refused(400, "bad_request", "Bad request")
        assert "should have required property 'source'" in answer.titles
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    part = b'--edge\r\nContent-Disposition: form-data; name="source"; filename="a.png"\r\n\r\n' + png()
    for body in (b"", b"nonsense", part, b"--edge--\r\n", b"--edge\r\n\r\n", part + b"\r\n" + part + b"\r\n--edge--\r\n",
                 b'--edge\r\nContent-Disposition: form-data; name="source"\r\n\r\nwords\r\n--edge--\r\n'):
        app.api.post(f"{path}?access=public", data=body, headers=kind).refused(400, "bad_request", "Bad request")
    assert files(server, app) == before


def test_what_a_form_holds_beside_the_file(app, server):
    """The head of a part has a bound: it is held in memory until it is complete. What else a form brings has none."""
    before = files(server)
    head = b'Content-Disposition: form-data; name="source"; filename="a.png"'
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}

    def sent(more, beside=b"x"):
        other = b'--edge\r\nContent-Disposition: form-data; name="other"\r\n\r\n' + beside
        body = other + b"\r\n--edge\r\n" + head + more + b"\r\n\r\n" + png() + b"\r\n--edge--\r\n"
        return app.api.post(f"{app.path}/attachments?access=public", data=body, headers=kind)

    for size in (2 * MEGABYTE, 20 * MEGABYTE):
        answer = sent(b"\r\nX-Long: " + b"x" * size).refused(400, "bad_request", "Bad request")
        assert "the head of a part is too long" in answer.titles
    assert files(server) == before
    sent(b"\r\nX-Long: " + b"x" * 1000).ok(201)
    sent(b"", beside=b"x" * 20 * MEGABYTE).ok(201)


def test_the_conversation_must_be_there(app, other):
    for conversation in (MISSING, "nonsense", other.personal()["id"]):
        answer = send(app, png(), query=f"access=public&for=message&conversationId={conversation}")
        answer.refused(404, "conversation_not_found", "Conversation not found")


def test_who_may(app, other, server):
    for caller in (app.account, app.api, app.custom().api):
        assert send(app, png(), caller=caller).status == 201
    before = files(server, app)
    send(app, png(), caller=Api(server)).refused(401, "unauthorized")
    send(app, png(), caller=other.api).refused(403, "forbidden")
    stranger = Api(server, server.admin_key("--service"))
    send(app, png(), caller=stranger).refused(404, "app_not_found")
    assert files(server, app) == before


# ---- How it is served

def test_no_browser_runs_it(app):
    cases = {"a.svg": b"<svg><script>alert(1)</script></svg>", "a.xml": b"<?xml version='1.0'?><a/>", "a.pdf": b"%PDF-1.7",
             "a.zip": b"PK\x03\x04" + b"\0" * 40, "a.csv": b"a,b", "a.eml": b"From: me", "a.png": png(), "a.txt": b"words"}
    for name, content in cases.items():
        headers = fetch(upload(app, content, name)["mediaUrl"]).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"] and "default-src 'none'" in headers["content-security-policy"]
        assert "allow-" not in headers["content-security-policy"]
        shown = name in ("a.png", "a.txt")
        assert headers["content-disposition"].startswith("inline" if shown else "attachment"), name
        assert "set-cookie" not in headers and headers["cross-origin-resource-policy"] == "cross-origin"


def test_parts(app):
    content = png(1000)
    url = upload(app, content)["mediaUrl"]
    assert fetch(url).headers["accept-ranges"] == "bytes"
    for asked, first, last in [("bytes=0-9", 0, 9), ("bytes=990-", 990, 999), ("bytes=-5", 995, 999), ("bytes=5-5000", 5, 999)]:
        answer = fetch(url, Range=asked)
        assert answer.status_code == 206 and answer.content == content[first:last + 1], asked
        assert answer.headers["content-range"] == f"bytes {first}-{last}/1000"
        assert answer.headers["content-length"] == str(last + 1 - first)
    answer = fetch(url, Range="bytes=1000-")
    assert answer.status_code == 416 and answer.headers["content-range"] == "bytes */1000" and not answer.content
    for whole in ("bytes=0-1,5-6", "words=1-2", "bytes=9-3"):
        answer = fetch(url, Range=whole)
        assert answer.status_code == 200 and answer.content == content, whole
    tag = fetch(url).headers["etag"]
    assert fetch(url, Range="bytes=0-9", If_Range=tag).status_code == 206
    assert fetch(url, Range="bytes=0-9", If_Range='"other"').status_code == 200


def test_caching(app):
    url = upload(app, png())["mediaUrl"]
    first = fetch(url)
    assert "public" in first.headers["cache-control"] and "max-age=900" in first.headers["cache-control"]
    for known in (first.headers["etag"], f'"x", {first.headers["etag"]}', "W/" + first.headers["etag"], "*"):
        again = fetch(url, If_None_Match=known)
        assert again.status_code == 304 and not again.content and again.headers["etag"] == first.headers["etag"]
    assert fetch(url, If_None_Match='"other"').status_code == 200


def test_head(app):
    url = upload(app, png(500))["mediaUrl"]
    answer = fetch(url, "HEAD")
    assert answer.status_code == 200 and answer.headers["content-length"] == "500" and not answer.content
    assert fetch(url, "HEAD", Range="bytes=0-9").headers["content-length"] == "10"


def test_an_empty_file(app):
    answer = fetch(upload(app, b"", "a.txt")["mediaUrl"])
    assert answer.status_code == 200 and answer.content == b""
    assert fetch(answer.url, Range="bytes=0-").status_code == 416


def test_the_log_lets_nobody_in(launch):
    server = launch()
    url = upload(new_app(server), png())["mediaUrl"]
    assert fetch(url).status_code == 200
    assert ulid(url) not in server.stderr and "Attachment" in server.stderr


# ---- Messages

def test_in_a_message(app):
    made = upload(app, png(1234))
    sent = post(app, app.personal(), {"type": "image", "mediaUrl": made["mediaUrl"]})
    assert sent["content"]["mediaUrl"] == made["mediaUrl"]
    assert (sent["content"]["mediaType"], sent["content"]["mediaSize"]) == ("image/png", 1234)


def test_known_without_the_network(launch):
    """The server looks its own files up: the address it tells may not even lead back to it."""
    app = new_app(behind(launch, "http://127.0.0.1:9"))
    made = upload(app, b"%PDF-1.7", "a.pdf")
    sent = post(app, app.personal(), {"type": "file", "mediaUrl": made["mediaUrl"]})
    assert (sent["content"]["mediaType"], sent["content"]["mediaSize"]) == ("application/pdf", 8)


def for_message(app, conversation=None):
    named = f"&conversationId={conversation['id']}" if conversation else ""
    return upload(app, png(), query=f"access=public&for=message{named}")["mediaUrl"]


def image(url):
    return {"type": "image", "mediaUrl": url}


def test_goes_with_its_message(app, server):
    conversation = app.personal()
    first, second, kept = for_message(app, conversation), for_message(app), upload(app, png())["mediaUrl"]
    carousel = {"type": "carousel", "items": [
        {"title": "Cat", "mediaUrl": url, "actions": [{"type": "link", "text": "See", "uri": "http://x/"}]} for url in (first, second, kept)]}
    sent, other = post(app, conversation, carousel), app.say(conversation, "words")
    app.api.delete(f"{app.conversation_path(conversation)}/messages/{other['id']}").ok(200)
    assert fetch(first).status_code == 200
    app.api.delete(f"{app.conversation_path(conversation)}/messages/{sent['id']}").ok(200)
    gone(first), gone(second)
    assert fetch(kept).status_code == 200, "not uploaded for a message"
    soon(lambda: not {ulid(first), ulid(second)} & set(files(server)))


def test_goes_with_all_messages(app):
    conversation = app.personal()
    sent, waiting = for_message(app), for_message(app, conversation)
    post(app, conversation, image(sent))
    app.api.delete(f"{app.conversation_path(conversation)}/messages").ok(200)
    gone(sent)
    assert fetch(waiting).status_code == 200, "not sent yet"


def test_goes_with_its_conversation(app, server):
    conversation = app.group(app.user())
    sent, waiting, kept = for_message(app), for_message(app, conversation), upload(app, png())["mediaUrl"]
    post(app, conversation, image(sent))
    post(app, conversation, image(kept))
    app.api.delete(app.conversation_path(conversation)).ok(200)
    gone(sent), gone(waiting)
    assert fetch(kept).status_code == 200
    soon(lambda: not {ulid(sent), ulid(waiting)} & set(files(server)))


def test_goes_with_its_user(app):
    user = app.user()
    personal, group = app.personal(user), app.group(user)
    mine, shared = for_message(app), for_message(app)
    post(app, personal, image(mine))
    post(app, group, image(shared))
    app.api.delete(f"{app.path}/users/{user['id']}").ok(200)
    gone(mine)
    assert fetch(shared).status_code == 200, "the group goes on"


def test_goes_with_its_app(app, server):
    urls = [for_message(app), upload(app, png())["mediaUrl"], upload(app, b"x", "a.txt")["mediaUrl"]]
    app.account.delete(app.path).ok(200)
    for url in urls:
        gone(url)
    soon(lambda: not {ulid(url) for url in urls} & set(files(server)))
    soon(lambda: not (server.data / "attachments" / app.id).exists())


def test_of_another_app(app, other):
    """An address of another app's file is an address like any other."""
    url = for_message(other)
    conversation = app.personal()
    post(app, conversation, image(url))
    app.api.delete(f"{app.conversation_path(conversation)}/messages").ok(200)
    assert fetch(url).status_code == 200


# ---- The official SDK

@pytest.mark.parametrize("source", ["path", "pair"])
def test_by_the_python_sdk(app, server, tmp_path, source):
    picture = tmp_path / "cat.png"
    picture.write_bytes(png(5000))
    configuration = sdk.Configuration(host=server.relayed + "/sc")
    configuration.username, configuration.password = app.key["id"], app.key["secret"]
    attachments = sdk.AttachmentsApi(sdk.ApiClient(configuration))
    file = str(picture) if source == "path" else ("cat.png", picture.read_bytes())
    conversation = app.personal()
    made = attachments.upload_attachment(app.id, "public", file, var_for="message", conversation_id=conversation["id"]).attachment
    assert made.media_type == "image/png" and fetch(made.media_url).content == picture.read_bytes()
    attachments.delete_attachment(app.id, sdk.AttachmentDeleteBody(media_url=made.media_url))
    gone(made.media_url)


# ---- Removal by address

def test_remove(app, server):
    url = upload(app, png())["mediaUrl"]
    assert app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": url}).ok(200) == {}
    gone(url)
    soon(lambda: ulid(url) not in files(server))
    app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": url}).refused(*NOT_FOUND)


def test_what_cannot_be_removed(app, other, server):
    path, url = f"{app.path}/attachments/remove", upload(other, png())["mediaUrl"]
    for foreign in ("https://badhost.com/image.png", url.replace("127.0.0.1", "badhost.com"), "nonsense", "/x", "ftp" + url[4:], ""):
        title = f"Unsupported media URL for attachment deletion: {foreign}"
        app.api.post(path, {"mediaUrl": foreign}).refused(400, "bad_request", title)
    for unknown in (server.url, f"{server.url}/cat.png", url, url.replace(ulid(url), "01JK699PBZ645YAFJW2RF45F0B")):
        app.api.post(path, {"mediaUrl": unknown}).refused(*NOT_FOUND)
    app.api.post(path, {}).refused(400, "bad_request", "should have required property 'mediaUrl'")
    assert fetch(url).status_code == 200
