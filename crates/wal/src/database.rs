//! The database's own file, as SQLite sees it here: the one below, save that it is synced in slices, and that the end of a
//! transaction is noticed.
//!
//! A checkpoint writes thousands of pages and syncs them at its end; while the disk is at all these, whoever commits waits
//! for it. In slices, a commit waits for one of them.
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
/// After how many bytes the file is synced, though SQLite has not asked for it yet: what a disk takes a few milliseconds for.
const SLICE: c_int = 1 << 20;

/// What SQLite is given as the file. It makes room for it, and behind it for the file of the VFS below.
#[repr(C)]
pub struct Database {
    /// What SQLite knows of it: it has to come first.
    base: sqlite3_file,
    below: *mut sqlite3_file,
    /// Its log, while that is open.
    log: *mut Log,
    /// How many bytes were written since the last sync.
    unsynced: c_int,
}

impl Database {
    /// Makes a database of the memory at `file`, over the open file at `below`.
    ///
    /// # Safety
    /// The memory is writable, aligned and large enough for a [`Database`], and nothing else uses it until `xClose`. `below`
    /// is an open file that lives as long.
    pub unsafe fn make(file: *mut sqlite3_file, below: *mut sqlite3_file) {
        let base = sqlite3_file { pMethods: &raw const METHODS };
        let made = Self { base, below, log: ptr::null_mut(), unsynced: 0 };
        // SAFETY: as the caller promises.
        unsafe { file.cast::<Self>().write(made) };
    }

    /// Says which its log is, or that it has none any more.
    pub fn set_log(&mut self, log: *mut Log) {
        self.log = log;
    }

    fn sync(&mut self, flags: c_int) -> c_int {
        self.unsynced = 0;
        below!(self, xSync, flags)
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

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    let this = unsafe { Database::of(file) };
    let code = below!(this, xWrite, from, count, at);
    this.unsynced = this.unsynced.saturating_add(count);
    if code == ffi::SQLITE_OK && this.unsynced >= SLICE { this.sync(ffi::SQLITE_SYNC_NORMAL) } else { code }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { Database::of(file) }.sync(flags)
}

forward! { Database:
    close xClose() -> c_int, else ffi::SQLITE_IOERR;
    read xRead(into: *mut c_void, count: c_int, at: sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
    truncate xTruncate(size: sqlite3_int64) -> c_int, else ffi::SQLITE_IOERR;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    thread_local! {
        /// What the file below was asked: bytes written, or 0 for a sync.
        static ASKED: RefCell<Vec<c_int>> = const { RefCell::new(Vec::new()) };
        /// What it answers the next sync.
        static SYNCS: Cell<c_int> = const { Cell::new(ffi::SQLITE_OK) };
    }

    unsafe extern "C" fn writes(_: *mut sqlite3_file, _: *const c_void, count: c_int, _: sqlite3_int64) -> c_int {
        ASKED.with_borrow_mut(|asked| asked.push(count));
        ffi::SQLITE_OK
    }

    unsafe extern "C" fn syncs(_: *mut sqlite3_file, _: c_int) -> c_int {
        ASKED.with_borrow_mut(|asked| asked.push(0));
        SYNCS.take()
    }

    /// Has `f` ask a file of ours over one that notes what it is asked.
    fn over_one_that_notes(f: impl FnOnce(&dyn Fn(c_int) -> c_int, &dyn Fn() -> c_int)) -> Vec<c_int> {
        let methods = sqlite3_io_methods { xWrite: Some(writes), xSync: Some(syncs), ..METHODS };
        let mut below = sqlite3_file { pMethods: &raw const methods };
        let mut file = std::mem::MaybeUninit::<Database>::uninit();
        let ours = file.as_mut_ptr().cast::<sqlite3_file>();
        // SAFETY: the memory is that of a database, and all that is asked of it is done before it goes.
        unsafe { Database::make(ours, &raw mut below) };
        // SAFETY: the same; what is written is not looked at.
        f(&|count| unsafe { write(ours, ptr::null(), count, 0) }, &|| unsafe { sync(ours, ffi::SQLITE_SYNC_NORMAL) });
        ASKED.take()
    }

    #[test]
    fn a_checkpoint_is_synced_in_slices() {
        const PAGE: c_int = 4096;
        let asked = over_one_that_notes(|write, sync| {
            (0..600).for_each(|_| assert_eq!(write(PAGE), ffi::SQLITE_OK));
            assert_eq!(sync(), ffi::SQLITE_OK);
            (0..255).for_each(|_| assert_eq!(write(PAGE), ffi::SQLITE_OK));
        });
        let syncs: Vec<_> = (0..asked.len()).filter(|at| asked[*at] == 0).collect();
        assert_eq!(syncs, [256, 513, 602], "after each 256 pages, and when SQLite asks, from where it is counted anew");
    }

    #[test]
    fn a_slice_that_cannot_be_synced_fails_the_checkpoint() {
        let asked = over_one_that_notes(|write, _| {
            SYNCS.set(ffi::SQLITE_IOERR_FSYNC);
            assert_eq!(write(SLICE), ffi::SQLITE_IOERR_FSYNC);
            assert_eq!(write(1), ffi::SQLITE_OK);
        });
        assert_eq!(asked, [SLICE, 0, 1]);
    }
}
