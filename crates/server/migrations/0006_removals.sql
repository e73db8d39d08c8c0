-- What partners are still to be told: that they are out of an app. It outlives the app, so no app leads its key, and what
-- is sent stands here whole. `due_at` is when the next attempt may be made; while one is made, when it counts as lost.
CREATE TABLE removal (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX removal_by_due_at ON removal (due_at);
