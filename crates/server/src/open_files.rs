//! How many files and connections the system lets a server have open, and who gets how many of them: so that running out
//! of them is a matter of waiting, and not of failing.

use crate::settings::StartError;
use heliograph_http::DoorLimits;

/// With fewer a server does not start.
const LEAST: u64 = 256;
/// With so many there is enough for thousands of targets.
const ENOUGH: u64 = 4096;
/// What the server itself has open: the database with its readers, the listener, the log, the runtime's own.
const OWN: usize = 128;
/// Of eight parts of the rest, so many are for connections to the server. As many are for the files or the storage's
/// connections that requests have open besides, and what is left is for calls.
const DOOR: usize = 3;
const CALLS: usize = 2;
const PARTS: usize = 8;

/// Who gets how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What the system allows in all.
    pub allowed: u64,
    /// Connections to the server.
    pub connections: usize,
    /// Connections to addresses that others name.
    pub calls: usize,
}

impl OpenFiles {
    /// Raises the limit as far as the system lets us, and shares what there is with a server that has so many connections to
    /// its database.
    pub fn raise(database: usize) -> Result<Self, StartError> {
        let refused = |error| StartError::Setting(format!("the limit of open files cannot be read: {error}"));
        let allowed = rlimit::increase_nofile_limit(u64::MAX).map_err(refused)?;
        // Each thread may read from a connection of its own, which is two files.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self::share(allowed, database + 2 * threads)
    }

    fn share(allowed: u64, own: usize) -> Result<Self, StartError> {
        let own = OWN + own;
        let rest = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(own);
        if allowed < LEAST || rest < PARTS {
            let least = LEAST.max((own + PARTS) as u64);
            let why = format!("{allowed} open files are too few: {least} are needed, and {ENOUGH} are a good number");
            return Err(StartError::Setting(format!("{why} (ulimit -n, or LimitNOFILE= of systemd)")));
        }
        let connections = (rest / PARTS * DOOR).min(DoorLimits::default().max_connections);
        Ok(Self { allowed, connections, calls: rest / PARTS * CALLS })
    }

    /// What an operator should know of it: only where it is little.
    pub fn note(&self) -> Option<String> {
        let Self { allowed, connections, calls } = self;
        let note =
            || format!("only {allowed} open files are allowed: {connections} connections at once, {calls} for calls");
        (*allowed < ENOUGH).then(note)
    }

    /// What the front door may take.
    pub fn door(&self) -> DoorLimits {
        DoorLimits { max_connections: self.connections, ..DoorLimits::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_never_more_than_there_is() {
        for allowed in [256, 1024, 4096, 65_536, 1_048_576, u64::MAX] {
            let OpenFiles { connections, calls, .. } = OpenFiles::share(allowed, 16).unwrap();
            let files = connections;
            assert!(connections >= 8 && calls >= 8, "{allowed}");
            assert!((connections + files + calls + OWN + 16) as u64 <= allowed, "{allowed}");
        }
    }

    #[test]
    fn too_few_are_told() {
        for (allowed, own) in [(64, 0), (255, 16), (300, 200)] {
            let told = OpenFiles::share(allowed, own).unwrap_err().to_string();
            assert!(told.contains("open files are too few") && told.contains("ulimit"), "{told}");
        }
    }
}
