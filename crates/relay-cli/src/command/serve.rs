//! `agent-relay serve`: the relay itself.

use std::{net::SocketAddr, process::exit, sync::Arc, time::Duration};

use relay_core::{env, version::VERSION};
use relay_server::{App, Config};
use relay_store::{Place, Store};
use secrecy::SecretString;
use tokio::runtime::Builder;

use crate::{
    args::Common,
    daemon::notify,
    failure::Failure,
    listen::{listen, local},
    mcp::http::Mount,
    memory, operator,
    output::Output,
    settings::Settings,
    signal,
};

/// The server promises to be gone within five seconds, whatever a disk or a peer does; where it was told
/// to serve on for a while, within five seconds after that.
const DEADLINE: Duration = Duration::from_millis(4_900);
/// The exit code of a process that was interrupted, as shells count it.
const INTERRUPTED: i32 = 130;

/// Run the relay
///
/// Settings come from the environment; a flag wins over its variable.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The port to listen on; 0 takes a free one [env: PORT]
    #[arg(long)]
    port: Option<String>,
    /// The address to bind to [env: HOST]
    #[arg(long)]
    host: Option<String>,
    /// The database file [env: DB_PATH]
    #[arg(long, visible_alias = "db", value_name = "FILE")]
    db_path: Option<String>,
    /// A PostgreSQL database in place of the file; a password belongs into the variable
    /// [env: AGENT_RELAY_DATABASE_URL]
    #[arg(long, value_name = "URL", conflicts_with = "db_path")]
    database_url: Option<String>,
    /// What to log: info, relay_server=debug, json,info [env: AGENT_RELAY_LOG]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// mark shows unproven senders as such, strict refuses them [env: AGENT_RELAY_IDENTITY]
    #[arg(long, value_name = "MODE")]
    identity: Option<String>,
    /// The address under which browsers reach the relay [env: AGENT_RELAY_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Names under which the relay is reached besides its own [env: AGENT_RELAY_ALLOWED_HOSTS]
    #[arg(long, value_name = "NAMES")]
    allowed_hosts: Option<String>,
    /// Origins whose pages may call the API [env: AGENT_RELAY_CORS_ORIGINS]
    #[arg(long, value_name = "ORIGINS")]
    cors_origins: Option<String>,
    /// Listen beyond loopback without a token [env: AGENT_RELAY_ALLOW_UNAUTH]
    #[arg(long)]
    allow_unauth: bool,
    /// An agent not heard of for so long is offline, in milliseconds [env: STALE_TTL_MS]
    #[arg(long, value_name = "MS")]
    stale_ttl_ms: Option<String>,
    /// An agent offline for so long is removed, in milliseconds [env: OFFLINE_PRUNE_MS]
    #[arg(long, value_name = "MS")]
    offline_prune_ms: Option<String>,
    /// How often to look for stale agents, in milliseconds [env: REAP_INTERVAL_MS]
    #[arg(long, value_name = "MS")]
    reap_interval_ms: Option<String>,
    /// How many days messages and events are kept [env: RETENTION_DAYS]
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<String>,
    /// A file with the integrations, as a JSON list [env: AGENT_RELAY_INTEGRATIONS_FILE]
    #[arg(long, value_name = "FILE")]
    integrations_file: Option<String>,
    /// How long to serve on once asked to stop, for balancers, in milliseconds [env:
    /// AGENT_RELAY_SHUTDOWN_DELAY_MS]
    #[arg(long, value_name = "MS")]
    shutdown_delay_ms: Option<String>,
    /// The most streams open at once [env: AGENT_RELAY_MAX_STREAMS]
    #[arg(long, value_name = "N")]
    max_streams: Option<String>,
    /// The most streams open at once for one agent [env: AGENT_RELAY_MAX_STREAMS_PER_AGENT]
    #[arg(long, value_name = "N")]
    max_streams_per_agent: Option<String>,
}

