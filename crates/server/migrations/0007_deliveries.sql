-- What webhooks are told, first as a queue and then as the log of what became of it. A delivery is an event for a
-- webhook, and bears the event's id. `line` is the conversation whose events keep their order; none where order is off.
-- `status` is pending, delivered, failed, held (the webhook is paused) or skipped. While it is pending, `due_at` is when
-- it is looked at next: when the next attempt may be made or, in the hands of a node, when that node loses it again.
-- `attempts` counts towards the end of the attempts; `log` holds all that were ever made, a JSON object per line.
DROP TABLE delivery;
CREATE TABLE delivery (
    app_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    conversation_id TEXT,
    line TEXT,
    event TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    log TEXT NOT NULL,
    due_at BIGINT,
    node TEXT,
    PRIMARY KEY (app_id, webhook_id, id)
);
-- The queue. What is settled is in neither.
CREATE INDEX delivery_due ON delivery (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_line ON delivery (webhook_id, line, id) WHERE due_at IS NOT NULL;

-- How a webhook is delivered to; without a value the server's settings say. And how it fares: since when nothing has
-- arrived, and since when it is paused.
ALTER TABLE webhook ADD COLUMN ordered BIGINT;
ALTER TABLE webhook ADD COLUMN events_per_call BIGINT;
ALTER TABLE webhook ADD COLUMN failing_since BIGINT;
ALTER TABLE webhook ADD COLUMN paused_at BIGINT;

-- The servers on this database, and when each last said that it is there.
CREATE TABLE server_node (
    id TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);
