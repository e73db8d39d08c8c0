//! The write-ahead log, as SQLite sees it here.

use crate::{
    below::{below, forward},
    database::Database,
    held::{Held, Within},
};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods};
use std::{
    ffi::{c_int, c_void},
    ptr, slice,
};

/// What SQLite is given as the file. It makes room for it, and behind it for the file of the VFS below.
#[repr(C)]
pub struct Log {
    /// What SQLite knows of it: it has to come first.
    base: sqlite3_file,
    below: *mut sqlite3_file,
    /// The file whose log it is, which is closed after it.
    database: *mut Database,
    held: Held,
}

impl Log {
    /// Makes a log of the memory at `file`, over the open file at `below`.
    ///
    /// # Safety
    /// The memory is writable, aligned and large enough for a [`Log`], and nothing else uses it until `xClose`. `below` is
    /// an open file that lives as long, and `database` a [`Database`] that lives longer.
    pub unsafe fn make(file: *mut sqlite3_file, below: *mut sqlite3_file, database: *mut Database) {
        let base = sqlite3_file { pMethods: &raw const METHODS };
        let log = file.cast::<Self>();
        // SAFETY: as the caller promises.
        unsafe {
            log.write(Self { base, below, database, held: Held::default() });
            (*database).set_log(log);
        }
    }

    /// Forgets what is held: its transaction is over, and was not committed.
    pub fn discard(&mut self) {
        self.held.clear();
    }

    /// The file that SQLite means.
    ///
    /// # Safety
    /// `file` was made by [`Log::make`] and is not closed. SQLite uses a file from one thread at a time.
    unsafe fn of<'f>(file: *mut sqlite3_file) -> &'f mut Self {
        // SAFETY: as the caller promises.
        unsafe { &mut *file.cast::<Self>() }
    }

    fn write(&mut self, bytes: &[u8], at: i64) -> c_int {
        let hold = self.held.may_hold(bytes);
        if !self.held.precedes(bytes, at) {
            let code = self.flush();
            if code != ffi::SQLITE_OK {
                return code;
            }
        }
        self.held.add(bytes, at);
        if hold { ffi::SQLITE_OK } else { self.flush() }
    }

    /// Writes what is held. What could not be written is gone: it is SQLite's writing, syncing or measuring that fails then,
    /// and for each of these it undoes the whole transaction.
    fn flush(&mut self) -> c_int {
        let Some((bytes, at)) = self.held.all() else { return ffi::SQLITE_OK };
        let code = match c_int::try_from(bytes.len()) {
            Ok(count) => below!(self, xWrite, bytes.as_ptr().cast(), count, at),
            Err(_) => ffi::SQLITE_IOERR_WRITE,
        };
        self.held.clear();
        code
    }

    /// Writes what is held, and then does what else is to be done.
    fn after_flush(&mut self, f: impl FnOnce(&Self) -> c_int) -> c_int {
        match self.flush() {
            ffi::SQLITE_OK => f(self),
            code => code,
        }
    }
}

/// Shared memory belongs to the database's own file: the first version of the table does.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
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
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// What is still held then belongs to a transaction that was never completed.
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a file that was made here, for the last time.
    let this = unsafe { Log::of(file) };
    let closed = below!(this, xClose);
    // SAFETY: the database is still open, and nobody uses what is held any more.
    unsafe {
        (*this.database).set_log(ptr::null_mut());
        ptr::drop_in_place(&raw mut this.held);
    }
    closed
}

/// What is held is read where it is: a read that fails would not always end the transaction.
unsafe extern "C" fn read(file: *mut sqlite3_file, into: *mut c_void, count: c_int, at: sqlite3_int64) -> c_int {
    let Ok(length) = usize::try_from(count) else { return ffi::SQLITE_IOERR_READ };
    // SAFETY: SQLite gives room for so many bytes, and a file that was made here.
    let (this, room) = unsafe { (Log::of(file), slice::from_raw_parts_mut(into.cast::<u8>(), length)) };
    match this.held.within(at, length) {
        Within::Whole(bytes) => {
            room.copy_from_slice(bytes);
            ffi::SQLITE_OK
        }
        Within::Nothing => below!(this, xRead, into, count, at),
        Within::Part => this.after_flush(|this| below!(this, xRead, into, count, at)),
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    let Ok(count) = usize::try_from(count) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite gives so many bytes, and a file that was made here.
    let (this, bytes) = unsafe { (Log::of(file), slice::from_raw_parts(from.cast::<u8>(), count)) };
    this.write(bytes, at)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { Log::of(file) }.after_flush(|this| below!(this, xTruncate, size))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { Log::of(file) }.after_flush(|this| below!(this, xSync, flags))
}

unsafe extern "C" fn size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { Log::of(file) }.after_flush(|this| below!(this, xFileSize, size))
}

// SQLite neither locks a log nor asks for anything else while something of it is held.
forward! { Log:
    lock xLock(level: c_int) -> c_int, else ffi::SQLITE_IOERR;
    unlock xUnlock(level: c_int) -> c_int, else ffi::SQLITE_IOERR;
    is_reserved xCheckReservedLock(reserved: *mut c_int) -> c_int, else ffi::SQLITE_IOERR;
    control xFileControl(what: c_int, with: *mut c_void) -> c_int, else ffi::SQLITE_NOTFOUND;
    sector_size xSectorSize() -> c_int, else 0;
    characteristics xDeviceCharacteristics() -> c_int, else 0;
}
