//! The schema's history: numbered texts, applied in order, never changed once released.

use heliograph_store::Migration;

/// All of them.
pub const ALL: &[Migration] = &[
    Migration { version: 1, name: "the house", sql: include_str!("../migrations/0001_the_house.sql") },
    Migration { version: 2, name: "clients", sql: include_str!("../migrations/0002_clients.sql") },
    Migration { version: 3, name: "switchboards", sql: include_str!("../migrations/0003_switchboards.sql") },
    Migration { version: 4, name: "attachments", sql: include_str!("../migrations/0004_attachments.sql") },
    Migration { version: 5, name: "oauth", sql: include_str!("../migrations/0005_oauth.sql") },
    Migration { version: 6, name: "removals", sql: include_str!("../migrations/0006_removals.sql") },
    Migration { version: 7, name: "deliveries", sql: include_str!("../migrations/0007_deliveries.sql") },
    Migration { version: 8, name: "key life", sql: include_str!("../migrations/0008_key_life.sql") },
    Migration { version: 9, name: "audit", sql: include_str!("../migrations/0009_audit.sql") },
    Migration { version: 10, name: "webhook signing", sql: include_str!("../migrations/0010_webhook_signing.sql") },
    Migration { version: 11, name: "channel messages", sql: include_str!("../migrations/0011_channel_messages.sql") },
    Migration { version: 12, name: "long queues", sql: include_str!("../migrations/0012_long_queues.sql") },
    Migration { version: 13, name: "key notices", sql: include_str!("../migrations/0013_key_notices.sql") },
    Migration { version: 14, name: "deleted is read", sql: include_str!("../migrations/0014_deleted_is_read.sql") },
    Migration { version: 15, name: "revisions", sql: include_str!("../migrations/0015_revisions.sql") },
];
