//! Where callbacks may go.
//!
//! A receiver may be on this machine or in a private network: that is where most of them are. What
//! no callback reaches is the link: there clouds answer every program on a machine with the
//! machine's own credentials. The address is checked that is then connected to, so that a name that
//! is looked up twice cannot mean two things.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;
use url::{Host, Url};

/// Where no callback goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callbacks never go to {0}: link-local, metadata, multicast or no address of a host")]
pub struct Forbidden(IpAddr);

/// Refuses an address in a URL that callbacks never go to. Names are checked when they are looked
/// up.
pub fn check_url(url: &Url) -> Result<(), Forbidden> {
    match url.host() {
        Some(Host::Ipv4(address)) => check(address.into()),
        Some(Host::Ipv6(address)) => check(address.into()),
        Some(Host::Domain(_)) | None => Ok(()),
    }
}

/// Refuses an address that callbacks never go to.
pub fn check(address: IpAddr) -> Result<(), Forbidden> {
    let forbidden = match address {
        IpAddr::V4(v4) => is_forbidden_v4(v4),
        IpAddr::V6(v6) => is_forbidden_v6(v6),
    };
    if forbidden { Err(Forbidden(address)) } else { Ok(()) }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    address.is_link_local()
        || address.octets()[0] == 0
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || is_metadata_v6(address)
        || embedded(address).is_some_and(is_forbidden_v4)
}

/// Clouds that answer over IPv6 do so on addresses of their own: Amazon's block, Google's and
/// Scaleway's servers.
fn is_metadata_v6(address: Ipv6Addr) -> bool {
    let amazon = address.segments()[..2] == [0xfd00, 0xec2];
    let google = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    let scaleway = Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42);
    amazon || address == google || address == scaleway
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (NAT64 with both
/// of its prefixes, SIIT) or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(last(high, low)),
        _ => None,
    }
}

/// Looks a name up.
type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Looks names up, and answers only with addresses that callbacks may go to.
#[derive(Clone)]
pub struct Resolver(Arc<LookUp>);

impl Resolver {
    /// Asks the system.
    pub fn system() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect()))
    }

    /// Asks a function, which may block.
    pub fn new(look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// The system's look-up cannot be called off. On a thread of its own it holds up nobody, least
    /// of all a relay that stops.
    async fn look_up(self, name: String) -> io::Result<Vec<IpAddr>> {
        let (send, receive) = oneshot::channel();
        let ask = move || {
            // Nobody waits any more where the attempt has run out of time.
            let _ = send.send((self.0)(&name));
        };
        std::thread::Builder::new().name("callback-name".to_owned()).spawn(ask)?;
        receive.await.map_err(io::Error::other)?
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = self.clone().look_up(name.as_str().to_owned());
        Box::pin(async move {
            let found = looking.await?;
            let addresses = allowed(&found)?.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// The addresses of a name that callbacks may go to; refused where none is left.
fn allowed(found: &[IpAddr]) -> Result<Vec<IpAddr>, Forbidden> {
    let left: Vec<IpAddr> = found.iter().copied().filter(|ip| check(*ip).is_ok()).collect();
    match found.first() {
        Some(first) if left.is_empty() => Err(Forbidden(*first)),
        _ => Ok(left),
    }
}

#[cfg(test)]
mod tests;
