//! The schema's history: numbered texts, applied in order, never changed once released.

use heliograph_store::Migration;

/// All of them.
pub const ALL: &[Migration] =
    &[Migration { version: 1, name: "the house", sql: include_str!("../migrations/0001_the_house.sql") }];
