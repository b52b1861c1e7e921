//! `GET /` and what the page loads: the dashboard, or where it has not been built a page that says how.
//!
//! A release holds the files it was built with. A debug build reads `dashboard/dist` at each request,
//! so that a page that was built anew is there on the next reload. `AGENT_RELAY_DASHBOARD_DIR` wins
//! over both. The page's views are fragments of its one address, so nothing else leads to it.

mod file;
mod placeholder;

use std::{
    collections::HashMap,
    io::Write as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use relay_core::api::route::{Method, NoRoute, Route};

use self::file::{Digest, File};
use super::{Body, reply};

const INDEX: &str = "index.html";
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// The name changes with the content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, and asked for again each time, which costs a 304.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The files of the dashboard.
pub struct Site {
    folder: Option<PathBuf>,
    packed: Mutex<HashMap<Digest, Bytes>>,
}

impl Site {
    /// The files in `folder`, where one is set, else those of this program.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let folder = folder.or_else(file::checkout);
        Self { folder, packed: Mutex::default() }
    }

    /// True where there is a page to serve, and not only one that says how to build it.
    pub fn is_built(&self) -> bool {
        self.file(INDEX).is_some()
    }

    /// What the health check says of it.
    pub fn describe(&self) -> String {
        match (&self.folder, self.is_built()) {
            (None, true) => "the page is built into this program".to_owned(),
            (Some(folder), true) => format!("the page is read from {}", folder.display()),
            (_, false) => format!("the page is not here; {}", placeholder::REMEDY),
        }
    }

    /// The route of a path that the API does not know: a file of the page is the dashboard's.
    pub fn route(&self, method: &str, path: &str, unknown: NoRoute) -> Result<Route, NoRoute> {
        if unknown != NoRoute::NotFound || path.starts_with("/api") || self.at(path).is_none() {
            return Err(unknown);
        }
        match method {
            "GET" | "HEAD" => Ok(Route::Dashboard),
            _ => Err(NoRoute::MethodNotAllowed(vec![Method::Get])),
        }
    }

    /// The page, or the file of it that is at this path.
    pub fn answer(&self, path: &str, asked: &HeaderMap) -> Response<Body> {
        let file = self.at(path).unwrap_or_else(placeholder::page);
        let packed = file.packs() && takes_gzip(asked);
        let tag = file.tag(packed);
        let mut response = if is_known(asked, &tag) {
            let mut response = reply::no_content();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else if packed {
            let mut response = reply::text(file.media_type(), self.pack(&file));
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            response
        } else {
            reply::text(file.media_type(), file.bytes.clone())
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, if file.is_lasting() { FOREVER } else { ASK_AGAIN });
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CONTENT_SECURITY_POLICY, file.policy);
        headers.insert(COOP, HeaderValue::from_static("same-origin"));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }

    fn at(&self, path: &str) -> Option<File> {
        match path.strip_prefix('/')? {
            "" => self.file(INDEX),
            name => self.file(name),
        }
    }

    fn file(&self, name: &str) -> Option<File> {
        File::find(self.folder.as_deref(), name)
    }

    /// Packed once for each content: the next who asks gets the same bytes.
    fn pack(&self, file: &File) -> Bytes {
        let mut known = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(file.digest).or_insert_with(|| gzip(&file.bytes)).clone()
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes all that is written to it.
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("gzip into memory does not fail")
        .into()
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    listed(asked, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// Whether the asker has this very content; compared weakly, as for `GET` it should be.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    listed(asked, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        for yes in ["gzip", "br, gzip;q=0.5", "deflate,GZIP", "gzip;q=1"] {
            assert!(takes_gzip(&asking(header::ACCEPT_ENCODING, yes)), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "br;q=1, gzip; q=0.0", "notgzip"] {
            assert!(!takes_gzip(&asking(header::ACCEPT_ENCODING, no)), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_tag_is_known_in_a_list_weakly_and_by_the_star() {
        for yes in [r#""a""#, r#"W/"a""#, r#""b", "a""#, "*"] {
            assert!(is_known(&asking(header::IF_NONE_MATCH, yes), r#""a""#), "{yes}");
        }
        assert!(!is_known(&asking(header::IF_NONE_MATCH, r#""a-gzip""#), r#""a""#));
    }
}
