//! The write-ahead log as SQLite sees it here.

use crate::held::Held;
use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods};
use std::{
    ffi::{c_int, c_void},
    ptr, slice,
};

/// What SQLite is given as the file. It makes room for it, and behind it for the file of the VFS below.
#[repr(C)]
pub struct File {
    /// What SQLite knows of it: it has to come first.
    base: sqlite3_file,
    below: *mut sqlite3_file,
    held: Held,
}

/// Calls a method of the file below.
macro_rules! below { ($file:expr, $method:ident $(, $argument:expr)*) => {{
    let below = $file.below;
    // SAFETY: the file below was opened, so it has methods, and it is closed with this one. SQLite gives the arguments.
    unsafe {
        match (*(*below).pMethods).$method {
            Some(method) => method(below $(, $argument)*),
            None => ffi::SQLITE_IOERR,
        }
    }
}}; }

impl File {
    /// Makes a file of the memory at `file`, over the open file at `below`.
    ///
    /// # Safety
    /// The memory is writable, aligned and large enough for a [`File`], and nothing else uses it until `xClose`. `below` is
    /// an open file that lives as long.
    pub unsafe fn make(file: *mut sqlite3_file, below: *mut sqlite3_file) {
        let made = Self { base: sqlite3_file { pMethods: &raw const METHODS }, below, held: Held::default() };
        // SAFETY: as the caller promises.
        unsafe { file.cast::<Self>().write(made) };
    }

    /// The file that SQLite means.
    ///
    /// # Safety
    /// `file` was made by [`File::make`] and is not closed. SQLite uses a file from one thread at a time.
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

    /// Writes what is held. What could not be written is gone: SQLite is told, and undoes its transaction.
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

/// Locks and shared memory belong to the database's own file, which is none of ours: the first version of the table does.
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

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a file that was made here, for the last time.
    let this = unsafe { File::of(file) };
    let written = this.flush();
    let closed = below!(this, xClose);
    // SAFETY: nobody uses it any more.
    unsafe { ptr::drop_in_place(&raw mut this.held) };
    if written == ffi::SQLITE_OK { closed } else { written }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, into: *mut c_void, count: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xRead, into, count, at))
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    let Ok(count) = usize::try_from(count) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite gives so many bytes, and a file that was made here.
    let (this, bytes) = unsafe { (File::of(file), slice::from_raw_parts(from.cast::<u8>(), count)) };
    this.write(bytes, at)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xTruncate, size))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xSync, flags))
}

unsafe extern "C" fn size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xFileSize, size))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xLock, level))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xUnlock, level))
}

unsafe extern "C" fn is_reserved(file: *mut sqlite3_file, reserved: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xCheckReservedLock, reserved))
}

unsafe extern "C" fn control(file: *mut sqlite3_file, what: c_int, with: *mut c_void) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    unsafe { File::of(file) }.after_flush(|this| below!(this, xFileControl, what, with))
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    below!(unsafe { File::of(file) }, xSectorSize)
}

unsafe extern "C" fn characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a file that was made here.
    below!(unsafe { File::of(file) }, xDeviceCharacteristics)
}
