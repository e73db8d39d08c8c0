//! The database's own file, as SQLite sees it here: the one below, save that the end of a transaction is noticed.
//!
//! The lock of the one who writes lies on this file, also where it is the log that is written. When it is taken or given
//! back, nothing may be held of the log: what is left belongs to a transaction that was undone, and to its place in the log
//! another process may write from now on.

use crate::{
    below::{below, forward},
    log::Log,
};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods};
use std::{
    ffi::{c_int, c_void},
    ptr,
};

/// The place of that lock, by the format of the log's index.
const WRITE_LOCK: c_int = 0;

/// What SQLite is given as the file. It makes room for it, and behind it for the file of the VFS below.
#[repr(C)]
pub struct Database {
    /// What SQLite knows of it: it has to come first.
    base: sqlite3_file,
    below: *mut sqlite3_file,
    /// Its log, while that is open.
    log: *mut Log,
}

impl Database {
    /// Makes a database of the memory at `file`, over the open file at `below`.
    ///
    /// # Safety
    /// The memory is writable, aligned and large enough for a [`Database`], and nothing else uses it until `xClose`. `below`
    /// is an open file that lives as long.
    pub unsafe fn make(file: *mut sqlite3_file, below: *mut sqlite3_file) {
        let made = Self { base: sqlite3_file { pMethods: &raw const METHODS }, below, log: ptr::null_mut() };
        // SAFETY: as the caller promises.
        unsafe { file.cast::<Self>().write(made) };
    }

    /// Says which its log is, or that it has none any more.
    pub fn set_log(&mut self, log: *mut Log) {
        self.log = log;
    }

    /// The file that SQLite means.
    ///
    /// # Safety
    /// `file` was made by [`Database::make`] and is not closed. SQLite uses a connection from one thread at a time.
    unsafe fn of<'f>(file: *mut sqlite3_file) -> &'f mut Self {
        // SAFETY: as the caller promises.
        unsafe { &mut *file.cast::<Self>() }
    }
}

/// The third version of the table is the last.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shared_map),
    xShmLock: Some(shared_lock),
    xShmBarrier: Some(shared_barrier),
    xShmUnmap: Some(shared_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};

unsafe extern "C" fn shared_lock(file: *mut sqlite3_file, place: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here, and a log says when it is closed.
    let (this, log) = unsafe {
        let this = Database::of(file);
        (&*this, this.log.as_mut())
    };
    if let Some(log) = log.filter(|_| place == WRITE_LOCK && flags & ffi::SQLITE_SHM_EXCLUSIVE != 0) {
        log.discard();
    }
    below!(this, xShmLock, place, count, flags)
}

forward! { Database:
    close xClose() -> c_int, else ffi::SQLITE_IOERR;
    read xRead(into: *mut c_void, count: c_int, at: sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
    write xWrite(from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
    truncate xTruncate(size: sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
    sync xSync(flags: c_int) -> c_int, else ffi::SQLITE_IOERR;
    size xFileSize(size: *mut sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
    lock xLock(level: c_int) -> c_int, else ffi::SQLITE_IOERR;
    unlock xUnlock(level: c_int) -> c_int, else ffi::SQLITE_IOERR;
    is_reserved xCheckReservedLock(reserved: *mut c_int) -> c_int, else ffi::SQLITE_IOERR;
    control xFileControl(what: c_int, with: *mut c_void) -> c_int, else ffi::SQLITE_NOTFOUND;
    sector_size xSectorSize() -> c_int, else 0;
    characteristics xDeviceCharacteristics() -> c_int, else 0;
    shared_map xShmMap(region: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int, else ffi::SQLITE_IOERR;
    shared_barrier xShmBarrier();
    shared_unmap xShmUnmap(delete: c_int) -> c_int, else ffi::SQLITE_OK;
    fetch xFetch(at: sqlite3_int64, count: c_int, out: *mut *mut c_void) -> c_int, else ffi::SQLITE_IOERR;
    unfetch xUnfetch(at: sqlite3_int64, from: *mut c_void) -> c_int, else ffi::SQLITE_OK;
}
