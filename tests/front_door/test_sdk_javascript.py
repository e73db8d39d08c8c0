"""The official JavaScript SDK doing the whole job (tests/node/sdk_job.js), by Basic and by Bearer."""

import json

import pytest
from lib import world
from test_oauth import Browser, Partner


def let_in(server):
    """A partner, and the code that a person at a browser has given it."""
    partner, app = Partner(server), world.new_app(server)
    code = Browser(server).sign_in(partner.query(), app.key).answer(app)["code"]
    return {"id": partner.id, "secret": partner.secret, "code": code}


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
@pytest.mark.parametrize("prefix", ["", "/sc"])
def test_whole_job(server, node, sink, tmp_path, scheme, prefix):
    target = sink.target()
    (tmp_path / "notes.txt").write_text("Some notes")
    job = {"url": server.relayed + prefix, "key": server.first_key, "scheme": scheme, "target": target.url,
           "file": str(tmp_path / "notes.txt"), "partner": let_in(server)}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = node("node", "sdk_job.js", tmp_path / "job.json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    target.wait_deliveries(len(said["messages"]))
    assert sorted(event["payload"]["message"]["id"] for event in target.events()) == sorted(said["messages"])
