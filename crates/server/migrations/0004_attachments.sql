-- Uploaded files: what is known of them. The files themselves lie in a folder or a bucket, under app_id/id. With
-- `for_message` a file goes when the message that carries it goes, or its conversation.
CREATE TABLE attachment (
    app_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    for_message BIGINT NOT NULL,
    conversation_id TEXT,
    message_id TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);
-- Whoever fetches a file names its id alone.
CREATE UNIQUE INDEX attachment_by_id ON attachment (id);
CREATE INDEX attachment_by_message ON attachment (app_id, conversation_id, message_id) WHERE conversation_id IS NOT NULL;
