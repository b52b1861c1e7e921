//! The signals by which a person or the system asks a program to end.

pub use relay_client::signal::Signals;

use crate::failure::Failure;

/// Starts to listen; from now on these signals do not kill the process by themselves.
pub fn listen() -> Result<Signals, Failure> {
    let failed = |error| Failure::refused(format_args!("cannot listen for signals: {error}"));
    Signals::listen().map_err(failed)
}
