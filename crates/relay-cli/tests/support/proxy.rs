//! A stand-in between a program and a relay: it passes on what is asked, and changes the answer.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

/// Starts one before the relay on a port. Returns its address.
pub fn start(relay: u16, change: impl Fn(String) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever asked may have gone.
            let _ = pass(&stream, relay, &change);
        }
    });
    url
}

/// One question without a body, and its answer.
fn pass(
    mut stream: &TcpStream,
    relay: u16,
    change: &impl Fn(String) -> String,
) -> std::io::Result<()> {
    let mut to = TcpStream::connect(("127.0.0.1", relay))?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        to.write_all(format!("{line}\r\n").as_bytes())?;
    }
    to.write_all(b"connection: close\r\n\r\n")?;
    let mut answer = String::new();
    to.read_to_string(&mut answer)?;
    stream.write_all(change(answer).as_bytes())
}

/// Puts another value into a header.
pub fn header(answer: &str, name: &str, value: &str) -> String {
    let begins = |line: &str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
    let line = |line: &str| {
        if begins(line) { format!("{name}: {value}") } else { line.to_owned() }
    };
    answer.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}
