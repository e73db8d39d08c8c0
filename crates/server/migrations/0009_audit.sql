-- Answers to POST requests that named themselves by an Idempotency-Key, for a day. `name` is the SHA-256 of that name,
-- `answer` is sealed: it may hold a secret that was just made.
CREATE TABLE idempotency (
    app_id TEXT NOT NULL,
    caller TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, caller, name)
);
CREATE INDEX idempotency_by_end ON idempotency (expires_at);

-- Who changed what. App '' is the server's own chain: there stand, among others, the making and the deletion of apps.
-- `id` is the place in the chain, in 24 hexadecimal digits; `mac` authenticates the event and the `mac` before it.
CREATE TABLE audit_event (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    operation TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (app_id, id)
);

-- Where each chain ends.
CREATE TABLE audit_head (
    app_id TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    mac TEXT NOT NULL
);
