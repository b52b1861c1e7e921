//! Permissions: what the relay's approval mode asks of Codex, and what a thread's own permissions
//! come to.
//!
//! Codex gates by where a command may write and when it asks; the relay's modes are told from that
//! and mapped to it. A thread is only ever made stricter than it is: its user's settings stand.

use relay_client::core::agent::Approval;
use serde_json::{Value, json};

use crate::{
    app_server::protocol::{Permissions, UpdateSettings},
    bridge::Mode,
};

/// Settings for `-c` of the app-server, which hold for every thread of it from the start. Only what
/// is stricter than anything the user can have set stands here: a setting of the command line wins
/// over the user's file, and must not loosen it. `guarded` is seen to by the bridge, thread by
/// thread.
pub fn overrides(approval: Approval) -> &'static [&'static str] {
    match approval {
        Approval::Open | Approval::Guarded => &[],
        Approval::ReadOnly => &["sandbox_mode=\"read-only\"", "approval_policy=\"never\""],
    }
}

/// The approval mode that a thread's permissions come to.
///
/// - `read-only`: it may not write, and asks nobody to;
/// - `guarded`: writing outside the project and reaching the network ask, or are refused;
/// - `open`: the rest.
pub fn shown(permissions: &Permissions) -> Approval {
    let asks = permissions.approval_policy.as_str() != Some("never");
    let network = permissions.sandbox["networkAccess"].as_bool().unwrap_or(false);
    match kind(&permissions.sandbox) {
        "readOnly" if !asks && !network => Approval::ReadOnly,
        "readOnly" | "workspaceWrite" if !network => Approval::Guarded,
        // Without a sandbox, only this policy asks about whatever is not known to be harmless.
        _ if permissions.approval_policy.as_str() == Some("untrusted") => Approval::Guarded,
        _ => Approval::Open,
    }
}

/// What must change in a thread for it to be as strict as its profile says; `None` where it is.
pub fn tightened(
    thread: &str,
    approval: Approval,
    mode: Mode,
    now: &Permissions,
) -> Option<UpdateSettings> {
    let (policy, sandbox) = match approval {
        Approval::Open => return None,
        Approval::ReadOnly => {
            let sandbox = json!({"type": "readOnly", "networkAccess": false});
            (Some(json!("never")), Some(sandbox))
        }
        Approval::Guarded => {
            // Nobody is there to be asked: what would ask is refused to the model. But who asks
            // about everything waits for somebody.
            let unattended = mode == Mode::Headless && now.approval_policy != "untrusted";
            (unattended.then(|| json!("never")), without_network(&now.sandbox))
        }
    };
    let update = UpdateSettings {
        thread_id: thread.to_owned(),
        approval_policy: policy.filter(|policy| *policy != now.approval_policy),
        sandbox_policy: sandbox.filter(|sandbox| *sandbox != now.sandbox),
    };
    let changes = update.approval_policy.is_some() || update.sandbox_policy.is_some();
    changes.then_some(update)
}

/// A sandbox that writes in the project at most, and reaches nothing; `None` where this one is.
fn without_network(sandbox: &Value) -> Option<Value> {
    let mut strict = if is_loose(sandbox) {
        json!({
            "type": "workspaceWrite", "writableRoots": [], "networkAccess": false,
            "excludeTmpdirEnvVar": false, "excludeSlashTmp": false,
        })
    } else {
        sandbox.clone()
    };
    strict["networkAccess"] = json!(false);
    (strict != *sandbox).then_some(strict)
}

fn is_loose(sandbox: &Value) -> bool {
    !matches!(kind(sandbox), "readOnly" | "workspaceWrite")
}

