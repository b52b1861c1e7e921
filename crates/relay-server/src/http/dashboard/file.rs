//! One file of the page: where it comes from, what it is, and for how long it may be kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderValue;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

/// Everything comes from here, nothing is inline, and text never becomes markup: where the browser
/// knows trusted types, it refuses even code of our own that would try.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The files that a release was built with; none where the page had not been built.
#[derive(RustEmbed)]
#[folder = "$RELAY_DASHBOARD"]
#[allow_missing = true]
struct Embedded;

/// SHA-256 of a file's content.
pub type Digest = [u8; 32];

/// One file, read.
pub struct File {
    /// Its path within the page.
    pub name: String,
    pub bytes: Bytes,
    pub digest: Digest,
    /// What a browser may do with it.
    pub policy: HeaderValue,
}

/// Where a debug build finds the page.
pub fn checkout() -> Option<PathBuf> {
    cfg!(debug_assertions).then(|| PathBuf::from(env!("RELAY_DASHBOARD")))
}

impl File {
    /// The file of this name in `folder`, or in this program where there is no folder.
    pub fn find(folder: Option<&Path>, name: &str) -> Option<Self> {
        if !is_plain(name) {
            return None;
        }
        let Some(folder) = folder else {
            let file = Embedded::get(name)?;
            let digest = file.metadata.sha256_hash();
            let bytes = match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => bytes.into(),
            };
            return Some(Self { name: name.to_owned(), bytes, digest, policy: POLICY });
        };
        // Joined one by one: on Windows a slash within a name is not always a separator.
        let path = name.split('/').fold(folder.to_owned(), |path, part| path.join(part));
        Some(Self::new(name, fs::read(path).ok()?.into(), POLICY))
    }

    pub fn new(name: &str, bytes: Bytes, policy: HeaderValue) -> Self {
        let digest = Sha256::digest(&bytes).into();
        Self { name: name.to_owned(), bytes, digest, policy }
    }

    /// What stands for its content in this encoding.
    pub fn tag(&self, packed: bool) -> String {
        let digest = URL_SAFE_NO_PAD.encode(&self.digest[..16]);
        format!("\"{digest}{}\"", if packed { "-gzip" } else { "" })
    }

    /// Whether its name changes with its content, so that it may be kept for ever.
    pub fn is_lasting(&self) -> bool {
        self.name.starts_with("assets/")
    }

    /// Whether it is text, which gzip makes smaller.
    pub fn packs(&self) -> bool {
        let media_type = self.media_type();
        media_type.contains("charset") || media_type.contains("json") || media_type.contains("svg")
    }

    pub fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            _ => "application/octet-stream",
        }
    }
}

/// Whether a name leads nowhere but into the folder, and to nothing that hides there.
fn is_plain(name: &str) -> bool {
    name.split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("page");
        fs::create_dir_all(folder.join("assets")).unwrap();
        for name in ["secret", "page/.hidden", "page/index.html", "page/assets/a.js"] {
            fs::write(root.path().join(name), name).unwrap();
        }
        let find = |name| File::find(Some(&folder), name);
        assert_eq!(find("assets/a.js").unwrap().bytes, "page/assets/a.js");
        for name in [
            "../secret",
            "assets/../../secret",
            "..\\secret",
            "/index.html",
            "assets//a.js",
            ".hidden",
            "assets/",
            "assets",
            "",
            "C:secret",
            "./index.html",
            "%2e%2e/secret",
        ] {
            assert!(find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_tag_is_of_the_content_and_of_its_encoding() {
        let file = |text: &'static str| File::new("a.js", text.into(), POLICY);
        assert_eq!(file("x").tag(false), file("x").tag(false));
        assert_ne!(file("x").tag(false), file("y").tag(false));
        assert_ne!(file("x").tag(false), file("x").tag(true));
    }
}
