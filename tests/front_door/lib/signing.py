"""Signatures of webhooks' calls, by the official Python library of Standard Webhooks: ours proves nothing about itself."""

from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def path(app, webhook):
    """Where the signing secret of a webhook is."""
    return f"/heliograph/v1/apps/{app.id}/webhooks/{webhook['id']}/signing"


def secret_of(app, webhook):
    return app.api.get(path(app, webhook)).ok(200)["signing"]["secret"]


def verified(secret, delivery):
    """Whether the official library takes a delivery that the sink received."""
    try:
        Webhook(secret).verify(delivery.raw, delivery.headers)
    except WebhookVerificationError:
        return False
    return True


def headers(secret, call_id, at, body):
    """The headers of a call that somebody signed with this secret at this time."""
    signature = Webhook(secret).sign(call_id, datetime.fromtimestamp(at, UTC), body.decode())
    return dict(zip(HEADERS, (call_id, str(at), signature), strict=True))
