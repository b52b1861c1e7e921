//! A unit of the user's systemd.

use std::path::{Path, PathBuf};

use relay_client::config::environment;

use super::{Plan, Service, Step, Verb};
use crate::failure::Failure;

const UNIT: &str = "agent-relay.service";

/// Where this user's units are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    folder: PathBuf,
}

impl Units {
    /// `$XDG_CONFIG_HOME/systemd/user`, else below `~/.config`.
    pub fn of_user() -> Result<Self, Failure> {
        let set = |name: &str| environment(name).filter(|folder| !folder.is_empty());
        let config = match (set("XDG_CONFIG_HOME"), set("HOME")) {
            (Some(config), _) => PathBuf::from(config),
            (None, Some(home)) => Path::new(&home).join(".config"),
            (None, None) => return Err(Failure::usage("there is no home folder; set HOME")),
        };
        Ok(Self { folder: config.join("systemd/user") })
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(UNIT)
    }

    /// The program of the unit that is there, where [`unit`] wrote it and it needed no escapes.
    pub(super) fn program(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.file()).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=\""))?;
        let program = line.strip_suffix("\" serve")?;
        (!program.contains(['\\', '%', '$'])).then(|| program.to_owned())
    }

    pub(super) fn install(&self, service: &Service) -> Plan {
        let mut steps = vec![
            Step::Write { path: self.file(), text: unit(service) },
            systemctl(&["daemon-reload"]),
        ];
        if service.enable {
            steps.push(systemctl(&["enable", UNIT]));
        }
        if service.start {
            // One that runs goes on as the new unit says.
            steps.push(systemctl(&["restart", UNIT]));
        }
        Plan(steps)
    }

    pub(super) fn uninstall(&self) -> Plan {
        let absent = "it need not run, nor be enabled";
        Plan(vec![
            Step::try_run(&["systemctl", "--user", "disable", "--now", UNIT], absent),
            Step::Remove { path: self.file() },
            Step::try_run(&["systemctl", "--user", "daemon-reload"], "nothing is left to forget"),
            Step::try_run(&["systemctl", "--user", "reset-failed", UNIT], "it may not have failed"),
        ])
    }
}

pub(super) fn act(verb: Verb) -> Plan {
    let word = match verb {
        Verb::Start => "start",
        Verb::Stop => "stop",
        Verb::Restart => "restart",
        Verb::Enable => "enable",
        Verb::Disable => "disable",
    };
    Plan(vec![systemctl(&[word, UNIT])])
}

pub(super) fn is_running() -> Vec<String> {
    words(&["systemctl", "--user", "is-active", UNIT])
}

pub(super) fn forgive() -> Plan {
    Plan(vec![systemctl(&["reset-failed", UNIT])])
}

pub(super) fn status() -> Vec<String> {
    words(&["systemctl", "--user", "--no-pager", "status", UNIT])
}

pub(super) fn activity() -> Vec<String> {
    words(&["systemctl", "--user", "is-active", UNIT])
}

pub(super) fn logs(lines: u32, follow: bool) -> Vec<String> {
    let lines = lines.to_string();
    let mut line =
        words(&["journalctl", "--user", "--no-pager", "--unit", UNIT, "--lines", &lines]);
    line.extend(follow.then(|| "--follow".to_owned()));
    line
}

fn systemctl(arguments: &[&str]) -> Step {
    Step::run(&[&["systemctl", "--user"], arguments].concat())
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

/// What limits the relay here works for a user's own services: it takes no privilege to ask for.
fn unit(service: &Service) -> String {
    format!(
        "# Made by `agent-relay daemon install`; `agent-relay daemon uninstall` takes it away.\n\
         [Unit]\n\
         Description=Agent Relay, a message bus for coding agents\n\
         StartLimitIntervalSec=60\n\
         StartLimitBurst=5\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={} serve\n\
         EnvironmentFile=-{}\n\
         Restart=on-failure\n\
         RestartSec=1\n\
         # A wrong setting, which no restart mends.\n\
         RestartPreventExitStatus=2\n\
         # A large database may take its time to be brought up to date.\n\
         TimeoutStartSec=10min\n\
         TimeoutStopSec=10\n\
         WatchdogSec=60\n\
         UMask=0077\n\
         LimitNOFILE=65536\n\
         NoNewPrivileges=yes\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n\
         RestrictNamespaces=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        quoted(&service.binary),
        escaped(&service.settings),
    )
}

/// A path as one word of a command: quoted, with what systemd would replace doubled.
pub(super) fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", path.replace('%', "%%").replace('$', "$$"))
}

/// A path that stands alone.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted(Path::new("/opt/a b/100%$x\"/bin")), r#""/opt/a b/100%%$$x\"/bin""#);
    }
}
