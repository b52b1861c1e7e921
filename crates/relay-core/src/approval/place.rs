//! Where a call would run, and whether a path lies in the project.

/// The folders a call is judged against. All paths are absolute and `/`-separated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The project's folder: what is written inside it is the agent's own business.
    pub project: String,
    /// Where the command starts.
    pub cwd: String,
    /// What `~` and `$HOME` mean, where it is known.
    pub home: Option<String>,
    /// Other folders the agent may write in, such as one for temporary files.
    pub also: Vec<String>,
}

impl Place {
    /// A place whose commands start in the project's folder.
    pub fn new(project: impl Into<String>) -> Self {
        let project = project.into();
        Self { cwd: project.clone(), project, home: None, also: Vec::new() }
    }

    /// The absolute path that a text means, seen from `cwd`; `None` where that cannot be known
    /// (`~` without a home, a relative path without a folder).
    pub(crate) fn resolve(&self, path: &str, cwd: Option<&str>) -> Option<String> {
        let full = match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", self.home.as_deref()?)
            }
            _ if path.starts_with('/') => path.to_owned(),
            _ => format!("{}/{path}", cwd?),
        };
        Some(normal(&full))
    }

    /// True where an absolute path lies in the project or in another folder the agent may write in.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let within = |folder: &str| {
            let folder = normal(folder);
            folder != "/" && (path == folder || path.starts_with(&format!("{folder}/")))
        };
        within(&self.project) || self.also.iter().any(|folder| within(folder))
    }

    /// True for files that decide what runs later or what is asked: git's own folder, and the
    /// settings of the agents' programs.
    pub(crate) fn is_control(path: &str) -> bool {
        const FILES: &[&str] = &[
            "/.claude/settings.json",
            "/.claude/settings.local.json",
            "/.codex/config.toml",
            "/.codex/hooks.json",
        ];
        path.contains("/.git/") || FILES.iter().any(|file| path.ends_with(file))
    }
}

/// True for what takes any output and keeps none of it.
pub(crate) fn is_sink(path: &str) -> bool {
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/zero")
        || path.starts_with("/dev/fd/")
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_as_they_are_written() {
        let mut place = Place::new("/srv/app");
        place.home = Some("/home/me".into());
        place.also = vec!["/tmp/scratch".into()];
        let inside = |path: &str| {
            place.resolve(path, Some("/srv/app/src")).is_some_and(|path| place.holds(&path))
        };
        for path in
            ["a", "../b", "/srv/app", "/srv/app/./x/../y", "/tmp/scratch/x", "~/../../srv/app/z"]
        {
            assert!(inside(path), "{path}");
        }
        for path in [
            "../../b",
            "/srv/apple",
            "/srv/app/../x",
            "~/x",
            "~",
            "/",
            "/tmp/x",
            "/tmp/scratch/../y",
        ] {
            assert!(!inside(path), "{path}");
        }
        assert_eq!(Place::new("/p").resolve("~/x", None), None);
        assert!(!Place::new("/").holds("/etc/passwd"), "the whole disk is no project");
    }
}
