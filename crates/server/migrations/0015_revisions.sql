-- How often the messages of a conversation have changed: what was read of them at a revision is true for as long as the
-- conversation has that revision.
ALTER TABLE conversation ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
