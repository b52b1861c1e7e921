//! Every route of the API, in one enum: the server parses it, the client prints it, its scope
//! authorises it, and the documents are generated from its table.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{
    api::query::{self, Parameter},
    error::{Code, Refused},
    id::{AgentId, CallbackId, MessageId, PairId, TaskId, TokenId},
    scope::Scope,
};

/// The methods that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or does.
    Post,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The word as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What the documents say of one route.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The variant's name, which is the operation's.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{id}` where an id stands.
    pub path: &'static str,
    /// The scopes of which it needs one; none where it is open.
    pub scopes: &'static [Scope],
    /// What it is for.
    pub purpose: &'static str,
    /// Its query parameters.
    pub query: &'static [Parameter],
}

/// Why a request line is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// The path leads nowhere.
    NotFound,
    /// The path exists with these methods.
    MethodNotAllowed(Vec<Method>),
}

macro_rules! routes {
    ($($(#[doc = $doc:literal])+ $name:ident $(($id:ty))? = $method:ident $path:literal, $scope:expr, $query:expr;)+) => {
        /// One route, with the id in its path.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Route { $($(#[doc = $doc])+ $name $(($id))?),+ }

        /// The places of the routes in the table.
        enum Index { $($name),+ }

        impl Route {
            /// The table from which the documents are made.
            pub const ALL: &[Entry] = &[$(Entry {
                name: stringify!($name),
                method: Method::$method,
                path: $path,
                scopes: $scope,
                purpose: concat!($($doc),+),
                query: $query,
            }),+];

            fn build(index: usize, segment: &str) -> Option<Self> {
                let _ = segment;
                $(if index == Index::$name as usize { return Some(Self::$name $((segment.parse::<$id>().ok()?))?); })+
                None
            }

            fn index(&self) -> usize {
                match self { $(routes!(@pattern $name $(, $id)?) => Index::$name as usize),+ }
            }

            fn segment(&self) -> Option<String> {
                match self { $(routes!(@bind id $name $(, $id)?) => routes!(@text id $($id)?)),+ }
            }
        }
    };
    (@pattern $name:ident) => { Self::$name };
    (@pattern $name:ident, $id:ty) => { Self::$name(_) };
    (@bind $b:ident $name:ident) => { Self::$name };
    (@bind $b:ident $name:ident, $id:ty) => { Self::$name($b) };
    (@text $b:ident) => { None };
    (@text $b:ident $id:ty) => { Some($b.to_string()) };
}

const NO_QUERY: &[Parameter] = &[];
const OPEN: &[Scope] = &[];

routes! {
    /// Registers an agent, or registers it again; answers with its `epoch`, and its `token` when new or proven.
    RegisterAgent = Post "/api/agents", &[Scope::AgentsWrite], NO_QUERY;
    /// Lists agents.
    ListAgents = Get "/api/agents", &[Scope::AgentsRead], query::Agents::PARAMETERS;
    /// Lists the available agents that have a capability.
    FindAgents = Get "/api/agents/find", &[Scope::AgentsRead], query::Find::PARAMETERS;
    /// Shows one agent.
    GetAgent(AgentId) = Get "/api/agents/{id}", &[Scope::AgentsRead], NO_QUERY;
    /// Changes what an agent offers or how it is doing.
    UpdateAgent(AgentId) = Patch "/api/agents/{id}", &[Scope::AgentsWrite], NO_QUERY;
    /// Changes an agent's label; null clears it.
    SetLabel(AgentId) = Patch "/api/agents/{id}/label", &[Scope::AgentsWrite], NO_QUERY;
    /// Changes an agent's status.
    SetStatus(AgentId) = Patch "/api/agents/{id}/status", &[Scope::AgentsWrite], NO_QUERY;
    /// Keeps an agent alive; 404 tells a pruned agent to register again.
    Heartbeat(AgentId) = Post "/api/agents/{id}/heartbeat", &[Scope::AgentsWrite], NO_QUERY;
    /// Removes an agent.
    RemoveAgent(AgentId) = Delete "/api/agents/{id}", &[Scope::AgentsWrite], NO_QUERY;
    /// Sends a message; with an idempotency key a repeat is answered 200 with the first.
    SendMessage = Post "/api/messages", &[Scope::MessagesWrite], NO_QUERY;
    /// Lists messages: an inbox with `for`, oldest first with `unread` or `since`, else the newest page.
    ListMessages = Get "/api/messages", &[Scope::MessagesRead], query::Messages::PARAMETERS;
    /// Tells where a new reader starts: the newest message's id and the newest event's number.
    MessageCursor = Get "/api/messages/cursor", &[Scope::MessagesRead], NO_QUERY;
    /// Shows one message.
    GetMessage(MessageId) = Get "/api/messages/{id}", &[Scope::MessagesRead], NO_QUERY;
    /// Lists the thread that a message belongs to, oldest first.
    GetThread(MessageId) = Get "/api/messages/{id}/thread", &[Scope::MessagesRead], NO_QUERY;
    /// Lists who read, handled, claimed and answered a message, when, and by which path.
    GetReceipts(MessageId) = Get "/api/messages/{id}/receipts", &[Scope::MessagesRead], NO_QUERY;
    /// Claims a claimable message; one wins.
    ClaimMessage(MessageId) = Post "/api/messages/{id}/claim", &[Scope::MessagesWrite], NO_QUERY;
    /// Gives a claim back.
    ReleaseMessage(MessageId) = Post "/api/messages/{id}/release", &[Scope::MessagesWrite], NO_QUERY;
    /// Finishes claimed work.
    FinishMessage(MessageId) = Post "/api/messages/{id}/done", &[Scope::MessagesWrite], NO_QUERY;
    /// Marks a message as read (it stands in the session's context) or handled (that turn has ended).
    MarkMessage(MessageId) = Patch "/api/messages/{id}", &[Scope::MessagesWrite], NO_QUERY;
    /// Deletes a message's text; its id stays.
    DeleteMessage(MessageId) = Delete "/api/messages/{id}", &[Scope::MessagesWrite], NO_QUERY;
    /// Invites an agent to a pair; the target is an id, a label, a name, or any other target that one available agent fits.
    InvitePair = Post "/api/pairs", &[Scope::PairsWrite], NO_QUERY;
    /// Lists pairs, the newest page with the newest last.
    ListPairs = Get "/api/pairs", &[Scope::PairsRead], query::Pairs::PARAMETERS;
    /// Shows one pair.
    GetPair(PairId) = Get "/api/pairs/{id}", &[Scope::PairsRead], NO_QUERY;
    /// Accepts an invitation.
    AcceptPair(PairId) = Post "/api/pairs/{id}/accept", &[Scope::PairsWrite], NO_QUERY;
    /// Declines an invitation.
    RejectPair(PairId) = Post "/api/pairs/{id}/reject", &[Scope::PairsWrite], NO_QUERY;
    /// Says something to the other side of an active pair.
    SayInPair(PairId) = Post "/api/pairs/{id}/messages", &[Scope::PairsWrite], NO_QUERY;
    /// Ends a pair, or takes an invitation back.
    HangUpPair(PairId) = Post "/api/pairs/{id}/hangup", &[Scope::PairsWrite], NO_QUERY;
    /// Takes an event from an integration: 201 opens a task, 200 counts or resolves the one that is there.
    PostEvent = Post "/api/integrations/events", &[Scope::TasksCreate, Scope::EventsCreate, Scope::TasksWrite], NO_QUERY;
    /// Lists the integrations that are configured or were seen, never a token.
    ListIntegrations = Get "/api/integrations", &[Scope::TasksRead], NO_QUERY;
    /// Lists the callbacks that were given up on, oldest first.
    ListDeadLetters = Get "/api/integrations/dead-letters", &[Scope::TasksRead], query::DeadLetters::PARAMETERS;
    /// Sends a callback again that was given up on.
    RetryDeadLetter(CallbackId) = Post "/api/integrations/dead-letters/{id}/retry", &[Scope::SystemWrite], NO_QUERY;
    /// Lists the channels that have registered.
    ListChannels = Get "/api/channels", &[Scope::ChannelsRead], NO_QUERY;
    /// Creates a task; the same dedupe key counts the active one instead.
    CreateTask = Post "/api/tasks", &[Scope::TasksWrite], NO_QUERY;
    /// Lists tasks, the newest page with the newest last.
    ListTasks = Get "/api/tasks", &[Scope::TasksRead], query::Tasks::PARAMETERS;
    /// Shows one task.
    GetTask(TaskId) = Get "/api/tasks/{id}", &[Scope::TasksRead], NO_QUERY;
    /// Lists what happened to a task, oldest first.
    GetTaskEvents(TaskId) = Get "/api/tasks/{id}/events", &[Scope::TasksRead], NO_QUERY;
    /// Claims a task and its message; one wins.
    ClaimTask(TaskId) = Post "/api/tasks/{id}/claim", &[Scope::TasksWrite], NO_QUERY;
    /// Gives a task back; it is open again.
    ReleaseTask(TaskId) = Post "/api/tasks/{id}/release", &[Scope::TasksWrite], NO_QUERY;
    /// Reports progress on a claimed task, or ends it.
    UpdateTask(TaskId) = Patch "/api/tasks/{id}/status", &[Scope::TasksWrite], NO_QUERY;
    /// Streams events as they happen, resumed from a cursor.
    StreamEvents = Get "/api/events", &[Scope::EventsRead], query::Events::PARAMETERS;
    /// Makes a scoped token, shown once.
    CreateToken = Post "/api/tokens", &[Scope::SystemWrite], NO_QUERY;
    /// Lists scoped tokens, never the secrets.
    ListTokens = Get "/api/tokens", &[Scope::SystemWrite], NO_QUERY;
    /// Revokes a scoped token at once; its streams close.
    RevokeToken(TokenId) = Delete "/api/tokens/{id}", &[Scope::SystemWrite], NO_QUERY;
    /// Counts what there is.
    Stats = Get "/api/stats", &[Scope::StatsRead], NO_QUERY;
    /// Counts what moved, per minute.
    StatsSeries = Get "/api/stats/series", &[Scope::StatsRead], query::Series::PARAMETERS;
    /// Reports the health checks with details.
    HealthDetails = Get "/api/health", &[Scope::HealthRead], NO_QUERY;
    /// Serves the OpenAPI 3.1 document.
    OpenApi = Get "/api/openapi.json", OPEN, NO_QUERY;
    /// Says `ok` while the process runs.
    Health = Get "/health", OPEN, NO_QUERY;
    /// Says `ready` while the relay can store; else 503.
    Ready = Get "/ready", OPEN, NO_QUERY;
    /// Serves metrics as Prometheus text.
    Metrics = Get "/metrics", &[Scope::StatsRead], NO_QUERY;
    /// Serves the dashboard.
    Dashboard = Get "/", OPEN, NO_QUERY;
}

/// What a path segment must escape.
const SEGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'/').add(b'?').add(b'#').add(b'%').add(b';');

impl Route {
    /// Parses a request line. `HEAD` reads as `GET`; a segment that is no id leads nowhere.
    pub fn parse(method: &str, path: &str) -> Result<Self, NoRoute> {
        let mut allowed = Vec::new();
        for (index, entry) in Self::ALL.iter().enumerate() {
            let Some(segment) = fit(entry.path, path) else { continue };
            let Some(route) = Self::build(index, &segment) else { continue };
            // A literal path such as /agents/find comes before the pattern that would swallow it.
            let literal_elsewhere =
                entry.path.contains("{id}") && Self::ALL.iter().any(|other| other.path == path);
            if literal_elsewhere {
                continue;
            }
            if entry.method.as_str() == method || (method == "HEAD" && entry.method == Method::Get)
            {
                return Ok(route);
            }
            allowed.push(entry.method);
        }
        if allowed.is_empty() {
            Err(NoRoute::NotFound)
        } else {
            Err(NoRoute::MethodNotAllowed(allowed))
        }
    }

    /// The table's row for this route.
    pub fn entry(&self) -> &'static Entry {
        &Self::ALL[self.index()]
    }

    /// The scopes of which it needs one; none where it is open.
    pub fn scopes(&self) -> &'static [Scope] {
        self.entry().scopes
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.entry().method
    }
}

impl fmt::Display for Route {
    /// The path with its id, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.entry().path;
        match self.segment() {
            Some(id) => {
                f.write_str(&path.replace("{id}", &utf8_percent_encode(&id, SEGMENT).to_string()))
            }
            None => f.write_str(path),
        }
    }
}

/// The text where the pattern has `{id}`, decoded, when the path fits; empty where it has none.
fn fit(pattern: &str, path: &str) -> Option<String> {
    let Some((before, after)) = pattern.split_once("{id}") else {
        return (pattern == path).then(String::new);
    };
    let segment = path.strip_prefix(before)?.strip_suffix(after)?;
    if segment.is_empty() || segment.contains('/') {
        return None;
    }
    Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}

impl From<NoRoute> for Refused {
    fn from(no: NoRoute) -> Self {
        match no {
            NoRoute::NotFound => Refused::new(Code::NotFound, "there is no such route")
                .hint("GET /api/openapi.json lists the routes"),
            NoRoute::MethodNotAllowed(methods) => {
                let list: Vec<_> = methods.iter().map(|m| m.as_str()).collect();
                Refused::new(
                    Code::MethodNotAllowed,
                    format!("this path answers to {}", list.join(", ")),
                )
                .hint("GET /api/openapi.json lists the routes and their methods")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_parsed() {
        let a: AgentId = "a.b".parse().unwrap();
        let check = |method: &str, path: &str, expected: Result<Route, NoRoute>| {
            assert_eq!(Route::parse(method, path), expected, "{method} {path}");
        };
        check("GET", "/api/agents/a.b", Ok(Route::GetAgent(a.clone())));
        check("GET", "/api/agents/a%2Eb", Ok(Route::GetAgent(a.clone())));
        check("GET", "/api/agents/find", Ok(Route::FindAgents));
        check("HEAD", "/api/stats", Ok(Route::Stats));
        check("POST", "/api/messages/7/claim", Ok(Route::ClaimMessage(MessageId(7))));
        check("GET", "/api/messages/cursor", Ok(Route::MessageCursor));
        check("GET", "/", Ok(Route::Dashboard));
        check("DELETE", "/api/agents/find", Err(NoRoute::MethodNotAllowed(vec![Method::Get])));
        check("GET", "/api/messages/7/claim", Err(NoRoute::MethodNotAllowed(vec![Method::Post])));
        check(
            "DELETE",
            "/api/messages",
            Err(NoRoute::MethodNotAllowed(vec![Method::Post, Method::Get])),
        );
        for path in [
            "/api//stats",
            "/api/stats/",
            "/api/stats;x=1",
            "/api/nope",
            "/api/messages/-1",
            "",
            "*",
        ] {
            check("GET", path, Err(NoRoute::NotFound));
        }
        for path in [
            "/api/agents/%00",
            "/api/agents/%ff%fe",
            "/api/agents/%zz",
            "/api/agents/",
            "/API/stats",
        ] {
            check("GET", path, Err(NoRoute::NotFound));
        }
    }

    #[test]
    fn every_route_prints_as_it_parses() {
        for entry in Route::ALL {
            let id = if entry.path.starts_with("/api/pairs") { "p7f3k2" } else { "7" };
            let path = entry.path.replace("{id}", id);
            let route = Route::parse(entry.method.as_str(), &path).unwrap();
            assert_eq!((route.to_string(), route.entry().name), (path, entry.name));
        }
    }

    #[test]
    fn nothing_but_the_open_routes_goes_without_a_scope() {
        let open: Vec<_> =
            Route::ALL.iter().filter(|e| e.scopes.is_empty()).map(|e| e.path).collect();
        assert_eq!(open, ["/api/openapi.json", "/health", "/ready", "/"]);
    }
}
