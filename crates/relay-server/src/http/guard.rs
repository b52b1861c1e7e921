//! What keeps foreign web pages out, with and without a token: the `Host` and `Origin` guards.
//!
//! A page of another site can make a browser send requests to loopback. It cannot choose the
//! `Host` (a rebinding attack needs a name of its own there), and it cannot forge `Origin` and
//! `Sec-Fetch-Site`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header};
use relay_core::{
    env,
    error::{Code, Refused},
};

use crate::config::{Config, Cors, Origin};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The longest request target.
const MOST_TARGET_BYTES: usize = 8 * 1024;

/// Whom the relay answers as, and to whose pages.
#[derive(Debug)]
pub struct Guard {
    names: Vec<String>,
    public: Option<Origin>,
    cors: Cors,
}

/// An `Origin` that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// No page asked, as far as can be told, or one of the relay's own.
    Own,
    /// A page of this origin, which the settings allow.
    Allowed(Origin),
}

impl Guard {
    /// The guard that the settings describe, on the machine of this name.
    pub fn new(config: &Config, machine: &str) -> Self {
        let machine = machine.trim_end_matches('.').to_ascii_lowercase();
        let bare = machine.strip_suffix(".local").unwrap_or(&machine);
        let mut names = vec!["localhost".to_owned(), config.host.to_ascii_lowercase()];
        names.extend([machine.clone(), bare.to_owned(), format!("{bare}.local")]);
        names.extend(config.allowed_hosts.iter().cloned());
        if let Some(public) = &config.public_url {
            names.extend(split(public.authority()).map(|(host, _)| host.to_owned()));
        }
        names.retain(|name| !name.is_empty());
        Self { names, public: config.public_url.clone(), cors: config.cors.clone() }
    }

    /// Refuses requests that a foreign page may have sent. `api` is true where only programs and
    /// the relay's own pages ask.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap, api: bool) -> Result<Visitor, Refused> {
        let authority = self.check_host(uri, headers)?;
        let site = headers.get(SEC_FETCH_SITE).map(http::HeaderValue::as_bytes);
        let foreign = matches!(site, Some(b"cross-site" | b"same-site"));
        match self.check_origin(&authority, headers)? {
            None if api && foreign => Err(forbidden_origin("another site's page")),
            None => Ok(Visitor::Own),
            Some(visitor) => Ok(visitor),
        }
    }

    /// Refuses names that are not the relay's, and returns the authority that was asked for.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Refused> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next().map(|value| value.to_str()), hosts.next()) {
            (Some(Ok(host)), None) if !host.is_empty() => host,
            _ => return Err(forbidden_host("the request needs exactly one `Host` header")),
        };
        let absolute = uri.authority().map(http::uri::Authority::as_str);
        for authority in [Some(host), absolute].into_iter().flatten() {
            if !self.is_own(authority) {
                return Err(forbidden_host(&format!("this relay is not {}", shown(authority))));
            }
        }
        Ok(host.to_ascii_lowercase())
    }

    fn is_own(&self, authority: &str) -> bool {
        let Some((host, _)) = split(authority) else { return false };
        let host = host.strip_suffix('.').unwrap_or(host);
        host.parse::<IpAddr>().is_ok()
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    fn check_origin(
        &self,
        authority: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Visitor>, Refused> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(first) = origins.next() else { return Ok(None) };
        let origin = first.to_str().ok().and_then(Origin::parse);
        let (Some(origin), None) = (origin, origins.next()) else {
            return Err(forbidden_origin("a page without a web address"));
        };
        let own = ["http", "https"]
            .iter()
            .filter_map(|scheme| Origin::parse(&format!("{scheme}://{authority}")))
            .any(|own| own == origin);
        if own || self.public.as_ref() == Some(&origin) {
            return Ok(Some(Visitor::Own));
        }
        match &self.cors {
            Cors::Any => Ok(Some(Visitor::Allowed(origin))),
            Cors::Only(list) if list.contains(&origin) => Ok(Some(Visitor::Allowed(origin))),
            Cors::Only(_) => Err(forbidden_origin("a page of another origin")),
        }
    }
}

/// Refuses a request target longer than any route needs.
pub fn check_length(uri: &Uri) -> Result<(), Refused> {
    let query = uri.query().map_or(0, str::len);
    if uri.path().len() + query > MOST_TARGET_BYTES {
        return Err(Refused::new(Code::UriTooLong, "the address is longer than 8 KiB"));
    }
    Ok(())
}

/// Splits `host[:port]`; brackets around an IPv6 address fall away.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        None => None,
        Some(port) => Some((host, Some(port.parse().ok()?))),
    }
}

/// A name to show; what is none may be a header that slipped, a token in it.
fn shown(authority: &str) -> String {
    let name = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if authority.len() <= 100 && authority.chars().all(name) {
        format!("`{authority}`")
    } else {
        "what its `Host` header says".to_owned()
    }
}

fn forbidden_host(why: &str) -> Refused {
    Refused::new(Code::ForbiddenHost, why).hint(format!(
        "ask by address or as localhost, or name the host in {}",
        env::ALLOWED_HOSTS.name
    ))
}

