//! The names of the figures, as the table prints them and the verdicts look them up.

pub const THROUGHPUT_64: &str = "messages at 64 connections";
pub const P50_64: &str = "  p50";
pub const P99_64: &str = "  p99";
pub const THROUGHPUT_1: &str = "messages at 1 connection";
pub const P50_1: &str = "  p50 (1 connection)";
pub const P99_1: &str = "  p99 (1 connection)";
pub const DELIVERY_P50: &str = "delivery p50, 1,000 streams, 2,000 messages/s";
pub const DELIVERY_P99: &str = "delivery p99, 1,000 streams, 2,000 messages/s";
pub const ANSWER_P50: &str = "  the same POSTs' answers, p50";
pub const ANSWER_P99: &str = "  the same POSTs' answers, p99";
pub const DISK_P50: &str = "  the disk alone, one sync of 4 KiB, p50";
pub const DISK_P99: &str = "  the disk alone, one sync of 4 KiB, p99";
pub const START_NEW: &str = "start, new database";
pub const START_AGAIN: &str = "start, database there";
pub const IDLE: &str = "memory, idle";
pub const WITH_STREAMS: &str = "memory, 1,000 streams open";
pub const AFTER_LOAD: &str = "memory, after the throughput runs";
pub const SEND: &str = "agent-relay send, start to exit";
pub const P99_HEALTHY: &str = "delivery p99, 10 readers, 1 KiB bodies";
pub const P99_STALLED: &str = "  the same beside 50 stalled readers";
pub const GROWTH: &str = "  memory growth by them";
