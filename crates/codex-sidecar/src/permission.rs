//! Permissions: what the relay's approval mode asks of Codex.

use relay_client::core::agent::Approval;

/// Settings for `-c` of the app-server, which hold for every thread of it. Only what is stricter
/// than anything the user can have set stands here: a setting of the command line wins over the
/// user's file, and must not loosen it. `guarded` is seen to by the bridge, thread by thread.
pub fn overrides(approval: Approval) -> &'static [&'static str] {
    match approval {
        Approval::Open | Approval::Guarded => &[],
        Approval::ReadOnly => &["sandbox_mode=\"read-only\"", "approval_policy=\"never\""],
    }
}
