//! Between SQLite and the files: what a transaction appends to the write-ahead log is written at once.
//!
//! SQLite writes each page to the log in two calls of the system, a frame's head and the page. For a group of sixty
//! messages these are five hundred calls, a tenth of all the time that posting takes. The VFS of this crate is SQLite's
//! own, save that it holds such writes back until the transaction is complete, and then hands them on together.
//!
//! Nothing that counts is held back. A frame says in its head whether it completes a transaction, and from such a head on
//! everything is written before SQLite goes on, as is whatever is not a frame. So whether a commit is synced, and who may
//! see it when, is as ever. What is held is of no use to anybody but the connection that wrote it, and that reads it where it
//! is. If it cannot be written, the call fails in which SQLite writes, syncs or measures the log, and it undoes the
//! transaction. When the lock of the one who writes changes hands, what is still held is forgotten: it was undone.
//!
//! And the database's file is synced in slices while a checkpoint writes it (`database.rs`).
//!
//! This is the one crate with `unsafe`: SQLite calls it, and is called by it, through pointers.

#![expect(unsafe_code, reason = "a VFS is a table of functions that C calls")]

mod below;
mod database;
mod held;
mod log;
mod vfs;

pub use vfs::register;
