//! The three servers of the comparison, and how each is started.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::reply::Framing;
use crate::request;
use crate::server::{Server, free_address};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contender {
    /// `agent-relay serve` on a database file, every message durable before its 201.
    Relay,
    /// A bare hyper server that parses the same message and stores nothing.
    Ceiling,
    /// Redis Streams with `appendfsync always`.
    Redis,
}

impl Contender {
    pub const ALL: [Self; 3] = [Self::Relay, Self::Ceiling, Self::Redis];
    /// Those that speak our HTTP, streams included.
    pub const HTTP: [Self; 2] = [Self::Relay, Self::Ceiling];

    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Ceiling => "ceiling",
            Self::Redis => "redis",
        }
    }

    pub fn framing(self) -> Framing {
        match self {
            Self::Relay | Self::Ceiling => Framing::Http,
            Self::Redis => Framing::Resp,
        }
    }
}

/// Where the programs are, and a folder for their data.
pub struct Yard {
    relay: PathBuf,
    redis: Option<PathBuf>,
    folder: tempfile::TempDir,
}

impl Yard {
    pub fn new(relay: PathBuf) -> io::Result<Self> {
        let redis = PathBuf::from("redis-server");
        let found = Command::new(&redis).arg("--version").stdout(Stdio::null()).status().is_ok();
        Ok(Self { relay, redis: found.then_some(redis), folder: tempfile::tempdir()? })
    }

    pub fn has(&self, contender: Contender) -> bool {
        contender != Contender::Redis || self.redis.is_some()
    }

    /// Starts a contender whose data lies in the subfolder `data`, empty or left by an earlier start.
    pub fn start(&self, contender: Contender, data: &str) -> io::Result<Server> {
        let folder = self.folder.path().join(contender.name()).join(data);
        std::fs::create_dir_all(&folder)?;
        let address = free_address()?;
        let port = address.port().to_string();
        let (mut command, probe) = match contender {
            Contender::Relay => (self.serve(&folder, &port), request::health()),
            Contender::Ceiling => (ceiling(&port)?, request::health()),
            Contender::Redis => (self.redis(&folder, &port), b"*1\r\n$4\r\nPING\r\n".to_vec()),
        };
        let talk = folder.join("stderr.txt");
        command.stderr(File::create(&talk)?);
        Server::start(&mut command, address, contender.framing(), &probe).map_err(|error| {
            let said = std::fs::read_to_string(&talk).unwrap_or_default();
            io::Error::other(format!("{}: {error}\n{said}", contender.name()))
        })
    }

    /// Starts a relay on a PostgreSQL database.
    pub fn start_on(&self, database: &str) -> io::Result<Server> {
        let address = free_address()?;
        let folder = self.folder.path().join(address.port().to_string());
        std::fs::create_dir_all(&folder)?;
        let mut command = self.serve(&folder, &address.port().to_string());
        command.env("AGENT_RELAY_DATABASE_URL", database).stderr(Stdio::null());
        Server::start(&mut command, address, Framing::Http, &request::health())
    }

    /// `agent-relay` with nothing of the user's around it: no settings, no home folder.
    pub fn agent_relay(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.relay);
        command.env_clear().env("RUST_BACKTRACE", "1").env("AGENT_RELAY_LOG", "warn");
        for home in
            ["HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "TMPDIR"]
        {
            command.env(home, data);
        }
        for name in ["PATH", "SYSTEMROOT"] {
            if let Some(value) = inherited(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// The folder of everybody's data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of a contender's data.
    pub fn data(&self, contender: Contender, data: &str) -> PathBuf {
        self.folder.path().join(contender.name()).join(data)
    }

    fn serve(&self, folder: &Path, port: &str) -> Command {
        let mut command = self.agent_relay(folder);
        command
            .arg("serve")
            .env("AGENT_RELAY_PORT", port)
            .env("AGENT_RELAY_HOST", "127.0.0.1")
            .env("AGENT_RELAY_DB_PATH", folder.join("relay.db"))
            // The bench's agents do not heartbeat; their going offline is not what is measured.
            .env("STALE_TTL_MS", "3600000");
        command
    }

    fn redis(&self, folder: &Path, port: &str) -> Command {
        let mut command = Command::new(self.redis.as_deref().expect("redis-server was found"));
        command.args(["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--loglevel", "warning", "--dir"]).arg(folder);
        command
    }
}

fn ceiling(port: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ceiling", "--port", port]);
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "the system's own variables, handed on to a child")]
fn inherited(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
