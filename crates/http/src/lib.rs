//! The two doors of the server: the one people come in by ([`serve`]) and the only one calls leave by ([`Outbound`]).
//!
//! Neither knows what the server is about. The front door keeps slow, silent and too many clients from holding it;
//! the back door keeps addresses other people name from reaching what only this machine should reach.

mod connector;
mod door;
mod guard;
mod outbound;
mod target;

pub use door::{DoorLimits, Peer, serve};
pub use guard::is_public;
pub use outbound::{Answer, Failure, MAX_ANSWER_BYTES, Outbound, OutboundOptions};
pub use target::parse_target;
