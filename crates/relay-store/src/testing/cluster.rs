//! A PostgreSQL in a throw-away folder, from the programs that are installed here.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use crate::place::Address;

/// The account under which PostgreSQL's own package runs it; it does not run for root.
const ACCOUNT: &str = "postgres";

/// A server of our own. It and its folder are gone when the process is, however that ends.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    /// Waits for our end, which closes its input, and cleans up.
    _keeper: Child,
}

impl Cluster {
    /// The one of this process, made at the first call; `None` where PostgreSQL is not installed.
    pub fn of_process() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(Self::start).as_ref()
    }

    /// Starts a new one; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    ///
    /// Where it is installed and cannot be started.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let made = run(Command::new("mktemp").args(["--directory", "/tmp/relay-postgres-XXXXXX"]));
        let folder = PathBuf::from(made.trim());
        if is_root() {
            run(Command::new("chown").arg(ACCOUNT).arg(&folder));
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .args([&programs.join("pg_ctl"), &folder.join("data"), &folder])
            .arg(if is_root() { ACCOUNT } else { "" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let cluster = Self { programs, folder, port, _keeper: keeper };
        let data = cluster.folder.join("data");
        run(cluster.command("initdb").arg("-D").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        cluster.start_again();
        Some(cluster)
    }

    /// Its address.
    ///
    /// # Panics
    ///
    /// Never: the address is our own.
    pub fn address(&self) -> Address {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        url.parse().expect("an address")
    }

    /// Lets it go as in a crash.
    pub fn crash(&self) {
        let data = self.folder.join("data");
        run(self.command("pg_ctl").arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]));
    }

    /// Starts it after a crash.
    pub fn start_again(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off \
             -c max_connections=500",
            self.port,
            self.folder.display()
        );
        let data = self.folder.join("data");
        run(self
            .command("pg_ctl")
            .arg("-D")
            .arg(data)
            .args(["-w", "-l"])
            .arg(self.folder.join("log"))
            .args(["-o", &options, "start"]));
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"]).arg(program);
        command
    }
}

/// Reads until its input ends, which it does with the process that holds the other side.
const KEEPER: &str = "trap '' INT TERM HUP; cat >/dev/null; \
     if [ -n \"$4\" ]; then set -- \"$@\" setpriv --reuid \"$4\" --regid \"$4\" --clear-groups; else set -- \"$@\" env; fi; \
     ctl=$1 data=$2 folder=$3; shift 4; \"$@\" \"$ctl\" -D \"$data\" -m immediate -w stop; rm -rf \"$folder\"";

/// Where the newest installed server's programs are.
fn programs() -> Option<PathBuf> {
    let all = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let number = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = all.map(|entry| entry.path()).max_by_key(|folder| number(folder))?.join("bin");
    newest.join("initdb").is_file().then_some(newest)
}

fn is_root() -> bool {
    let id = run(Command::new("id").arg("-u"));
    id.trim() == "0"
}

/// Runs a program to its end, and returns what it printed.
fn run(command: &mut Command) -> String {
    // Not a pipe: a server that a program starts would keep it open.
    let out = tempfile::tempfile().expect("a temporary file");
    let copy = out.try_clone().expect("a second handle");
    let status = command
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(copy.try_clone().expect("a third handle"))
        .status();
    let mut printed = String::new();
    let mut file = copy;
    std::io::Seek::rewind(&mut file).expect("a file of ours");
    std::io::Read::read_to_string(&mut file, &mut printed).expect("text");
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {printed}");
    printed
}
