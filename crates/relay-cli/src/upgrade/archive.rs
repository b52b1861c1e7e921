//! Taking programs and the plugin of Claude Code out of an archive.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;

/// Where a file of the archive goes.
pub struct Wanted<'a> {
    /// The programs by name, and the file that each becomes.
    pub programs: &'a [(String, PathBuf)],
    /// The folder that gets the marketplace of Claude Code, where one is wanted.
    pub marketplace: Option<&'a Path>,
}

/// What a marketplace of Claude Code is made of.
const MARKETPLACE: [&str; 2] = [".claude-plugin", "providers/claude"];

/// Unpacks what is wanted, and nothing else. Names the first program that is not there.
pub fn unpack(archive: &[u8], wanted: &Wanted<'_>) -> io::Result<Option<String>> {
    let mut missing: Vec<_> = wanted.programs.iter().map(|(name, _)| name.clone()).collect();
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(path) = below_the_top(&entry.path()?) else { continue };
        let executable = entry.header().mode()? & 0o100 != 0;
        if let Some((name, to)) = wanted.programs.iter().find(|(name, _)| Path::new(name) == path) {
            write(&mut entry, to, true)?;
            missing.retain(|other| other != name);
        } else if let Some(folder) = wanted.marketplace
            && MARKETPLACE.iter().any(|part| path.starts_with(part))
        {
            let to = folder.join(&path);
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            write(&mut entry, &to, executable)?;
        }
    }
    Ok(missing.into_iter().next())
}

/// The path within the one folder that an archive holds; none for a path that leads elsewhere.
fn below_the_top(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    parts.next()?;
    let rest: PathBuf = parts.clone().collect();
    let plain = parts.all(|part| matches!(part, Component::Normal(_)));
    (plain && !rest.as_os_str().is_empty()).then_some(rest)
}

/// Writes a file that is on the disk when it is done.
fn write(from: &mut impl Read, to: &Path, executable: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if executable { 0o755 } else { 0o644 });
    }
    let _ = executable;
    let mut file: File = options.open(to)?;
    io::copy(from, &mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            // As a hostile archive would: `append_data` refuses to write `..`.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(text.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(files: &[(&str, &str)], folder: &Path) -> io::Result<Option<String>> {
        let programs = [("agent-relay".to_owned(), folder.join("new"))];
        let market = folder.join("market");
        unpack(&archive(files), &Wanted { programs: &programs, marketplace: Some(&market) })
    }

    #[test]
    fn only_what_is_wanted_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let missing = unpacked(
            &[
                ("agent-relay-x/README.md", "no"),
                ("agent-relay-x/agent-relay", "program"),
                ("agent-relay-x/man/agent-relay", "no"),
                ("agent-relay-x/providers/claude/bin/run", "script"),
                ("agent-relay-x/providers/codex/x", "no"),
            ],
            folder.path(),
        );
        assert_eq!(missing.unwrap(), None);
        assert_eq!(fs::read_to_string(folder.path().join("new")).unwrap(), "program");
        assert!(folder.path().join("market/providers/claude/bin/run").is_file());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(fs::read_dir(folder.path().join("market/providers")).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_leads_out_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let files = [
            ("x/.claude-plugin/../../../out", "no"),
            ("/x/agent-relay", "no"),
            ("../agent-relay/y", "no"),
        ];
        assert_eq!(unpacked(&files, &inner).unwrap().as_deref(), Some("agent-relay"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 0);
    }

    #[test]
    fn half_an_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let whole = archive(&[("x/agent-relay", &"program ".repeat(4_000))]);
        let programs = [("agent-relay".to_owned(), folder.path().join("new"))];
        let wanted = Wanted { programs: &programs, marketplace: None };
        assert!(unpack(&whole[..whole.len() / 2], &wanted).is_err());
        assert!(unpack(b"<html>not found</html>", &wanted).is_err());
    }
}
