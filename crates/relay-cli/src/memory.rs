//! What a crash leaves behind: none of our memory, in which tokens and messages stand.

/// Asks the system for no core of this process. Where it refuses, the relay serves all the same.
#[cfg(unix)]
pub fn keep() {
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    // A limit does not count where cores go to a program; this leaves nothing to be sent there, and
    // unlike giving up being dumpable it lets this user still see who holds a port.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}

/// Elsewhere the system's crash reports are the user's to allow.
#[cfg(not(unix))]
pub fn keep() {}
