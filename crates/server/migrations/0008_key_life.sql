-- The life of a key. `old_secret` is the one before the last rotation, good until `old_until`. `limits` is JSON.
ALTER TABLE api_key ADD COLUMN expires_at BIGINT;
ALTER TABLE api_key ADD COLUMN disabled_at BIGINT;
ALTER TABLE api_key ADD COLUMN disabled_reason TEXT;
ALTER TABLE api_key ADD COLUMN rotated_at BIGINT;
ALTER TABLE api_key ADD COLUMN old_secret TEXT;
ALTER TABLE api_key ADD COLUMN old_until BIGINT;
ALTER TABLE api_key ADD COLUMN limits TEXT;

-- The last use of each key that was used. Written in bulk now and then, never for a request.
CREATE TABLE key_use (
    app_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT,
    PRIMARY KEY (app_id, key_id)
);

-- The mode of apps that have one of their own.
CREATE TABLE key_policy (
    app_id TEXT NOT NULL PRIMARY KEY,
    mode TEXT NOT NULL
);
