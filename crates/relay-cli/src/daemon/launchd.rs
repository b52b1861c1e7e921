//! A `LaunchAgent` of the user's session.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use relay_client::config::environment;

use super::{Plan, Service, Step, Verb};
use crate::failure::Failure;

const LABEL: &str = "agent-relay";

/// Where this user's agents are, and in which domain they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agents {
    folder: PathBuf,
    /// `gui/501`
    domain: String,
}

impl Agents {
    /// `~/Library/LaunchAgents`, in the domain of the user's number.
    pub fn of_user() -> Result<Self, Failure> {
        let home = environment("HOME").filter(|home| !home.is_empty());
        let home = home.ok_or_else(|| Failure::usage("there is no home folder; set HOME"))?;
        let output = Command::new("id").arg("-u").output();
        let output = output.map_err(|why| Failure::refused(format_args!("id: {why}")))?;
        let user = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let folder = Path::new(&home).join("Library/LaunchAgents");
        Ok(Self { folder, domain: format!("gui/{user}") })
    }

    #[cfg(test)]
    fn at(folder: &str) -> Self {
        Self { folder: folder.into(), domain: "gui/501".into() }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(format!("{LABEL}.plist"))
    }

    fn name(&self) -> String {
        format!("{}/{LABEL}", self.domain)
    }

    pub(super) fn install(&self, service: &Service) -> Plan {
        let file = self.file();
        let shown = file.to_string_lossy().into_owned();
        let old = Step::try_run(&["launchctl", "bootout", &self.name()], "it may not be there yet");
        let mut steps = vec![Step::Write { path: file, text: plist(service) }, old];
        steps.push(Step::run(&["launchctl", "bootstrap", &self.domain, &shown]));
        if service.start {
            steps.push(Step::run(&["launchctl", "kickstart", &self.name()]));
        }
        Plan(steps)
    }

    pub(super) fn uninstall(&self) -> Plan {
        let out = Step::try_run(&["launchctl", "bootout", &self.name()], "it need not run");
        Plan(vec![out, Step::Remove { path: self.file() }])
    }

    pub(super) fn act(&self, verb: Verb) -> Plan {
        let name = self.name();
        Plan(vec![match verb {
            Verb::Start => Step::run(&["launchctl", "kickstart", &name]),
            Verb::Restart => Step::run(&["launchctl", "kickstart", "-k", &name]),
            Verb::Stop => Step::run(&["launchctl", "kill", "SIGTERM", &name]),
            Verb::Enable => Step::run(&["launchctl", "enable", &name]),
            Verb::Disable => Step::run(&["launchctl", "disable", &name]),
        }])
    }

    pub(super) fn status(&self) -> Vec<String> {
        vec!["launchctl".into(), "print".into(), self.name()]
    }
}

pub(super) fn logs(lines: u32, follow: bool, log: &Path) -> Vec<String> {
    let mut line = vec!["tail".to_owned(), "-n".into(), lines.to_string()];
    line.extend(follow.then(|| "-F".to_owned()));
    line.push(log.to_string_lossy().into_owned());
    line
}

/// It is started again unless it ended well; launchd has no readiness to wait for.
fn plist(service: &Service) -> String {
    let (binary, log) = (xml(&service.binary), xml(&service.log));
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n",
    );
    let entries = [
        ("Label", format!("<string>{LABEL}</string>")),
        (
            "ProgramArguments",
            format!("<array><string>{binary}</string><string>serve</string></array>"),
        ),
        ("RunAtLoad", format!("<{}/>", service.enable || service.start)),
        ("KeepAlive", "<dict><key>SuccessfulExit</key><false/></dict>".into()),
        ("ThrottleInterval", "<integer>5</integer>".into()),
        ("ExitTimeOut", "<integer>10</integer>".into()),
        // 077
        ("Umask", "<integer>63</integer>".into()),
        ("StandardOutPath", format!("<string>{log}</string>")),
        ("StandardErrorPath", format!("<string>{log}</string>")),
    ];
    for (key, value) in entries {
        let _ = writeln!(text, "  <key>{key}</key>\n  {value}");
    }
    text.push_str("</dict>\n</plist>\n");
    text
}

pub(super) fn xml(path: &Path) -> String {
    path.to_string_lossy().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_puts_an_old_one_out_and_the_new_one_in() {
        let service = Service {
            binary: "/usr/local/bin/agent-relay".into(),
            settings: "/srv/u/relay.env".into(),
            log: "/srv/u/a & b/daemon.log".into(),
            enable: true,
            start: true,
        };
        let plan = Agents::at("/srv/u/Library/LaunchAgents").install(&service).to_string();
        for part in [
            "write   /srv/u/Library/LaunchAgents/agent-relay.plist",
            "<string>/usr/local/bin/agent-relay</string><string>serve</string>",
            "<string>/srv/u/a &amp; b/daemon.log</string>",
            "run     launchctl bootout gui/501/agent-relay",
            "run     launchctl bootstrap gui/501 /srv/u/Library/LaunchAgents/agent-relay.plist",
            "run     launchctl kickstart gui/501/agent-relay",
        ] {
            assert!(plan.contains(part), "no {part} in {plan}");
        }
    }
}
