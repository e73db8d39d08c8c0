-- Partners whose programs people may let into their apps. They belong to the server, not to an app. Of the secret only
-- the SHA-256 is kept: it is random and long, and never shown again.
CREATE TABLE oauth_client (
    id TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    remove_url TEXT,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Consents not yet exchanged for a token, by the SHA-256 of their code.
CREATE TABLE oauth_code (
    app_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, hash)
);

-- One-time links to sign in with, by the SHA-256 of their token. App '' lets into all apps.
CREATE TABLE oauth_login (
    app_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, hash)
);

-- Set for the keys that sign access tokens.
ALTER TABLE api_key ADD COLUMN oauth_client_id TEXT;
