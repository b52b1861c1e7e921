//! Programs that speak over the network: what they fetch is read, what they send is not.

use rable::{Node, NodeKind};

use super::{
    Checked,
    command::Command,
    script::{Input, Reader},
    word::Word,
};

/// Programs that fetch something.
const FETCHERS: &[&str] = &["curl", "wget", "fetch", "http", "https", "xh", "aria2c", "nc", "ncat"];

/// Programs that talk to another machine whatever they are told.
const TALKERS: &[&str] = &[
    "ssh",
    "scp",
    "sftp",
    "ftp",
    "lftp",
    "telnet",
    "nc",
    "ncat",
    "netcat",
    "socat",
    "mail",
    "mailx",
    "sendmail",
    "mutt",
    "mosh",
    "rclone",
    "ssh-copy-id",
    "ngrok",
];

/// True for programs that this module judges.
pub(crate) fn knows(name: &str) -> bool {
    FETCHERS.contains(&name)
        || TALKERS.contains(&name)
        || matches!(name, "rsync" | "gh" | "glab" | "hub")
        || CLOUDS.iter().any(|(cloud, _)| *cloud == name)
}

/// True where a command, or one in its pipeline, fetches from the network.
pub(crate) fn fetches(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Command { words, .. } => words.iter().any(|word| match &word.kind {
            NodeKind::Word { value, .. } => {
                FETCHERS.contains(&value.rsplit('/').next().unwrap_or(value))
            }
            _ => false,
        }),
        NodeKind::Pipeline { commands, .. } => commands.iter().any(fetches),
        NodeKind::List { items } => items.iter().any(|item| fetches(&item.command)),
        NodeKind::Subshell { body, .. } | NodeKind::BraceGroup { body, .. } => fetches(body),
        _ => false,
    }
}

/// What a word made by `$(…)` or `<(…)` brings in.
pub(crate) fn substituted(word: &Word) -> Input {
    let words = word.raw.split(|c: char| c.is_whitespace() || "(`\"';|&/)".contains(c));
    let mut words = words.filter(|word| !word.is_empty());
    if words.any(|word| FETCHERS.contains(&word)) { Input::Network } else { Input::Unknown }
}

/// Judges such a program in `guarded`.
pub(crate) fn check(reader: &Reader, command: &Command) -> Checked {
    match command.name {
        "curl" => curl(reader, command),
        "wget" => wget(reader, command),
        "rsync" => rsync(reader, command),
        "gh" | "glab" | "hub" if reads_forge(command) => Ok(()),
        "gh" | "glab" | "hub" => command.because("changes what others see"),
        "http" | "https" | "xh" if command.operands().all(|word| !sends(&word.text)) => Ok(()),
        "aria2c" | "fetch" => Ok(()),
        name => match CLOUDS.iter().find(|(cloud, _)| *cloud == name) {
            Some((_, reading)) if reads_cloud(command, reading) => Ok(()),
            _ if command.has(&["--version", "--help", "-V"]) => Ok(()),
            _ => command.because("reaches another machine"),
        },
    }
}

fn sends(word: &str) -> bool {
    matches!(word, "POST" | "PUT" | "PATCH" | "DELETE")
        || word.contains('=') && !word.contains("==") && !word.contains("://")
}

fn is_local(word: &Word) -> bool {
    let text = word.known();
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host =
        if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]:" | "0.0.0.0") || host.starts_with("[::1]")
}

fn curl(reader: &Reader, command: &Command) -> Checked {
    let mut sends = false;
    let mut addresses = Vec::new();
    let mut words = command.args.iter();
    while let Some(word) = words.next() {
        let Some((option, attached)) = curl_option(&word.text) else {
            addresses.push(word);
            continue;
        };
        let value = attached.map(Word::plain).or_else(|| words.next().cloned());
        let Some(value) = value.filter(|_| !option.is_empty()) else { continue };
        match option {
            "K" | "config" => return command.because("takes its orders from a file"),
            "X" | "request" => sends |= !matches!(value.text.as_str(), "GET" | "HEAD" | "OPTIONS"),
            "url" => addresses.push(word),
            _ if value.text == "-" => {}
            _ if CURL_WRITES.contains(&option) => reader.writes(&value, "writes")?,
            _ => sends |= CURL_SENDS.contains(&option),
        }
    }
    let local = !addresses.is_empty() && addresses.into_iter().all(is_local);
    if sends && !local { command.because("sends to another machine") } else { Ok(()) }
}

/// Options of curl whose value is a file that it writes.
const CURL_WRITES: &[&str] = &[
    "o",
    "output",
    "output-dir",
    "c",
    "cookie-jar",
    "D",
    "dump-header",
    "trace",
    "trace-ascii",
    "etag-save",
    "stderr",
];

/// Options of curl whose value is sent.
const CURL_SENDS: &[&str] = &[
    "d",
    "data",
    "data-ascii",
    "data-binary",
    "data-raw",
    "data-urlencode",
    "F",
    "form",
    "form-string",
    "json",
    "T",
    "upload-file",
    "Q",
    "quote",
    "mail-from",
];

/// Other options of curl that take a value.
const CURL_VALUED: &[&str] = &[
    "H",
    "header",
    "u",
    "user",
    "A",
    "user-agent",
    "w",
    "write-out",
    "m",
    "max-time",
    "connect-timeout",
    "retry",
    "retry-delay",
    "e",
    "referer",
    "b",
    "cookie",
    "x",
    "proxy",
    "cacert",
    "E",
    "cert",
    "key",
    "resolve",
    "r",
    "range",
    "X",
    "request",
    "K",
    "config",
    "url",
    "C",
    "continue-at",
    "y",
    "Y",
    "z",
    "t",
    "P",
];

