//! HTTP: from a connection to a handler and back.
//!
//! A request passes the [`guard`], is [`authenticate`]d, finds its handler in [`dispatch`], and
//! leaves as a [`reply`] or an [`error`].

pub mod authenticate;
pub mod connection;
pub mod cors;
pub mod dashboard;
pub mod dispatch;
pub mod error;
pub mod guard;
pub mod json;
pub mod limit;
pub mod mcp;
pub mod openapi;
mod refusal;
pub mod reply;
pub mod request;
mod stall;

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{Either, Full, combinators::UnsyncBoxBody};

/// The body of an answer: whole, or a stream that goes on.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;
