-- How the user of a pending client is asked whether they want the link, and what they are sent: for whoever runs the
-- channel. Goes when the link is settled.
ALTER TABLE client ADD COLUMN link TEXT;
CREATE INDEX client_by_address ON client (app_id, integration_id, address) WHERE address IS NOT NULL;

-- By what ids channels know messages.
CREATE TABLE message_external_id (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, external_id)
);

-- Which messages quote which: a quoted message is part of the one that quotes it, and is not to outlive itself there.
CREATE TABLE message_quote (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    quoted_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, quoted_id, message_id)
);

-- Data that a channel's message merely refers to. The reference holds keys, so only its hash is here.
CREATE TABLE message_ref (
    app_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (app_id, conversation_id, digest)
);