fn forbidden_origin(who: &str) -> Refused {
    Refused::new(Code::ForbiddenOrigin, format!("{who} may not ask this relay")).hint(format!(
        "name its origin in {}, or the relay's own address in {}",
        env::CORS_ORIGINS.name,
        env::PUBLIC_URL.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(set: &[(&str, &str)]) -> Guard {
        let get =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Guard::new(&Config::from_env(&get).unwrap(), "Build-01.local")
    }

    fn ask(guard: &Guard, uri: &str, headers: &[(&str, &str)]) -> Result<Visitor, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        guard.check(&uri.parse().unwrap(), &map, true).map_err(|refused| refused.code)
    }

    #[test]
    fn the_host_must_be_an_address_or_a_name_of_the_relay() {
        let guard = guard(&[("AGENT_RELAY_ALLOWED_HOSTS", "relay.lan, Other")]);
        let host = |host: &str| ask(&guard, "/api/stats", &[("host", host)]);
        for own in [
            "127.0.0.1:4850",
            "127.0.0.1:1",
            "10.0.0.7",
            "[::1]:4850",
            "[::1]",
            "localhost",
            "LocalHost:9",
            "localhost.",
            "build-01",
            "build-01.local:4850",
            "relay.lan",
            "other:80",
        ] {
            assert_eq!(host(own), Ok(Visitor::Own), "{own}");
        }
        for foreign in [
            "evil.example",
            "127.evil.example:4850",
            "2130706433",
            "0x7f.1",
            "127.1",
            "::1",
            "localhost:x",
            "localhost.evil.example",
            "user@localhost",
            "",
            "[::1",
            "[::1]x",
        ] {
            assert_eq!(host(foreign), Err(Code::ForbiddenHost), "{foreign}");
        }
    }

    #[test]
    fn one_host_is_asked_for_and_an_absolute_target_is_one_too() {
        let guard = guard(&[]);
        let own = ("host", "127.0.0.1:4850");
        assert_eq!(ask(&guard, "/", &[]), Err(Code::ForbiddenHost));
        assert_eq!(ask(&guard, "/", &[own, ("host", "127.0.0.1")]), Err(Code::ForbiddenHost));
        assert_eq!(ask(&guard, "http://evil.example/api", &[own]), Err(Code::ForbiddenHost));
        assert_eq!(ask(&guard, "http://localhost/api", &[own]), Ok(Visitor::Own));
    }

    #[test]
    fn an_origin_must_be_the_relays_own_or_be_allowed() {
        let guard = guard(&[
            ("AGENT_RELAY_CORS_ORIGINS", "https://app.example, http://localhost:5173"),
            ("AGENT_RELAY_PUBLIC_URL", "https://relay.example/"),
        ]);
        let origin =
            |origin: &str| ask(&guard, "/api", &[("host", "127.0.0.1:4850"), ("origin", origin)]);
        for own in ["http://127.0.0.1:4850", "https://127.0.0.1:4850", "https://relay.example"] {
            assert_eq!(origin(own), Ok(Visitor::Own), "{own}");
        }
        assert!(matches!(origin("https://app.example"), Ok(Visitor::Allowed(_))));
        for foreign in [
            "https://evil.example",
            "http://localhost:3000",
            "http://127.0.0.1:4850.evil.example",
            "http://127.0.0.1",
            "http://localhost:4850",
            "null",
            "http://app.example",
            "",
        ] {
            assert_eq!(origin(foreign), Err(Code::ForbiddenOrigin), "{foreign}");
        }
        let twice = [("host", "127.0.0.1"), ("origin", "http://127.0.0.1"), ("origin", "http://x")];
        assert_eq!(ask(&guard, "/api", &twice), Err(Code::ForbiddenOrigin));
    }

    #[test]
    fn another_sites_page_is_refused_unless_its_origin_is_accepted() {
        let guard = guard(&[("AGENT_RELAY_CORS_ORIGINS", "https://app.example")]);
        let from = |site: &str, origin: Option<&str>| {
            let mut headers = vec![("host", "localhost:4850"), ("sec-fetch-site", site)];
            headers.extend(origin.map(|origin| ("origin", origin)));
            ask(&guard, "/api", &headers).is_ok()
        };
        assert!(!from("cross-site", None) && !from("same-site", None));
        assert!(from("same-origin", None) && from("none", None));
        assert!(from("cross-site", Some("https://app.example")));
        assert!(!from("same-site", Some("http://app.localhost:3000")));
        let link = HeaderMap::from_iter([
            (header::HOST, "localhost:4850".parse().unwrap()),
            (SEC_FETCH_SITE, "cross-site".parse().unwrap()),
        ]);
        assert!(guard.check(&Uri::from_static("/"), &link, false).is_ok(), "a link opens the page");
    }

    #[test]
    fn the_refusal_names_the_variable_that_would_allow_it() {
        let headers = HeaderMap::from_iter([(header::HOST, "evil.example".parse().unwrap())]);
        let refused = guard(&[]).check(&Uri::from_static("/"), &headers, true).unwrap_err();
        assert!(refused.hint.unwrap().contains("AGENT_RELAY_ALLOWED_HOSTS"));
    }
}
