//! The file of SQLite's own VFS, over which one of ours stands, and what is left to it.

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

/// Functions of the table of `$kind` that do what the file below does.
macro_rules! forward { ($kind:ident: $($name:ident $method:ident($($argument:ident: $type:ty),*) $(-> $result:ty, else $otherwise:expr)?;)+) => { $(
    unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) $(-> $result)? {
        // SAFETY: SQLite gives a file that was made here.
        let this = unsafe { $kind::of(file) };
        below!(this, $method $(, $argument)*; else { $($otherwise)? })
    }
)+ } }

pub(crate) use {below, forward};
