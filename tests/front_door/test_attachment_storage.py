"""Attachments: where their files lie, in a folder or in a bucket, and that none stays that nothing knows of."""

import os
import re
import time

import pytest
from lib.s3 import Bucket
from lib.world import new_app
from test_attachments import MEGABYTE, fetch, gone, png, send, soon, ulid, upload


def test_over_a_restart(launch):
    server = launch()
    url = upload(new_app(server), png())["mediaUrl"]
    server.restart()
    assert fetch(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.port}", url)).status_code == 200


def test_what_nothing_knows_of_is_swept_away(launch):
    server = launch()
    app = new_app(server)
    url = upload(app, png())["mediaUrl"]
    folder = server.data / "attachments"
    server.stop()
    old, young = (folder / app.id / f"01JK699PBZ645YAFJW2RF45F0{letter}" for letter in "AB")
    half, strange = folder / ".incoming" / "half", folder / app.id / "notes.txt"
    for path in (old, young, half, strange):
        path.write_bytes(b"x")
    for path in (old, half, strange, folder / app.id / ulid(url)):
        os.utime(path, (time.time() - 7200,) * 2)
    server.start()
    soon(lambda: not old.exists() and not half.exists())
    assert young.exists(), "it may be that another node is just writing its row"
    assert strange.exists(), "none of ours"
    assert (folder / app.id / ulid(url)).exists()


def test_a_folder_of_the_operators_choice(launch, tmp_path):
    server = launch("--attachments", str(tmp_path / "elsewhere"))
    url = upload(new_app(server), png())["mediaUrl"]
    assert fetch(url).status_code == 200
    assert [path.name for path in (tmp_path / "elsewhere").rglob(ulid(url))]
    assert not (server.data / "attachments").exists()
    assert (tmp_path / "elsewhere").stat().st_mode & 0o077 == 0


@pytest.fixture
def bucket():
    storage = Bucket()
    yield storage
    storage.close()


def in_bucket(launch, bucket):
    return launch("--attachments", "s3://bucket/some/prefix", "--s3-endpoint", bucket.url, "--s3-region", "eu-1",
                  env={"HELIOGRAPH_S3_ACCESS_KEY_ID": "reader", "HELIOGRAPH_S3_SECRET_ACCESS_KEY": "not-for-anybody"})


def test_in_a_bucket(launch, bucket):
    server = in_bucket(launch, bucket)
    app = new_app(server)
    small, large = png(1000), png(12 * MEGABYTE)
    urls = [upload(app, content)["mediaUrl"] for content in (small, large)]
    assert sorted(bucket.objects) == sorted(f"some/prefix/{app.id}/{ulid(url)}" for url in urls)
    assert not (server.data / "attachments").exists()
    for url, content in zip(urls, (small, large)):
        assert fetch(url).content == content
        assert fetch(url, Range="bytes=10-19").content == content[10:20]
    assert all("Credential=reader/" in signature and "eu-1" in signature for *_, signature in bucket.requests)
    assert "not-for-anybody" not in server.stderr + server.stdout
    app.api.post(f"{app.path}/attachments/remove", {"mediaUrl": urls[0]}).ok(200)
    soon(lambda: list(bucket.objects) == [f"some/prefix/{app.id}/{ulid(urls[1])}"])
    app.account.delete(app.path).ok(200)
    soon(lambda: not bucket.objects)


def test_a_bucket_is_swept_too(launch, bucket):
    server = in_bucket(launch, bucket)
    app = new_app(server)
    url = upload(app, png())["mediaUrl"]
    lost = f"some/prefix/{app.id}/01JK699PBZ645YAFJW2RF45F0B"
    bucket.objects.update({lost: b"x", "other/file": b"x"})
    bucket.age(7200)
    server.restart("--attachments", "s3://bucket/some/prefix", "--s3-endpoint", bucket.url)
    soon(lambda: lost not in bucket.objects)
    assert "other/file" in bucket.objects and f"some/prefix/{app.id}/{ulid(url)}" in bucket.objects


def test_a_refused_upload_leaves_nothing_in_the_bucket(launch, bucket):
    app = new_app(in_bucket(launch, bucket))
    send(app, png(50 * MEGABYTE + 1)).refused(413)
    soon(lambda: not bucket.uploads)
    assert not bucket.objects


def test_a_bucket_that_is_gone(launch, bucket):
    server = in_bucket(launch, bucket)
    app = new_app(server)
    url = upload(app, png())["mediaUrl"]
    bucket.objects.clear()
    gone(url)
    assert "lost a file" in server.stderr
