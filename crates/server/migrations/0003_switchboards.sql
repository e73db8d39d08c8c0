-- Who answers in a conversation. An app has one switchboard at most: its key says so.
CREATE TABLE switchboard (
    app_id TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    default_id TEXT,
    created_at BIGINT NOT NULL
);

-- `default_id` above and `next_id` name rows of this table.
CREATE TABLE switchboard_integration (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    integration_type TEXT NOT NULL,
    deliver_standby_events BIGINT NOT NULL,
    next_id TEXT,
    message_history_count BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);

-- Who has control, and who is offered it. A part that was deleted since stays here: that is how the conversation's next
-- activity knows that control was lost and not given up.
ALTER TABLE conversation ADD COLUMN active_switchboard_integration_id TEXT;
ALTER TABLE conversation ADD COLUMN pending_switchboard_integration_id TEXT;

-- 1 while the webhook's integration is part of the enabled switchboard and asks for no events on standby. Kept here, so
-- that recording an event needs no look at the switchboard; `switchboards::route` writes it.
ALTER TABLE webhook ADD COLUMN only_in_control BIGINT NOT NULL DEFAULT 0;

-- The part of the switchboard that answers first whoever comes by this channel.
ALTER TABLE integration ADD COLUMN default_responder_id TEXT;
