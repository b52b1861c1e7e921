//! A home of its own for sessions: what a person has clicked away before, and the environment.

use std::{fs, path::PathBuf, thread, time::Duration};

use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{Model, Setup};
use crate::{PATIENCE, program};

/// The folders that a person trusts.
const PROJECTS: [&str; 2] = ["project", "worktree"];

/// A home, and projects beside it. Dropping the last session in it checks that no process of ours
/// was left behind.
pub struct Home {
    folder: TempDir,
    relay: String,
}

impl Home {
    /// One for sessions at that relay.
    pub fn new(relay: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("arc").tempdir().unwrap();
        let home = Self { folder, relay: relay.to_owned() };
        for name in ["home/.claude", "project", "tmp"] {
            fs::create_dir_all(home.path(name)).unwrap();
        }
        home.answer_beforehand();
        home
    }

    /// A file or folder below that of the sessions.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// What a person has clicked away before, and the flag that older versions' monitors need.
    fn answer_beforehand(&self) {
        let trusted = json!({
            "hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true, "allowedTools": [],
        });
        let path = |name: &&str| self.path(name).to_string_lossy().into_owned();
        let projects: serde_json::Map<_, _> =
            PROJECTS.iter().map(|name| (path(name), trusted.clone())).collect();
        let state = json!({
            "hasCompletedOnboarding": true, "lastOnboardingVersion": "99.0.0", "theme": "dark",
            "numStartups": 5, "hasSeenAutoDefaultNudge": true, "hasSeenAutoModeEntryWarning": true,
            "autoModeClassifierBillingNoticeAcknowledgedAt": 1_800_000_000_000_i64,
            "customApiKeyResponses": {"approved": ["fake"], "rejected": []},
            "cachedGrowthBookFeatures": {"tengu_amber_sentinel": true},
            "projects": projects,
        });
        let settings = json!({
            "permissions": {"defaultMode": "default"}, "skipDangerousModePermissionPrompt": true,
        });
        let folder = self.path("home/.claude");
        fs::write(folder.join(".claude.json"), state.to_string()).unwrap();
        fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    }

    /// All that a session's environment holds.
    pub fn environment(&self, model: &Model, setup: &Setup) -> Vec<(String, String)> {
        let text = |name: &str| self.path(name).to_string_lossy().into_owned();
        let programs = program::folder().to_string_lossy().into_owned();
        let mut env = vec![
            ("PATH", format!("{programs}:{}", program::search_path())),
            ("TERM", "xterm-256color".into()),
            ("LANG", "C.UTF-8".into()),
            ("SHELL", "/bin/bash".into()),
            ("HOME", text("home")),
            ("CLAUDE_CONFIG_DIR", text("home/.claude")),
            ("CLAUDE_CODE_TMPDIR", text("tmp")),
            ("ANTHROPIC_BASE_URL", model.url()),
            ("ANTHROPIC_API_KEY", "fake".into()),
            ("DISABLE_AUTOUPDATER", "1".into()),
            ("DISABLE_ERROR_REPORTING", "1".into()),
            ("IS_SANDBOX", "1".into()),
            ("HTTPS_PROXY", "http://127.0.0.1:9".into()),
            ("HTTP_PROXY", "http://127.0.0.1:9".into()),
            ("NO_PROXY", "127.0.0.1,localhost".into()),
            ("AGENT_RELAY_URL", self.relay.clone()),
        ];
        env.extend(setup.env.iter().cloned());
        env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Our processes that run for sessions in this home: their numbers and command lines.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let home = format!("HOME={}", self.path("home").display());
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let read = |name: &str| fs::read(entry.path().join(name)).ok();
            let line = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
            let ours = line.contains("agent-relay-claude")
                && read("environ")?.split(|byte| *byte == 0).any(|word| word == home.as_bytes());
            ours.then_some((pid, line))
        })
        .collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE / 4;
        while !self.processes().is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        let left = self.processes();
        assert!(left.is_empty() || thread::panicking(), "left behind: {left:?}");
    }
}
