//! A server under test: a child process on a free port of loopback, gone when dropped.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::reply::Framing;

/// A server that takes longer than this to answer is not coming.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process to its first good answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts `command`, which is to listen on `address`, and waits until `probe` is answered well.
    pub fn start(
        command: &mut Command,
        address: SocketAddr,
        framing: Framing,
        probe: &[u8],
    ) -> io::Result<Self> {
        let started = Instant::now();
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|error| {
                io::Error::other(format!("{}: {error}", command.get_program().display()))
            })?;
        let mut server = Self { child, address, started_in: Duration::ZERO };
        while let Err(error) = answer(address, framing, probe) {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("the server ended at once with {status}")));
            }
            if started.elapsed() > PATIENCE {
                return Err(error);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// Resident memory in MiB, where the system tells it (Linux).
    pub fn resident(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn answer(address: SocketAddr, framing: Framing, probe: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(probe)?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while framing.whole(&bytes)?.is_none() {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
    Ok(())
}
