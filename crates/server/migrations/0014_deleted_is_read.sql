-- Unread counts were held down by the number of messages that are there; now who deletes them says so to each participant.
UPDATE participant SET read_up_to =
  (SELECT c.posted - c.message_count FROM conversation c
   WHERE c.app_id = participant.app_id AND c.id = participant.conversation_id)
WHERE read_up_to <
  (SELECT c.posted - c.message_count FROM conversation c
   WHERE c.app_id = participant.app_id AND c.id = participant.conversation_id);
