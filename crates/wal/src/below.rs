//! The file of SQLite's own VFS, over which one of ours stands.

/// Calls a method of the file below.
macro_rules! below { ($file:expr, $method:ident $(, $argument:expr)*; else $otherwise:expr) => {{
    let below = $file.below;
    // SAFETY: the file below was opened, so it has methods, and it is closed with ours. SQLite gives the arguments.
    unsafe {
        match (*(*below).pMethods).$method {
            Some(method) => method(below $(, $argument)*),
            None => $otherwise,
        }
    }
}}; ($file:expr, $method:ident $(, $argument:expr)*) => {
    below!($file, $method $(, $argument)*; else rusqlite::ffi::SQLITE_IOERR)
}; }

pub(crate) use below;
