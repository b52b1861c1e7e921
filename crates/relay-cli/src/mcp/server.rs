//! The library's view of us: what it asks for, answered with our tools.

use std::{borrow::Cow, sync::Arc};

use relay_core::version::VERSION;
use relay_server::http::mcp::Asker;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Extensions,
        Implementation, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ServerCapabilities, ServerConfig, ToolAnnotations,
    },
    service::{NotificationContext, RequestContext},
};
use tokio_util::sync::CancellationToken;

use super::{
    Client,
    call::{self, Call, Desk},
    fault::Fault,
    tool::{INSTRUCTIONS, Tool},
    who::{Sender, Who},
};

/// The header that names a session over HTTP.
const SESSION_HEADER: &str = "mcp-session-id";

/// What every request of one connection has at hand. Clones are the same.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    who: Arc<Who>,
    desk: Desk,
    /// Cancelled when the client has gone.
    gone: CancellationToken,
    versions: &'static [ProtocolVersion],
}

impl Server {
    /// One connection's: it speaks these versions of the protocol.
    pub fn new(
        who: Arc<Who>,
        gone: CancellationToken,
        versions: &'static [ProtocolVersion],
    ) -> Self {
        Self(Arc::new(Inner { who, desk: Desk::default(), gone, versions }))
    }

    async fn call(
        &self,
        tool: Tool,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, Fault> {
        let sender = sender(context);
        let voice = self.0.who.speaks(&sender).await?;
        let mut ends = vec![context.ct.clone(), self.0.gone.clone()];
        ends.extend(context.extensions.get::<http::request::Parts>().and_then(left));
        let call = Call { voice: &voice, desk: &self.0.desk, ends: &ends };
        call::run(tool, request.arguments.unwrap_or_default(), &call).await
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("agent-relay", VERSION).with_title("Agent Relay");
        info.with_instructions(INSTRUCTIONS)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.0.versions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        Tool::named(name).map(described)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = Tool::named(&request.name) else {
            let names = Tool::ALL.map(Tool::name).join(", ");
            return Err(ErrorData::invalid_params(
                format!("no such tool; there are {names}"),
                None,
            ));
        };
        let result = match self.call(tool, request, &context).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(fault) => CallToolResult::error(vec![ContentBlock::text(fault.text())]),
        };
        Ok(result.into())
    }

    /// Whoever connects is there for others from now on, not from its first call on. Codex says only
    /// with a call for which thread it speaks.
    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let client = context.peer.peer_info().map(|info| client(&info.client_info));
        let sender = Sender {
            client: client.unwrap_or_default(),
            thread: None,
            asker: asker(&context.extensions),
            in_session: true,
        };
        if sender.client.is_codex() && sender.asker.is_none() {
            return;
        }
        let who = Arc::clone(&self.0.who);
        tokio::spawn(async move {
            if let Err(fault) = who.speaks(&sender).await {
                tracing::info!(error = fault.text(), "not registered yet");
            }
        });
    }
}

/// The tools as the library lists them.
pub fn tools() -> Vec<rmcp::model::Tool> {
    Tool::ALL.map(described).into()
}

/// Nothing here destroys, and nothing leaves the relay: clients need not ask their user.
fn described(tool: Tool) -> rmcp::model::Tool {
    let hints = ToolAnnotations::new();
    let hints = if tool.only_reads() {
        hints.read_only(true)
    } else {
        hints.read_only(false).destructive(false).open_world(false)
    };
    rmcp::model::Tool::new(tool.name(), tool.description(), Arc::new(tool.schema()))
        .with_annotations(hints)
}

fn sender(context: &RequestContext<RoleServer>) -> Sender {
    let parts = context.extensions.get::<http::request::Parts>();
    Sender {
        client: context.client_info().as_ref().map(client).unwrap_or_default(),
        thread: context.meta.get("threadId").and_then(|id| id.as_str()).map(str::to_owned),
        asker: asker(&context.extensions),
        in_session: parts.is_none_or(|parts| parts.headers.contains_key(SESSION_HEADER)),
    }
}

fn client(info: &Implementation) -> Client {
    Client { name: Some(info.name.clone()), title: info.title.clone() }
}

/// Who asks, as the relay wrote it down.
fn asker(extensions: &Extensions) -> Option<Asker> {
    extensions.get::<http::request::Parts>()?.extensions.get::<Asker>().cloned()
}

/// What is cancelled when nobody reads the answer to this request any more.
fn left(parts: &http::request::Parts) -> Option<CancellationToken> {
    parts.extensions.get::<CancellationToken>().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every session pays for what is listed. Three characters to a token errs on the high side: the
    /// tokenizer `o200k_base` makes 790 of what this calls 1,115.
    #[test]
    fn the_tools_cost_at_most_fifteen_hundred_tokens() {
        let tools = tools();
        let cost = |text: &str| text.len().div_ceil(3);
        for tool in &tools {
            println!("{:>5}  {}", cost(&serde_json::to_string(tool).unwrap()), tool.name);
        }
        let all = cost(&serde_json::to_string(&tools).unwrap());
        let said = cost(INSTRUCTIONS);
        println!("{} tools: at most {all} tokens; instructions: at most {said}", tools.len());
        assert!(tools.len() <= 8 && all <= 1_500, "{all}");
        assert!(said <= 150, "{said}");
    }

    #[test]
    fn clients_run_the_tools_without_asking() {
        for tool in tools() {
            let hints = serde_json::to_value(tool.annotations).unwrap();
            let reads = hints["readOnlyHint"] == true;
            let harmless = hints["destructiveHint"] == false && hints["openWorldHint"] == false;
            assert!(reads || harmless, "{}: {hints}", tool.name);
        }
    }
}
