//! `GET /`: a page that says what this is, until the dashboard is built in.

use http::{HeaderValue, Response, header};

use super::{Body, reply};

/// The page's own style is the one that its policy names by digest.
const STYLE: &str = "\
:root{color-scheme:light dark;--edge:#8883}\
body{font:16px/1.6 system-ui,sans-serif;max-width:42rem;margin:12vh auto;padding:0 1.5rem}\
h1{font-size:2rem;letter-spacing:-.02em;margin:0}\
h1+p{margin-top:.25rem;opacity:.7}\
section{border:1px solid var(--edge);border-radius:12px;padding:.25rem 1.5rem;margin:1.5rem 0}\
h2{font-size:1rem;margin-bottom:.5rem}\
pre{overflow-x:auto;padding:.75rem 1rem;border-radius:8px;background:#8881;font-size:.9rem}\
a{color:inherit}";

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'sha256-KvGj0dXIPMZRF9dBzKuX+zj/K5jJxyoN39IbYI8TySM='; frame-ancestors 'none'; base-uri 'none'",
);

/// The page.
pub fn page() -> Response<Body> {
    let mut response = reply::text("text/html; charset=utf-8", html());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn html() -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Agent Relay</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Agent Relay</h1>
<p>A message bus for coding agents. This one is running.</p>
<section>
<h2>Try it in two terminals</h2>
<pre>agent-relay join alice
agent-relay inbox --wait</pre>
<pre>agent-relay join bob
agent-relay send alice "hello from bob"</pre>
</section>
<section>
<h2>The API</h2>
<p>Everything is plain HTTP and JSON: the <a href="/api/openapi.json">OpenAPI document</a> has
every route. <code>GET /api/events</code> is the live stream.</p>
</section>
<section>
<h2>The dashboard</h2>
<p>It is not built into this version. <code>agent-relay status</code>,
<code>agent-relay agents</code> and <code>agent-relay watch</code> show the same.</p>
</section>
</main>
</body>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use relay_core::token::Digest;

    use super::*;

    fn base64(hex: &str) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let nibbles = hex.bytes().map(|digit| char::from(digit).to_digit(16).unwrap());
        let mut bits: Vec<u32> =
            nibbles.flat_map(|nibble| (0..4).rev().map(move |bit| nibble >> bit & 1)).collect();
        bits.resize(bits.len().next_multiple_of(6), 0);
        let digit = |six: &[u32]| six.iter().fold(0, |number, bit| number * 2 + bit) as usize;
        let mut text: String = bits.chunks(6).map(|six| char::from(ALPHABET[digit(six)])).collect();
        while !text.len().is_multiple_of(4) {
            text.push('=');
        }
        text
    }

    #[test]
    fn the_policy_allows_the_pages_own_style_and_nothing_else_inline() {
        let digest = base64(Digest::of(STYLE).as_str());
        assert!(POLICY.to_str().unwrap().contains(&format!("'sha256-{digest}'")), "{digest}");
        let html = html();
        assert!(!html.contains("<script") && !html.contains("style="));
    }
}
