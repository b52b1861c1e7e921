//! Signatures, checked by a program that is not ours.

use std::{
    io::{self, Write as _},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// `v1,` and the HMAC-SHA256 of a text, as the `openssl` command has it; nothing where there is no
/// such command.
pub fn signature(key: &[u8], signed: &str) -> Option<String> {
    let hex = key.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let mac = format!("hexkey:{hex}");
    let started = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &mac, "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        skip("signatures: there is no openssl command");
        return None;
    };
    child.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(format!("v1,{}", STANDARD.encode(output.stdout)))
}

/// Says aloud what cannot be tried here; in the long run that is a failure.
#[expect(clippy::disallowed_methods, reason = "the switch between the short and the long run")]
fn skip(why: &str) {
    assert!(std::env::var("RELAY_TEST_FULL").as_deref() != Ok("1"), "{why}");
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
