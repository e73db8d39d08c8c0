-- By what users are reached, and how they are known.

-- What tells who a user is, for looking it up and for keeping it to one user; `app_user.identities` is what is shown.
CREATE TABLE user_identity (
    app_id TEXT NOT NULL,
    brand_id TEXT NOT NULL,
    type TEXT NOT NULL,
    value TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (app_id, brand_id, type, value)
);
CREATE INDEX user_identity_by_user ON user_identity (app_id, user_id);

CREATE UNIQUE INDEX app_user_by_zendesk_id ON app_user (app_id, zendesk_id) WHERE zendesk_id IS NOT NULL;

-- `address` is what a link was asked for with; `external_id` what the channel says.
CREATE TABLE client (
    app_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    integration_id TEXT,
    address TEXT,
    external_id TEXT,
    last_seen BIGINT,
    linked_at BIGINT,
    display_name TEXT,
    avatar_url TEXT,
    info TEXT,
    raw TEXT,
    PRIMARY KEY (app_id, user_id, id)
);
CREATE INDEX client_by_external_id ON client (app_id, integration_id, external_id);

-- Which clients take part in which conversations. The latest used comes first; 0 is for one that is to come last.
CREATE TABLE client_conversation (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, client_id)
);
CREATE INDEX client_conversation_by_user ON client_conversation (app_id, user_id, client_id);

CREATE TABLE device (
    app_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    type TEXT NOT NULL,
    guid TEXT NOT NULL,
    status TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    push_notification_token TEXT,
    info TEXT,
    app_version TEXT,
    PRIMARY KEY (app_id, user_id, id)
);
