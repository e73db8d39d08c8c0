-- One text for SQLite and PostgreSQL: columns are TEXT or BIGINT, times are milliseconds since 1970, flags are 0 or 1,
-- JSON is opaque text. Every table leads its key with the app, so that a database which spreads rows over several
-- machines can spread them by app. Rows go with their app by the statements in apps.rs, not by foreign keys: those
-- would cost a look-up with every message.

-- Keys with which an app's secrets are sealed, themselves sealed under the master key. App '' is the server itself.
CREATE TABLE data_key (
    app_id TEXT NOT NULL PRIMARY KEY,
    wrapped TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE app (
    id TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    settings TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE service_account (
    id TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- Which apps a service account may see.
CREATE TABLE service_account_app (
    app_id TEXT NOT NULL,
    service_account_id TEXT NOT NULL,
    PRIMARY KEY (app_id, service_account_id)
);
CREATE INDEX service_account_app_by_account ON service_account_app (service_account_id, app_id);

-- All credentials. An account's have app '', an app's have integration ''.
CREATE TABLE api_key (
    app_id TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    id TEXT NOT NULL,
    service_account_id TEXT,
    display_name TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, integration_id, id)
);
-- A caller names the key alone.
CREATE INDEX api_key_by_id ON api_key (id);

CREATE TABLE integration (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    display_name TEXT,
    fields TEXT NOT NULL,
    secrets TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);

CREATE TABLE webhook (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    integration_id TEXT NOT NULL,
    target TEXT NOT NULL,
    triggers TEXT NOT NULL,
    secret TEXT NOT NULL,
    include_full_user BIGINT NOT NULL,
    include_full_source BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);

CREATE TABLE app_user (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    external_id TEXT,
    brand_id TEXT NOT NULL,
    zendesk_id TEXT,
    signed_up_at BIGINT NOT NULL,
    to_be_retained BIGINT,
    profile TEXT NOT NULL,
    metadata TEXT NOT NULL,
    identities TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX app_user_by_external_id ON app_user (app_id, external_id, brand_id) WHERE external_id IS NOT NULL;

-- `posted` counts the messages ever posted, `message_count` those that are there.
CREATE TABLE conversation (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    display_name TEXT,
    description TEXT,
    icon_url TEXT,
    metadata TEXT NOT NULL,
    business_last_read BIGINT,
    last_updated_at BIGINT NOT NULL,
    message_count BIGINT NOT NULL,
    posted BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);

-- `read_up_to` is the conversation's `posted` when the user last read it: what is posted since is unread.
CREATE TABLE participant (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    last_read BIGINT,
    read_up_to BIGINT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, id)
);
CREATE UNIQUE INDEX participant_by_user ON participant (app_id, user_id, conversation_id);

-- `body` is the message as it is answered.
CREATE TABLE message (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, id)
);

-- What webhooks are still to be told. `due_at` is when the next attempt may be made; while a node has it in hand, when
-- it loses it again.
CREATE TABLE delivery (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    conversation_id TEXT,
    event TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    node TEXT,
    PRIMARY KEY (app_id, id)
);
CREATE INDEX delivery_by_webhook ON delivery (webhook_id, due_at);
