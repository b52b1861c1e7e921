//! The page that stands in until the dashboard is built.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::file::File;

/// What to do, for whoever reads the health check.
pub const REMEDY: &str =
    "`cargo xtask dashboard` builds it, and `cargo xtask serve` serves it (both take Node)";

const STYLE: &str = "\
:root{color-scheme:light dark;--edge:#8883}\
body{font:16px/1.6 system-ui,sans-serif;max-width:42rem;margin:12vh auto;padding:0 1.5rem}\
h1{font-size:2rem;letter-spacing:-.02em;margin:0}\
h1+p{margin-top:.25rem;opacity:.8}\
section{border:1px solid var(--edge);border-radius:12px;padding:.25rem 1.5rem;margin:1.5rem 0}\
h2{font-size:1rem;margin-bottom:.5rem}\
pre{overflow-x:auto;padding:.75rem 1rem;border-radius:8px;background:#8881;font-size:.9rem}\
a{color:inherit}";

/// The one inline style that is allowed is this page's own, by its digest.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'self'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 may stand in a header")
});

pub fn page() -> File {
    File::new("index.html", html().into(), POLICY.clone())
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
<p>A message bus for coding agents. This one is running; its dashboard has not been built.</p>
<section>
<h2>Build the dashboard</h2>
<p>With <a href="https://nodejs.org">Node</a> 20 or newer, in a checkout:</p>
<pre>cargo xtask serve</pre>
<p>builds it and starts the relay with it. <code>cargo xtask dashboard</code> only builds it.</p>
</section>
<section>
<h2>Without it</h2>
<p>Everything works all the same, from two terminals:</p>
<pre>agent-relay join alice
agent-relay inbox --wait</pre>
<pre>agent-relay join bob
agent-relay send alice "hello from bob"</pre>
<p><code>agent-relay status</code>, <code>agent-relay agents</code> and <code>agent-relay watch</code>
show what the dashboard would.</p>
</section>
<section>
<h2>The API</h2>
<p>Everything is plain HTTP and JSON: the <a href="/api/openapi.json">OpenAPI document</a> has
every route. <code>GET /api/events</code> is the live stream.</p>
</section>
</main>
</body>
</html>
"#
    )
}
