//! What is asked of the app-server, and what it answers. Names are the protocol's own.

mod permission;
mod thread;
mod turn;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{permission::*, thread::*, turn::*};

/// A method of the app-server: its parameters are the type itself.
pub trait Call: Serialize {
    /// The method's name on the wire.
    const METHOD: &'static str;
    /// What the server answers.
    type Answer: DeserializeOwned;
}

/// Says who the client is; the first call of a connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialize {
    /// The client.
    pub client_info: ClientInfo,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// A client's name.
#[derive(Debug, Serialize)]
pub struct ClientInfo {
    /// For programs.
    pub name: &'static str,
    /// For people.
    pub title: Option<&'static str>,
    /// Its version.
    pub version: &'static str,
}

/// What a client can do, and what it does not want to hear of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// True opens the methods that may change.
    pub experimental_api: bool,
    /// Notifications that are not sent to it.
    pub opt_out_notification_methods: &'static [&'static str],
}

/// What the server says about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Initialized {
    /// The client's name, and after the slash Codex's version.
    pub user_agent: String,
}

impl Call for Initialize {
    const METHOD: &'static str = "initialize";
    type Answer = Initialized;
}
