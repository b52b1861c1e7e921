//! Where a user's files lie, and how private ones are written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use directories::ProjectDirs;
use relay_core::text::{Word, is_deceptive};

use crate::config::ConfigError;

fn project() -> Result<ProjectDirs, ConfigError> {
    ProjectDirs::from("", "", "agent-relay").ok_or(ConfigError::NoHome)
}

/// The folder for data: the database and the operator's token.
pub fn data_dir() -> Result<PathBuf, ConfigError> {
    Ok(project()?.data_dir().to_owned())
}

/// The folder for what only this machine remembers: which sessions run, and agents' tokens.
pub fn state_dir() -> Result<PathBuf, ConfigError> {
    let project = project()?;
    Ok(project.state_dir().unwrap_or(project.data_local_dir()).to_owned())
}

/// The folder for settings: the profiles.
pub fn config_dir() -> Result<PathBuf, ConfigError> {
    Ok(project()?.config_dir().to_owned())
}

/// The name of this machine, as agents on it are found by `machine:NAME`.
pub fn machine() -> Word {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    named(&name)
}

/// A host's name without what no word may have; `unknown` where nothing is left.
fn named(host: &str) -> Word {
    let fits = |c: &char| !c.is_whitespace() && !is_deceptive(*c) && !matches!(c, ':' | ',');
    let name: String = host.chars().filter(fits).take(64).collect();
    name.parse().unwrap_or_else(|_| "unknown".parse().expect("a word"))
}

/// The file in which the relay on this machine's `port` keeps the operator's token. `agent-relay
/// serve` writes it with [`write_private`]; the local command line reads it with
/// [`operator_token`].
pub fn operator_token_file(port: u16) -> Result<PathBuf, ConfigError> {
    Ok(data_dir()?.join(format!("operator-{port}.token")))
}

/// The operator's token for the relay on this machine's `port`; `None` where no relay of this user
/// has written one.
pub fn operator_token(port: u16) -> Result<Option<String>, ConfigError> {
    read_token(&operator_token_file(port)?)
}

fn read_token(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Writes a file that only its user may read: 0600 from the first byte, in a folder of 0700, whole
/// or not at all.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    create_private_dir(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = create_private(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Makes a folder that only its user may enter. One that is there already is left as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A draft that a crashed process of the same number left behind must not keep its permissions.
fn create_private(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_written_whole_and_for_its_user_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/operator-1.token");
        assert_eq!(read_token(&path).unwrap(), None);
        write_private(&path, "first, and longer\n").unwrap();
        write_private(&path, "second\n").unwrap();
        assert_eq!(read_token(&path).unwrap().as_deref(), Some("second"));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
    }

    #[test]
    fn every_machine_has_a_name() {
        assert_eq!(named("build-01.local").as_str(), "build-01.local");
        assert_eq!(named("My Mac: old\u{200b}").as_str(), "MyMacold");
        assert_eq!(named(" ").as_str(), "unknown");
        assert_eq!(named(&"x".repeat(300)).len(), 64);
    }

    #[test]
    fn the_operators_token_has_one_file_per_port() {
        let path = operator_token_file(4850).unwrap();
        assert_eq!(path.file_name().unwrap(), "operator-4850.token");
        assert!(path.starts_with(data_dir().unwrap()));
    }
}
