//! Every case once more, damaged in ways that nobody thought of: the relay answers, or closes, and
//! goes on.

use std::time::Duration;

use crate::{
    case::Case,
    quick_cases, verdict,
    wire::Socket,
    world::{PATIENCE, World},
};

/// How often each case is damaged.
const TIMES: usize = 6;
/// Large ones are about their size, and take long.
const MOST_BYTES: usize = 4 * 1024;

/// A sequence that looks random and is the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn damaged(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(3) {
        if !bytes.is_empty() {
            damage(&mut bytes, dice);
        }
    }
    bytes
}

/// A request whose head is whole and announces what follows, so that the body is looked at.
fn with_damaged_body(bytes: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let announced = head.lines().find(|line| line.starts_with("Content-Length: "))?;
    let body = damaged(bytes[end..].to_vec(), dice);
    let head = head.replace(announced, &format!("Content-Length: {}", body.len()));
    Some([head.into_bytes(), body].concat())
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let to = at + dice.below(bytes.len() - at);
    match dice.below(6) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.insert(at, [0, b'\r', b'\n', b'"', b'{', 0xff][dice.below(6)]),
        3 => drop(bytes.drain(at..to)),
        4 => bytes.extend_from_within(at..to),
        _ => bytes[at..to].reverse(),
    }
}

#[tokio::test]
async fn damaged_requests_are_answered_or_cut_off_and_break_nothing() {
    // A stream with unread bytes behind it learns only from writing that nobody is there.
    let world = World::with_limits(|limits| {
        limits.wrong_tokens = 9_999;
        limits.keep_alive = Duration::from_millis(20);
    })
    .await;
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    let mut complaints = Vec::new();
    for case in quick_cases(|_| true) {
        let bytes = case.sending(&world.values).bytes;
        if bytes.is_empty() || bytes.len() > MOST_BYTES {
            continue;
        }
        for _ in 0..TIMES {
            complaints.extend(send(&world, &case, damaged(bytes.clone(), &mut dice)).await);
            if let Some(bytes) = with_damaged_body(&bytes, &mut dice) {
                complaints.extend(send(&world, &case, bytes).await);
            }
        }
        complaints.extend(verdict::on_health(&world).await);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

async fn send(world: &World, case: &Case, bytes: Vec<u8>) -> Option<String> {
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    let sent = Socket::send(world.relay.address(), bytes, true, None).await;
    let mut socket = sent.expect("a connection");
    let answered = tokio::time::timeout(PATIENCE, socket.everything()).await;
    let why = match answered.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
        Err(_) => "neither answered nor closed".to_owned(),
        Ok(text) if text.contains("HTTP/1.1 5") || text.contains("HTTP/1.0 5") => text,
        Ok(text) if world.secrets.iter().any(|secret| text.contains(secret)) => text,
        Ok(_) => return None,
    };
    Some(format!("{}: {shown:?}: {why}", case.name))
}
