//! A disk that is soon full.

use std::{fs, path::PathBuf, process::Command};

use super::{Home, load};

/// A disk of a few mebibytes.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where one may not be mounted.
    pub fn mount(home: &Home, mebibytes: u32) -> Option<Self> {
        let folder = home.join("disk");
        fs::create_dir(&folder).unwrap();
        let (to, size) = (folder.to_str().unwrap(), format!("size={mebibytes}m"));
        if load::works("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", to]) {
            return Some(Self(folder));
        }
        load::skip("a full disk: this user may not mount one");
        None
    }

    /// A file on it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
