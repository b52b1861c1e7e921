//! Where releases are, and from where a program may be fetched.

use reqwest::Url;

/// The project's own, on GitHub.
pub const RELEASES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/releases");
const INDEX: &str = "release.json";

/// The address of the newest release's index, below an address of releases. GitHub has the newest
/// release's files in a folder of their own.
pub fn index(releases: &str) -> Result<Url, String> {
    let base = releases.trim().trim_end_matches('/');
    let base = if base == RELEASES { format!("{base}/latest/download") } else { base.to_owned() };
    let url = Url::parse(&format!("{base}/{INDEX}")).map_err(|_| NEEDED.to_owned())?;
    if is_trusted(&url) { Ok(url) } else { Err(NEEDED.to_owned()) }
}

const NEEDED: &str = "must be an address with https:// or file://, or with http:// on this machine";

/// Programs come over a connection that nobody can change on the way.
pub fn is_trusted(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "file" => url.host_str().is_none_or(str::is_empty),
        "http" => is_here(url.host_str().unwrap_or_default()),
        _ => false,
    }
}

fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_found_below_an_address_of_releases() {
        for (releases, expected) in [
            (RELEASES, &*format!("{RELEASES}/latest/download/release.json")),
            ("https://mirror.example/relay/", "https://mirror.example/relay/release.json"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/release.json"),
            ("file:///srv/releases", "file:///srv/releases/release.json"),
        ] {
            assert_eq!(index(releases).unwrap().as_str(), expected, "{releases}");
        }
    }

    #[test]
    fn what_anybody_on_the_way_could_change_is_refused() {
        for releases in [
            "http://mirror.example",
            "http://10.0.0.1/x",
            "http://localhost.example",
            "ftp://localhost",
            "file://server/share",
            "/srv/releases",
            "",
        ] {
            assert!(index(releases).is_err(), "{releases}");
        }
        assert!(index("http://[::1]:8080").is_ok() && index("http://localhost").is_ok());
    }
}
