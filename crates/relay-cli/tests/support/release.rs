//! Releases of our own making, and a server on loopback that has them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tempfile::TempDir;

/// The machine, as the release of a program that is built here names it.
pub fn target() -> String {
    relay_cli::upgrade::release::targets().remove(0)
}

/// The folder of a release that is being made: what it gets becomes its archive.
pub struct Draft {
    folder: TempDir,
    version: String,
    programs: Vec<String>,
}

impl Draft {
    pub fn new(version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(top())).unwrap();
        Self { folder, version: version.to_owned(), programs: Vec::new() }
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, name: &str, bytes: &[u8]) -> Self {
        self.programs.push(name.to_owned());
        self.file(name, bytes)
    }

    /// Adds a file that may be run.
    #[must_use]
    pub fn file(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.folder.path().join(top()).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        executable(&path, bytes);
        self
    }

    /// Packs it: archive, digest and index.
    pub fn publish(self, to: &Path) -> PathBuf {
        fs::create_dir_all(to).unwrap();
        let archive = to.join(format!("{}.tar.gz", top()));
        let script = format!(
            "tar -cf - {} | gzip -1 >'{archive}' && \
             (sha256sum '{archive}' 2>/dev/null || shasum -a 256 '{archive}') >'{archive}.sha256'",
            top(),
            archive = archive.display(),
        );
        let mut shell = Command::new("/bin/sh");
        let packed = shell.args(["-c", &script]).current_dir(self.folder.path()).status();
        assert!(packed.unwrap().success());
        let digest = fs::read_to_string(format!("{}.sha256", archive.display())).unwrap();
        let index = json!({
            "version": self.version,
            "archives": [{
                "target": target(),
                "file": archive.file_name().unwrap().to_str().unwrap(),
                "bytes": fs::metadata(&archive).unwrap().len(),
                "sha256": digest.split(' ').next().unwrap(),
                "programs": self.programs,
            }],
        });
        fs::write(to.join("release.json"), index.to_string()).unwrap();
        archive
    }
}

fn top() -> String {
    format!("agent-relay-{}", target())
}

/// Writes a file that may be run. Another process does it: one that this test starts meanwhile in
/// another thread would hold a file that is open here for a moment, and nobody can run it then.
pub fn executable(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let draft = tempfile::NamedTempFile::new().unwrap();
    fs::write(draft.path(), bytes).unwrap();
    fs::set_permissions(draft.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let _ = fs::remove_file(path);
    assert!(Command::new("cp").arg("-p").args([draft.path(), path]).status().unwrap().success());
}

/// Our program, without what only debuggers read.
pub fn program() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("agent-relay");
    fs::copy(env!("CARGO_BIN_EXE_agent-relay"), &copy).unwrap();
    // Where there is no such tool, it is only larger.
    let _ = Command::new("strip").arg(&copy).status();
    fs::read(copy).unwrap()
}

/// The same program as if it had been built of another version, one of as many characters: wherever
/// it names its version, the other stands.
pub fn rebuilt(program: &[u8], version: &str) -> Vec<u8> {
    let old = env!("CARGO_PKG_VERSION").as_bytes();
    assert_eq!(old.len(), version.len(), "nothing may move");
    let mut program = program.to_owned();
    let mut place = 0;
    while let Some(found) = find(&program[place..], old) {
        program[place + found..][..old.len()].copy_from_slice(version.as_bytes());
        place += found + old.len();
    }
    program
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(first) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        if bytes[from + first..].starts_with(wanted) {
            return Some(from + first);
        }
        from += first + 1;
    }
    None
}

/// A server of files on loopback.
pub struct Server {
    pub url: String,
    cut: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (cut, asked) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::default());
        let server = Self { url, cut: Arc::clone(&cut), asked: Arc::clone(&asked) };
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                asked.fetch_add(1, Ordering::SeqCst);
                let _ = answer(&stream, &folder, cut.load(Ordering::SeqCst));
            }
        });
        server
    }

    /// From now on, no more than so many bytes of an archive are sent.
    pub fn cut_at(&self, bytes: usize) {
        self.cut.store(bytes, Ordering::SeqCst);
    }

    /// How often something was asked for.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: &TcpStream, folder: &Path, cut: usize) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let path = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let Ok(bytes) = fs::read(folder.join(&path)) else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
    };
    let sent = if path.ends_with(".tar.gz") { cut.min(bytes.len()) } else { bytes.len() };
    let length = bytes.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(&bytes[..sent])
}