/// The option that an argument of curl is, with a value that is attached to it. An option without
/// a value has an empty name and value.
fn curl_option(text: &str) -> Option<(&str, Option<&str>)> {
    let valued =
        |name: &&str| [CURL_WRITES, CURL_SENDS, CURL_VALUED].iter().any(|l| l.contains(name));
    if let Some(long) = text.strip_prefix("--") {
        return Some(if valued(&long) { (long, None) } else { ("", Some("")) });
    }
    let cluster = text.strip_prefix('-').filter(|cluster| !cluster.is_empty())?;
    let found = cluster.char_indices().find_map(|(at, c)| {
        let name = &cluster[at..at + c.len_utf8()];
        let rest = &cluster[at + c.len_utf8()..];
        valued(&name).then_some((name, (!rest.is_empty()).then_some(rest)))
    });
    Some(found.unwrap_or(("", Some(""))))
}

fn wget(reader: &Reader, command: &Command) -> Checked {
    let posts = command.args.iter().any(|w| {
        ["--post-data", "--post-file", "--body-data", "--body-file", "--method"]
            .iter()
            .any(|o| w.text.starts_with(o))
    });
    if posts && !command.operands().all(is_local) {
        return command.because("sends to another machine");
    }
    for pair in command.args.windows(2) {
        let to_file = pair[0].text.starts_with('-')
            && !pair[0].text.starts_with("--")
            && pair[0].text.ends_with(['O', 'P']);
        if to_file && pair[1].text != "-" {
            reader.writes(&pair[1], "writes")?;
        }
    }
    for word in command.args {
        if let Some((_, target)) = word
            .text
            .split_once("--output-document=")
            .or(word.text.split_once("--directory-prefix="))
        {
            reader.writes(&Word { adrift: false, ..Word::plain(target) }, "writes")?;
        }
    }
    Ok(())
}

fn rsync(reader: &Reader, command: &Command) -> Checked {
    if command.args.iter().any(|w| w.text.starts_with("--del") || w.text.starts_with("--remove")) {
        return command.because("deletes files");
    }
    if command.operands().any(|word| word.text.contains(':')) {
        return command.because("reaches another machine");
    }
    command.operands().last().map_or(Ok(()), |target| reader.writes(target, "writes"))
}

/// True for the subcommands of a forge's command line that only look.
pub(crate) fn reads_forge(command: &Command) -> bool {
    let mut verbs = command.operands().map(|word| word.text.as_str());
    let (noun, verb) = (verbs.next().unwrap_or_default(), verbs.next().unwrap_or_default());
    let opens = command.args.iter().any(Word::may_hide_option) || command.has(&["-w", "--web"]);
    let looks = matches!(verb, "view" | "list" | "ls" | "status" | "diff" | "checks" | "watch");
    match noun {
        "pr" | "mr" | "issue" | "run" | "release" | "repo" | "workflow" | "label" | "auth"
        | "ci" | "gist" => {
            looks && !opens && !(noun == "auth" && command.has(&["--show-token", "-t"]))
        }
        "search" | "status" | "version" | "--version" | "help" => !opens,
        "" => command.has(&["--version", "--help"]),
        _ => false,
    }
}

/// Cloud and cluster programs, with the verbs that only look.
const CLOUDS: &[(&str, &[&str])] = &[
    ("ansible", &[]),
    ("ansible-playbook", &[]),
    ("aws", &["ls", "describe", "list", "get", "help", "configure list"]),
    ("az", &["list", "show", "version"]),
    ("firebase", &["list"]),
    ("fly", &["status", "logs", "list", "version"]),
    ("flyctl", &["status", "logs", "list", "version"]),
    ("gcloud", &["list", "describe", "info", "version"]),
    ("helm", &["list", "ls", "status", "get", "show", "template", "lint", "version", "history"]),
    ("heroku", &["logs", "info", "ps"]),
    (
        "kubectl",
        &[
            "get",
            "describe",
            "logs",
            "version",
            "explain",
            "top",
            "diff",
            "cluster-info",
            "api-resources",
        ],
    ),
    ("netlify", &["status"]),
    ("pulumi", &["preview", "version", "about"]),
    (
        "terraform",
        &["plan", "show", "validate", "fmt", "init", "version", "output", "graph", "providers"],
    ),
    (
        "tofu",
        &["plan", "show", "validate", "fmt", "init", "version", "output", "graph", "providers"],
    ),
    ("vercel", &["ls", "list", "inspect", "logs", "whoami", "dev"]),
    ("wrangler", &["dev", "whoami", "tail", "types"]),
];

fn reads_cloud(command: &Command, reading: &[&str]) -> bool {
    let known = |word: &Word| {
        reading.iter().any(|verb| {
            word.text == *verb
                || word.text.strip_prefix(verb).is_some_and(|rest| rest.starts_with('-'))
        })
    };
    let direct = matches!(
        command.name,
        "kubectl"
            | "helm"
            | "terraform"
            | "tofu"
            | "fly"
            | "flyctl"
            | "vercel"
            | "wrangler"
            | "pulumi"
    );
    let most = if direct { 1 } else { 4 };
    command.operands().take(most).any(known)
}
