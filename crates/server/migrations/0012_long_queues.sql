-- The queue in the order in which it is claimed. A million deliveries may be due at the same moment, when a webhook is
-- resumed: their order has to stand in the index.
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (webhook_id, due_at, id) WHERE due_at IS NOT NULL;

-- What is settled, apart from it: nobody who looks for that has to pass over a long queue.
CREATE INDEX delivery_settled ON delivery (webhook_id, id) WHERE due_at IS NULL;
