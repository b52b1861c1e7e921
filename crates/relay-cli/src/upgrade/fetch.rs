//! Fetching: an index or an archive, over HTTPS or from a file, never more than was announced.

use std::{fs::File, io::Read as _, path::Path};

use relay_client::{connection, error::innermost};
use relay_core::token::hex;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use super::{
    address::is_trusted,
    release::{Archive, Release},
};
use crate::failure::Failure;

/// Larger than any index will be.
const INDEX_BYTES: u64 = 1 << 20;
/// Larger than any archive will be.
const ARCHIVE_BYTES: u64 = 1 << 30;

const NOTHING: &str = "nothing was changed";

/// The newest release, as the index at this address tells of it.
pub async fn release(index: &Url) -> Result<Release, Failure> {
    let text = bytes(index, INDEX_BYTES).await?;
    Release::read(&text).map_err(|why| {
        Failure::refused(format_args!("{index} is no index of releases: {why}"))
            .hint("AGENT_RELAY_RELEASES, or --releases, names the folder that holds release.json")
    })
}

/// An archive, which is what its digest says.
pub async fn archive(url: &Url, archive: &Archive) -> Result<Vec<u8>, Failure> {
    if archive.bytes > ARCHIVE_BYTES {
        return Err(Failure::refused(format_args!("{url} is larger than any release")));
    }
    let bytes = bytes(url, archive.bytes).await?;
    if (bytes.len() as u64) < archive.bytes {
        return Err(Failure::refused(format_args!(
            "{url} ends after {} of {} bytes; {NOTHING}",
            bytes.len(),
            archive.bytes
        ))
        .hint("try again"));
    }
    let digest = hex(&Sha256::digest(&bytes));
    if !digest.eq_ignore_ascii_case(&archive.sha256) {
        return Err(Failure::refused(format_args!(
            "{url} is not what the index says: its SHA-256 digest is {digest}, not {}; {NOTHING}",
            archive.sha256
        )));
    }
    Ok(bytes)
}

async fn bytes(url: &Url, most: u64) -> Result<Vec<u8>, Failure> {
    let bytes = match url.to_file_path() {
        Ok(path) if url.scheme() == "file" => of_file(&path, most)?,
        _ => of_server(url, most).await?,
    };
    if bytes.len() as u64 > most {
        let larger = format_args!("{url} is larger than it should be, {most} bytes; {NOTHING}");
        return Err(Failure::refused(larger));
    }
    Ok(bytes)
}

fn of_file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|why| Failure::refused(format_args!("{}: {why}", path.display())))?;
    Ok(bytes)
}

/// Reads what comes, one byte further than allowed at most.
async fn of_server(url: &Url, most: u64) -> Result<Vec<u8>, Failure> {
    let client = connection::stranger(is_trusted).map_err(Failure::usage)?;
    let answer = client.get(url.clone()).send().await.map_err(|why| unreachable(url, &why))?;
    if !answer.status().is_success() {
        return Err(Failure::refused(format_args!("{url}: {}", answer.status())));
    }
    let mut answer = answer;
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() as u64 <= most => bytes.extend_from_slice(&chunk),
            Ok(_) => return Ok(bytes),
            // What came is counted by whoever knows how much it should be.
            Err(_) if !bytes.is_empty() => return Ok(bytes),
            Err(why) => return Err(unreachable(url, &why)),
        }
    }
}

fn unreachable(url: &Url, why: &reqwest::Error) -> Failure {
    Failure::unreachable(format_args!("{url} cannot be fetched: {}", innermost(why)))
}
