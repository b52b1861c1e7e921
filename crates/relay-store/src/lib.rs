//! The only seam to storage.
//!
//! One writer task owns the one connection that writes. Commands queue to it, it drains what is
//! waiting into one transaction, commits once (`synchronous=FULL`: on disk), hands the events to
//! the [feed](Store::feed) and then answers all of them. Reads use a small pool of read-only
//! connections. What happened is in the log before anybody hears of it: a message's row is its own
//! `message.new` event, every other event has a row of its own, and both share one sequence.
//!
//! To add a noun: a module of its name here with its methods on [`Store`], a command that the
//! writer runs, a migration with its table, a story in `tests/`.

mod agent;
mod backup;
mod batch;
mod callback;
mod checkpoint;
mod claim;
mod clock;
mod dialect;
mod directory;
mod error;
mod event;
mod feed;
mod follow;
mod inbox;
mod intake;
mod listen;
mod load;
mod lock;
mod message;
mod migrate;
mod offer;
mod open;
mod pair;
mod place;
mod queue;
mod rate;
mod receipt;
mod registration;
mod restore;
mod retention;
mod row;
mod search;
mod send;
mod shared;
mod stats;
mod store;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod tx;
mod writer;

pub use backup::{Depth, Snapshot, backup, check, examine};
pub use callback::Due;
pub use clock::SystemClock;
pub use directory::Identity;
pub use error::StoreError;
pub use event::{Reader, Replay};
pub use feed::{Feed, Told};
pub use intake::Reported;
pub use lock::holder;
pub use message::{Acting, Delivery, Page};
pub use migrate::{Moved, migrate};
pub use open::{Survey, survey};
pub use place::{Address, Place};
pub use registration::{Presented, Registration};
pub use restore::{Restored, restore};
pub use retention::{Reaped, Retention};
pub use stats::WriterMetrics;
pub use store::{Config, Known, Store, WriterState};
pub use task::Reporter;
