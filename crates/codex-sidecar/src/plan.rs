//! A plan: what will be changed, step by step. `--dry-run` prints the very plan that is carried out.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use relay_client::place::create_private_dir;

use crate::{
    failure::{Failure, data, note},
    install::{
        codex::Codex,
        manifest::{Manifest, digest, digest_of},
    },
};

/// What will be changed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes down what is changed.
    Remember {
        /// The file.
        path: PathBuf,
        /// What stands there then.
        manifest: Box<Manifest>,
    },
    /// Writes files into a folder of ours.
    Unpack {
        /// The folder.
        folder: PathBuf,
        /// The path below it and the text of each.
        files: &'static [(&'static str, &'static str)],
    },
    /// Runs one of Codex's commands.
    Codex {
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Changes a file of the user's.
    Edit {
        /// The file.
        path: PathBuf,
        /// What stands there now; none where there is no such file.
        from: Option<String>,
        /// What will stand there; none where there will be no such file.
        to: Option<String>,
        /// The change in words.
        what: &'static str,
    },
    /// Makes a file of Codex's as it was, where all that differs is what Codex wrote.
    Mend {
        /// The file.
        path: PathBuf,
        /// The digest of what stood there; none where there was no such file.
        before: Option<String>,
    },
    /// Removes files of ours.
    Remove {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Removes those of these folders that hold nothing.
    Clear {
        /// The folders, outermost first.
        folders: Vec<PathBuf>,
    },
    /// Removes a folder of ours with all that is in it.
    Purge {
        /// The folder.
        folder: PathBuf,
    },
    /// Changes nothing, and says why.
    Leave {
        /// What is left as it is.
        what: String,
        /// Why.
        why: &'static str,
    },
}

impl Plan {
    /// True when nothing will be changed.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Leave { .. }))
    }

    /// Adds a step.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Prints the steps as data; where there are none, says so.
    pub fn show(&self, none: &str) -> Result<(), Failure> {
        if self.steps.is_empty() {
            note(none);
        }
        data(&self.to_string())
    }

    /// Carries the steps out, each said to the person when it is done.
    pub fn carry_out(&self, codex: Option<&Codex>) -> Result<(), Failure> {
        for step in &self.steps {
            step.carry_out(codex)?;
            note(&step.to_string());
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remember { path, .. } => {
                write!(f, "write   {}: what is changed, for `uninstall`", path.display())
            }
            Self::Unpack { folder, files } => {
                write!(f, "write   {}: the plugin, {} files", folder.display(), files.len())
            }
            Self::Codex { arguments } => write!(f, "run     {}", Codex::line(arguments)),
            Self::Edit { path, what, .. } => write!(f, "change  {}: {what}", path.display()),
            Self::Mend { path, .. } => {
                write!(
                    f,
                    "mend    {}: the end that Codex rewrote, if nothing else is new",
                    path.display()
                )
            }
            Self::Remove { paths } => match paths.as_slice() {
                [path] => write!(f, "remove  {}", path.display()),
                _ => write!(f, "remove  {}: {} files", common(paths).display(), paths.len()),
            },
            Self::Clear { folders } => {
                let inner = |folder: &&PathBuf| {
                    folders.iter().any(|outer| outer != *folder && folder.starts_with(outer))
                };
                let outermost = folders.iter().filter(|folder| !inner(folder));
                let names: Vec<_> = outermost.map(|folder| folder.display().to_string()).collect();
                write!(f, "remove  the folders of {} that are empty", names.join(", "))
            }
            Self::Purge { folder } => write!(f, "remove  {}, and all in it", folder.display()),
            Self::Leave { what, why } => write!(f, "leave   {what}: {why}"),
        }
    }
}

