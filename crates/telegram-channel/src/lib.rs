//! The Telegram channel of Agent Relay.
