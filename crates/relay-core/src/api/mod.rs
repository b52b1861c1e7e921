//! The HTTP contract: routes, queries, requests and replies, shared by server and client.

pub(crate) mod facts;
pub mod query;
pub mod reply;
pub mod request;
pub mod route;