impl Step {
    fn carry_out(&self, codex: Option<&Codex>) -> Result<(), Failure> {
        match self {
            Self::Remember { path, manifest } => manifest.write(path),
            Self::Unpack { folder, files } => unpack(folder, files),
            Self::Codex { arguments } => match codex {
                Some(codex) => codex.run(arguments).map(drop),
                None => Err(Failure::refused("codex is not found")),
            },
            Self::Edit { path, from, to, .. } => edit(path, from.as_deref(), to.as_deref()),
            Self::Mend { path, before } => mend(path, before.as_deref()),
            Self::Remove { paths } => paths.iter().try_for_each(|path| remove(path)),
            Self::Clear { folders } => {
                // One that holds something, or is gone, is as it should be.
                folders.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
                Ok(())
            }
            Self::Purge { folder } => match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Failure::file("remove", folder, &error))
                }
                _ => Ok(()),
            },
            Self::Leave { .. } => Ok(()),
        }
    }
}

/// The folder that all of these lie in.
fn common(paths: &[PathBuf]) -> &Path {
    let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
    let holds_all = |folder: &&Path| paths.iter().all(|path| path.starts_with(folder));
    first.ancestors().skip(1).find(holds_all).unwrap_or(first)
}

fn unpack(folder: &Path, files: &[(&str, &str)]) -> Result<(), Failure> {
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        create_private_dir(parent).map_err(|error| Failure::file("make", parent, &error))?;
        fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}

/// Writes beside the file and puts it in place, so that a shell never reads half of one. Where it
/// is a link, what it leads to is changed; permissions stay.
fn edit(path: &Path, from: Option<&str>, to: Option<&str>) -> Result<(), Failure> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let now = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::file("read", &path, &error)),
    };
    if now.as_deref() != from {
        let name = path.display();
        return Err(Failure::refused(format_args!("{name} has just changed; try again")));
    }
    let Some(to) = to else { return remove(&path) };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    }
    let mut draft = path.clone().into_os_string();
    draft.push(".agent-relay");
    let draft = PathBuf::from(draft);
    let written = fs::write(&draft, to)
        .and_then(|()| match fs::metadata(&path) {
            Ok(metadata) => fs::set_permissions(&draft, metadata.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&draft, &path));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        Failure::file("write", &path, &error)
    })
}

/// Codex ends a last line that had no end, and leaves an empty file where there was none.
fn mend(path: &Path, before: Option<&str>) -> Result<(), Failure> {
    let Ok(bytes) = fs::read(path) else { return Ok(()) };
    match (before, bytes.strip_suffix(b"\n")) {
        (None, _) if bytes.is_empty() => remove(path),
        (Some(before), Some(unended)) if digest(unended) == before => {
            fs::write(path, unended).map_err(|error| Failure::file("write", path, &error))
        }
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::file("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// True when the files stand there as they are carried.
pub fn is_unpacked(folder: &Path, files: &[(&str, &str)]) -> bool {
    files.iter().all(|(name, text)| digest_of(&folder.join(name)) == Some(digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_since_the_plan_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".bashrc");
        fs::write(&path, "new").unwrap();
        let refused = edit(&path, Some("old"), Some("ours")).unwrap_err();
        assert!(refused.to_string().contains("has just changed"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_file_stays_a_link_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join(".zshrc"));
        fs::write(&real, "a").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        edit(&link, Some("a"), Some("b")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "b");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn codexs_file_is_mended_only_where_nothing_else_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mended = |text: &str, before: Option<&str>| {
            fs::write(&path, text).unwrap();
            mend(&path, before.map(|text| digest(text.as_bytes())).as_deref()).unwrap();
            fs::read_to_string(&path).ok()
        };
        assert_eq!(mended("a = 1\n", Some("a = 1")).as_deref(), Some("a = 1"));
        assert_eq!(mended("a = 1\n", Some("a = 1\n")).as_deref(), Some("a = 1\n"));
        assert_eq!(mended("a = 2\n", Some("a = 1")).as_deref(), Some("a = 2\n"));
        assert_eq!(mended("", None), None);
        assert_eq!(mended("b = 1\n", None).as_deref(), Some("b = 1\n"));
        assert_eq!(mended("", Some("")).as_deref(), Some(""));
    }
}
