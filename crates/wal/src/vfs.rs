//! The VFS: SQLite's own, but for databases and their write-ahead logs.

use crate::{database::Database, log::Log};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_vfs};
use std::{
    ffi::{CStr, c_char, c_int},
    ptr,
    sync::OnceLock,
};

/// What connections name it by.
const NAME: &CStr = c"heliograph";

/// Room for one of our files, of either kind. (All are made of pointers and of what is aligned as they are.)
const OURS: usize = if size_of::<Log>() > size_of::<Database>() { size_of::<Log>() } else { size_of::<Database>() };

/// Makes the VFS known to SQLite, once for a process, and answers the name under which connections open files by it.
///
/// # Errors
/// SQLite's code, if it has no VFS of its own or will not have this one.
pub fn register() -> Result<&'static CStr, c_int> {
    static REGISTERED: OnceLock<c_int> = OnceLock::new();
    match *REGISTERED.get_or_init(make) {
        ffi::SQLITE_OK => Ok(NAME),
        code => Err(code),
    }
}

fn make() -> c_int {
    // SAFETY: SQLite has its VFS for as long as the process runs, and is given ours for as long.
    unsafe {
        let below = ffi::sqlite3_vfs_find(ptr::null());
        if below.is_null() {
            return ffi::SQLITE_ERROR;
        }
        let Some(size) = c_int::try_from(OURS).ok().and_then(|size| size.checked_add((*below).szOsFile)) else {
            return ffi::SQLITE_ERROR;
        };
        let ours = sqlite3_vfs {
            // (The third version has functions that only SQLite's own tests use.)
            iVersion: 2,
            szOsFile: size,
            mxPathname: (*below).mxPathname,
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: below.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 0)
    }
}

/// Calls a function of the VFS below, or answers `else` if it has none.
macro_rules! below { ($vfs:expr, $function:ident $(, $argument:expr)*; else $otherwise:expr) => {
    // SAFETY: `make` put SQLite's own VFS there, and SQLite gives the arguments.
    unsafe {
        let below = (*$vfs).pAppData.cast::<sqlite3_vfs>();
        match (*below).$function {
            Some(function) => function(below $(, $argument)*),
            None => $otherwise,
        }
    }
}; }

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let (is_log, is_database) = (flags & ffi::SQLITE_OPEN_WAL != 0, flags & ffi::SQLITE_OPEN_MAIN_DB != 0);
    // (A database without a name is SQLite's own affair: it has no log.)
    if !is_log && (!is_database || name.is_null()) {
        return below!(vfs, xOpen, name, file, flags, out; else ffi::SQLITE_CANTOPEN);
    }
    // SAFETY: SQLite makes room for as much as `make` said: a file of ours, and one of those below behind it.
    let behind = unsafe { file.byte_add(OURS) };
    let code = below!(vfs, xOpen, name, behind, flags, out; else ffi::SQLITE_CANTOPEN);
    // SAFETY: as above. SQLite opens a log for a database that it has opened here, and names it as it should. A file that
    // was not opened is not closed, unless it has methods.
    unsafe {
        if code != ffi::SQLITE_OK {
            if let Some(close) = (*behind).pMethods.as_ref().and_then(|methods| methods.xClose) {
                close(behind);
            }
            (*file).pMethods = ptr::null();
        } else if is_log {
            Log::make(file, behind, ffi::sqlite3_database_file_object(name).cast::<Database>());
        } else {
            Database::make(file, behind);
        }
    }
    code
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    below!(vfs, xDelete, name, sync; else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, name: *const c_char, what: c_int, out: *mut c_int) -> c_int {
    below!(vfs, xAccess, name, what, out; else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn full_path(vfs: *mut sqlite3_vfs, name: *const c_char, size: c_int, out: *mut c_char) -> c_int {
    below!(vfs, xFullPathname, name, size, out; else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn randomness(vfs: *mut sqlite3_vfs, size: c_int, out: *mut c_char) -> c_int {
    below!(vfs, xRandomness, size, out; else 0)
}

unsafe extern "C" fn sleep(vfs: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    below!(vfs, xSleep, microseconds; else 0)
}

unsafe extern "C" fn time(vfs: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    below!(vfs, xCurrentTime, out; else ffi::SQLITE_ERROR)
}

unsafe extern "C" fn time_ms(vfs: *mut sqlite3_vfs, out: *mut sqlite3_int64) -> c_int {
    below!(vfs, xCurrentTimeInt64, out; else ffi::SQLITE_ERROR)
}

unsafe extern "C" fn last_error(vfs: *mut sqlite3_vfs, size: c_int, out: *mut c_char) -> c_int {
    below!(vfs, xGetLastError, size, out; else 0)
}