fn kind(sandbox: &Value) -> &str {
    sandbox["type"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(policy: &str, sandbox: &str, network: bool) -> Permissions {
        let sandbox = match sandbox {
            "workspaceWrite" => json!({
                "type": sandbox, "writableRoots": ["/srv/data"], "networkAccess": network,
            }),
            "readOnly" => json!({"type": sandbox, "networkAccess": network}),
            _ => json!({"type": sandbox}),
        };
        Permissions { approval_policy: json!(policy), sandbox }
    }

    fn all() -> impl Iterator<Item = Permissions> {
        let policies = ["untrusted", "on-request", "never"];
        let sandboxes = ["readOnly", "workspaceWrite", "externalSandbox", "dangerFullAccess"];
        policies.into_iter().flat_map(move |policy| {
            sandboxes.into_iter().flat_map(move |sandbox| {
                [true, false].map(|network| permissions(policy, sandbox, network))
            })
        })
    }

    #[test]
    fn a_threads_permissions_come_to_a_mode() {
        for (policy, sandbox, network, expected) in [
            ("never", "readOnly", false, Approval::ReadOnly),
            ("on-request", "readOnly", false, Approval::Guarded),
            ("on-request", "workspaceWrite", false, Approval::Guarded),
            ("never", "workspaceWrite", false, Approval::Guarded),
            ("on-request", "workspaceWrite", true, Approval::Open),
            ("never", "readOnly", true, Approval::Open),
            ("untrusted", "workspaceWrite", true, Approval::Guarded),
            ("untrusted", "dangerFullAccess", false, Approval::Guarded),
            ("on-request", "dangerFullAccess", false, Approval::Open),
            ("never", "dangerFullAccess", false, Approval::Open),
            ("never", "externalSandbox", false, Approval::Open),
            ("never", "somethingNew", false, Approval::Open),
        ] {
            let shown = shown(&permissions(policy, sandbox, network));
            assert_eq!(shown, expected, "{policy}, {sandbox}, network {network}");
        }
        assert_eq!(shown(&Permissions::default()), Approval::Open, "nothing is known");
    }

    fn after(approval: Approval, mode: Mode, mut now: Permissions) -> Permissions {
        if let Some(update) = tightened("t", approval, mode, &now) {
            now.approval_policy = update.approval_policy.unwrap_or(now.approval_policy);
            now.sandbox = update.sandbox_policy.unwrap_or(now.sandbox);
        }
        now
    }

    fn strictness(approval: Approval) -> u8 {
        match approval {
            Approval::Open => 0,
            Approval::Guarded => 1,
            Approval::ReadOnly => 2,
        }
    }

    #[test]
    fn a_thread_becomes_as_strict_as_its_profile_and_never_looser() {
        for mode in [Mode::Terminal, Mode::Headless] {
            for approval in [Approval::Open, Approval::Guarded, Approval::ReadOnly] {
                for before in all() {
                    let after = after(approval, mode, before.clone());
                    let (was, is) = (strictness(shown(&before)), strictness(shown(&after)));
                    assert!(is >= was.max(strictness(approval)), "{before:?} became {after:?}");
                    assert!(!is_loose(&after.sandbox) || is_loose(&before.sandbox));
                    let reads_only =
                        |permissions: &Permissions| kind(&permissions.sandbox) == "readOnly";
                    assert!(!reads_only(&before) || reads_only(&after));
                    assert_eq!(tightened("t", approval, mode, &after), None, "once");
                }
            }
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        for before in all() {
            let asked = before.approval_policy == "untrusted";
            let after = after(Approval::Guarded, Mode::Headless, before);
            assert_eq!(after.approval_policy, if asked { "untrusted" } else { "never" });
        }
        let before = permissions("on-request", "workspaceWrite", false);
        assert_eq!(after(Approval::Open, Mode::Headless, before.clone()), before);
        assert_eq!(after(Approval::Guarded, Mode::Terminal, before.clone()), before);
    }

    #[test]
    fn folders_that_the_user_opened_stay_open() {
        let after =
            after(Approval::Guarded, Mode::Terminal, permissions("never", "workspaceWrite", true));
        assert_eq!(after.sandbox["writableRoots"], json!(["/srv/data"]));
        assert_eq!(after.approval_policy, "never");
    }
}
