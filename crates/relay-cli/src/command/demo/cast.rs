//! Who plays: agents that look as if they came from several vendors and machines.

use relay_core::{
    api::request::RegisterAgent,
    channel::{Binding, Bridge},
};

use super::stage::text;
use crate::failure::Failure;

/// One agent of the story.
pub struct Role {
    /// What the story calls it; also its label.
    pub label: &'static str,
    pub id: &'static str,
    provider: &'static str,
    machine: &'static str,
    project: &'static str,
    tags: &'static [&'static str],
    capabilities: &'static [&'static str],
    approval: &'static str,
}

pub const CAST: [Role; 7] = [
    Role {
        label: "backend",
        id: "studio-shop-4c1e",
        provider: "claude",
        machine: "studio",
        project: "shop",
        tags: &["code"],
        capabilities: &["chat", "review"],
        approval: "guarded",
    },
    Role {
        label: "frontend",
        id: "studio-shop-9ab2",
        provider: "claude",
        machine: "studio",
        project: "shop",
        tags: &["code"],
        capabilities: &["chat", "review"],
        approval: "guarded",
    },
    Role {
        label: "reviewer",
        id: "tower-shop-77d0",
        provider: "codex",
        machine: "tower",
        project: "shop",
        tags: &["code"],
        capabilities: &["chat", "review"],
        approval: "read-only",
    },
    Role {
        label: "ops",
        id: "tower-infra-e310",
        provider: "codex",
        machine: "tower",
        project: "infra",
        tags: &["infra"],
        capabilities: &["chat", "ops"],
        approval: "guarded",
    },
    Role {
        label: "docs",
        id: "laptop-guide-5f2c",
        provider: "mcp",
        machine: "laptop",
        project: "guide",
        tags: &["text"],
        capabilities: &["chat", "write"],
        approval: "open",
    },
    Role {
        label: "release",
        id: "ci-shop-0b8d",
        provider: "cli",
        machine: "ci",
        project: "shop",
        tags: &["infra"],
        capabilities: &["chat"],
        approval: "open",
    },
    Role {
        label: "shop team",
        id: "telegram-shop-team",
        provider: "channel",
        machine: "tower",
        project: "shop",
        tags: &[],
        capabilities: &["chat"],
        approval: "open",
    },
];

impl Role {
    /// As whom it registers.
    pub fn registration(&self) -> Result<RegisterAgent, Failure> {
        let mut request = RegisterAgent::new(text(self.id)?);
        request.label = Some(text(self.label)?);
        request.provider = Some(text(self.provider)?);
        request.machine = Some(text(self.machine)?);
        request.project = Some(text(self.project)?);
        request.cwd = Some(text(&format!("/srv/{}", self.project))?);
        request.tags = Some(texts(self.tags)?);
        request.capabilities = Some(texts(self.capabilities)?);
        request.approval = Some(text(self.approval)?);
        if self.provider == "channel" {
            let binding = Binding { chat: text("Shop team")?, target: text("label:backend")? };
            request.channel = Some(Bridge {
                kind: text("telegram")?,
                name: text("Shop team")?,
                bindings: vec![binding],
            });
        }
        Ok(request)
    }
}

fn texts<T: std::str::FromStr<Err: std::fmt::Display>>(all: &[&str]) -> Result<Vec<T>, Failure> {
    all.iter().map(|one| text(one)).collect()
}
