//! `agent-relay-telegram`: see the library beside this file.

fn main() {}
