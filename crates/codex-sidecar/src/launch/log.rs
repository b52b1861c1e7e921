//! The log of a launch: a file, because the screen is the terminal's.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use relay_client::{config::environment, core::env};
use tracing_subscriber::EnvFilter;

use super::seat::private_file;
use crate::failure::Failure;

/// When the file is so long it is put aside, in the place of the one before.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Starts logging to that file, which is begun anew.
pub fn init(path: &Path) -> Result<(), Failure> {
    let filter = env::CLIENT_LOG.read(&environment, filter).map_err(Failure::usage)?;
    let log = Log::begin(path).map_err(|error| Failure::file("write", path, &error))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter.unwrap_or_else(usual));
    // A program that has set a subscriber before keeps it.
    let _ = lines.with_ansi(false).with_writer(Mutex::new(log)).try_init();
    // What breaks must not be told on the terminal's screen either.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "broken")));
    Ok(())
}

fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text).map_err(|error| format!("is no filter of tracing: {error}"))
}

fn usual() -> EnvFilter {
    EnvFilter::new("info")
}

/// A file that does not grow without end.
struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    most: u64,
}

impl Log {
    fn begin(path: &Path) -> io::Result<Self> {
        let file = private_file(path)?;
        file.set_len(0)?;
        Ok(Self { path: path.to_owned(), file, length: 0, most: MOST_BYTES })
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length >= self.most {
            fs::rename(&self.path, self.path.with_file_name("log.old"))?;
            *self = Self { most: self.most, ..Self::begin(&self.path)? };
        }
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_begun_anew_bounded_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "of the launch before").unwrap();
        let mut log = Log { most: 20, ..Log::begin(&path).unwrap() };
        for number in 0..10 {
            writeln!(log, "line {number} of ten").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("line 9 of ten\n") && text.len() < 40, "{text}");
        let old = fs::read_to_string(folder.path().join("log.old")).unwrap();
        assert!(!old.contains("before") && old.len() < 40, "{old}");
        #[cfg(unix)]
        {
            let fresh = folder.path().join("fresh");
            Log::begin(&fresh).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(&fresh).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
