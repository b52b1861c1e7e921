//! Who holds a port: the name and number of the process that listens on it, where the system tells.

use std::fmt;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, as process lists show it.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Who listens on the port, on whichever address. Nobody where the system does not tell, or the process
/// is another user's.
#[cfg(target_os = "linux")]
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| linux::listeners(&table, port))
        .collect();
    linux::process_with_socket(&inodes)
}

/// Elsewhere the system's own tools tell; the hint names them.
#[cfg(not(target_os = "linux"))]
pub fn holder(_: u16) -> Option<Holder> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, path::Path};

    use super::Holder;

    /// The state of a socket that listens, as `/proc/net/tcp` writes it.
    const LISTEN: &str = "0A";

    /// The inodes of the sockets that listen on the port.
    pub fn listeners(table: &str, port: u16) -> Vec<String> {
        let port = format!(":{port:04X}");
        let listens = |fields: &Vec<&str>| {
            fields.get(1).is_some_and(|local| local.ends_with(&port))
                && fields.get(3) == Some(&LISTEN)
        };
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.filter(listens).filter_map(|fields| fields.get(9).map(|i| (*i).to_owned())).collect()
    }

    pub fn process_with_socket(inodes: &[String]) -> Option<Holder> {
        let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
        for process in processes {
            let pid = process.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(pid) = pid
                && has_open(&process.path(), &links)
            {
                let name = fs::read_to_string(process.path().join("comm")).ok()?;
                return Some(Holder { pid, name: name.trim().to_owned() });
            }
        }
        None
    }

    fn has_open(process: &Path, links: &[String]) -> bool {
        let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
        open.filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .any(|link| links.iter().any(|wanted| link.as_os_str() == wanted.as_str()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_this_process() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let holder = holder(listener.local_addr().unwrap().port()).unwrap();
            assert_eq!(holder.pid, std::process::id());
        }
    }

    #[test]
    fn a_port_that_nobody_holds_has_no_holder() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(holder(port), None);
    }
}
