//! `codex-relay`
fn main() {}
