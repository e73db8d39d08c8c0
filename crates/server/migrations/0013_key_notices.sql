-- What the owner of a key was told last of its end: of which end, and within how many days it was then.
ALTER TABLE api_key ADD COLUMN told_end BIGINT;
ALTER TABLE api_key ADD COLUMN told_days BIGINT;
