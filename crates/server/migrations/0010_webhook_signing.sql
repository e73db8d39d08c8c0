-- What a webhook's calls are signed with, sealed; and until it ends, what they were signed with before.
ALTER TABLE webhook ADD COLUMN signing_secret TEXT;
ALTER TABLE webhook ADD COLUMN signing_since BIGINT;
ALTER TABLE webhook ADD COLUMN former_signing_secret TEXT;
ALTER TABLE webhook ADD COLUMN former_signing_until BIGINT;

-- The proxy by which a webhook is called, sealed: its address and its credential in one.
ALTER TABLE webhook ADD COLUMN proxy TEXT;