impl Serve {
    /// Serves until a signal asks it to stop.
    pub fn run(&self, common: &Common) -> Result<(), Failure> {
        memory::keep();
        let settings = self.settings(common)?;
        let config =
            Config::from_env(&|name| settings.get(name)).map_err(|bad| settings.explain(bad))?;
        config.check().map_err(|bad| settings.explain(bad))?;
        // Ten thousand streams are ten thousand open files; most systems begin with a tenth of it.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        relay_server::logging::init(&config.log);
        Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::refused(format_args!("cannot start: {error}")))?
            .block_on(serve(config, &settings))
    }

    /// Puts the flags in the place of their variables.
    fn settings(&self, common: &Common) -> Result<Settings, Failure> {
        let settings = Settings::of_environment()?
            .flag("--port", &env::PORT, self.port.as_ref())
            .flag("--host", &env::HOST, self.host.as_ref())
            .flag("--db-path", &env::DB_PATH, self.db_path.as_ref())
            .flag("--database-url", &env::DATABASE_URL, self.database_url.as_ref())
            .flag("--log", &env::LOG, self.log.as_ref())
            .flag("--identity", &env::IDENTITY, self.identity.as_ref())
            .flag("--public-url", &env::PUBLIC_URL, self.public_url.as_ref())
            .flag("--allowed-hosts", &env::ALLOWED_HOSTS, self.allowed_hosts.as_ref())
            .flag("--cors-origins", &env::CORS_ORIGINS, self.cors_origins.as_ref())
            .flag("--allow-unauth", &env::ALLOW_UNAUTH, self.allow_unauth.then_some("1"))
            .flag("--stale-ttl-ms", &env::STALE_TTL, self.stale_ttl_ms.as_ref())
            .flag("--offline-prune-ms", &env::OFFLINE_PRUNE, self.offline_prune_ms.as_ref())
            .flag("--reap-interval-ms", &env::REAP_INTERVAL, self.reap_interval_ms.as_ref())
            .flag("--retention-days", &env::RETENTION_DAYS, self.retention_days.as_ref())
            .flag("--integrations-file", &env::INTEGRATIONS_FILE, self.integrations_file.as_ref())
            .flag("--shutdown-delay-ms", &env::SHUTDOWN_DELAY, self.shutdown_delay_ms.as_ref())
            .flag("--max-streams", &env::MAX_STREAMS, self.max_streams.as_ref())
            .flag(
                "--max-streams-per-agent",
                &env::MAX_STREAMS_PER_AGENT,
                self.max_streams_per_agent.as_ref(),
            );
        settings.file("--token-file", &env::TOKEN, common.token_file.as_deref())
    }
}

/// The port is taken first: that another relay runs already is told better by it than by its database.
async fn serve(mut config: Config, settings: &Settings) -> Result<(), Failure> {
    let mut signals = signal::listen()?;
    let listeners = listen(&config, settings).await?;
    let address = local(&listeners)?;
    config.operator = operator(address.port());
    let place = settings.place()?;
    let store = Store::open(relay_store::Config {
        integrations: config.integrations.known(),
        ..relay_store::Config::at(place.clone())
    })
    .await?;
    let app = App::new(config, store).await?;
    let mcp = Arc::new(Mount::new(reached(address)));
    app.mount_mcp(mcp.clone());
    greet(address, &place, app.dashboard.is_built());
    notify::ready();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let relay = relay_server::serve(listeners, app.clone(), async {
        // An error means that nobody is left who could ask.
        let _ = stopped.await;
    });
    tokio::select! {
        () = relay => {}
        () = notify::alive() => {}
        () = watch(&mut signals, &app, &mcp, stop) => {}
    }
    Ok(())
}

/// Without a home folder, as in some containers, there is no place for it; the relay serves all the same.
fn operator(port: u16) -> Option<SecretString> {
    let token = operator::token(port);
    if let Err(failure) = &token {
        let output = Output::new(false);
        output.warn(&format!(
            "no token for the operator, so nothing proves to be `human`: {failure}"
        ));
    }
    token.ok()
}

/// The first signal asks the relay to stop, and gives it its time. The second does not wait: what
/// was acknowledged is on disk already.
async fn watch(
    signals: &mut signal::Signals,
    app: &App,
    mcp: &Mount,
    stop: tokio::sync::oneshot::Sender<()>,
) {
    signals.next().await;
    notify::stopping();
    Output::new(false).note("stopping; once more stops at once");
    let end = async {
        app.leave().await;
        // Agents that live by an MCP session go offline while there is a relay to tell.
        mcp.close().await;
        let _ = stop.send(());
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = end => {}
        () = signals.next() => exit(INTERRUPTED),
        () = tokio::time::sleep(app.config.shutdown_delay + DEADLINE) => {
            Output::new(false).warn("did not come to an end in time");
            exit(1)
        }
    }
}

/// The address under which this machine reaches itself.
fn reached(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::from(([127, 0, 0, 1], address.port()));
    }
    address
}

/// Says where it listens, as data for whoever started it, and to a person what to type next.
fn greet(address: SocketAddr, place: &Place, built: bool) {
    let output = Output::new(false);
    let own = reached(address);
    // A relay serves on when nobody reads what it says.
    let _ = output.line(&format!("listening on http://{own}"));
    let elsewhere = if own.to_string() == "127.0.0.1:4850" {
        String::new()
    } else {
        format!("export AGENT_RELAY_URL=http://{own}\n            ")
    };
    let dashboard =
        if built { "`agent-relay open` signs you in" } else { "not built; it says how" };
    output.note(&format!(
        "version     {VERSION}\n\
         database    {place}\n\
         dashboard   http://{own}/   ({dashboard})\n\
         next        {elsewhere}agent-relay join alice\n            \
         agent-relay send alice \"hello\"     in another terminal"
    ));
}
