//! The two doors of the server: the one people come in by ([`serve`]) and the only one calls leave by ([`Outbound`]).
//!
//! A third, [`Direct`], is for addresses that the operator of the server named.
//!
//! None knows what the server is about. The front door keeps slow, silent and too many clients from holding it;
//! the back door keeps addresses other people name from reaching what only this machine should reach.

mod connector;
mod direct;
mod door;
mod guard;
mod names;
mod outbound;
mod patience;
mod proxy;
mod target;

pub use direct::Direct;
pub use door::{DoorLimits, serve};
pub use guard::is_public;
pub use outbound::{Answer, Failure, Head, MAX_ANSWER_BYTES, Outbound, OutboundOptions};
pub use proxy::Proxy;
pub use target::parse_target;
