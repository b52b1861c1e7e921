//! Compiled examples. Each file beside this one runs against a relay:
//! `cargo run -p examples --example two_agents`, with `AGENT_RELAY_URL` where it is not the default.
