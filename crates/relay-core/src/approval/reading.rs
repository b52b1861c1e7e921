//! What `read-only` lets pass: programs known to read, without the options that do more.

use super::{
    Checked,
    command::{Command, option_is},
    git, remote, sed,
    word::Word,
};

/// Programs and builtins that read whatever their arguments, or change no more than the shell
/// that runs them.
const PLAIN: &[&str] = &[
    ":",
    "[",
    "arch",
    "b2sum",
    "basename",
    "break",
    "cal",
    "cat",
    "cksum",
    "cmp",
    "column",
    "comm",
    "continue",
    "cut",
    "df",
    "diff",
    "dirname",
    "dirs",
    "du",
    "echo",
    "egrep",
    "exa",
    "exit",
    "expand",
    "expr",
    "eza",
    "false",
    "fgrep",
    "fold",
    "fmt",
    "free",
    "getconf",
    "getent",
    "grep",
    "groups",
    "head",
    "hexdump",
    "id",
    "jobs",
    "join",
    "jq",
    "locale",
    "logname",
    "ls",
    "lsb_release",
    "lsblk",
    "lscpu",
    "lsof",
    "md5",
    "md5sum",
    "nl",
    "nm",
    "nproc",
    "numfmt",
    "objdump",
    "od",
    "paste",
    "pathchk",
    "pgrep",
    "pidof",
    "pr",
    "printenv",
    "ps",
    "pstree",
    "pwd",
    "readelf",
    "readlink",
    "realpath",
    "return",
    "rev",
    "seq",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "shasum",
    "shift",
    "size",
    "sleep",
    "stat",
    "strings",
    "sum",
    "sw_vers",
    "tac",
    "tail",
    "test",
    "times",
    "tokei",
    "tr",
    "true",
    "tsort",
    "tty",
    "type",
    "uname",
    "unexpand",
    "uptime",
    "users",
    "vmstat",
    "wait",
    "wc",
    "whatis",
    "whereis",
    "which",
    "who",
    "whoami",
    "zcat",
    "zgrep",
];

/// Programs that read but for some options: short ones, long ones.
const BUT_FOR: [(&str, &str, &[&str]); 15] = [
    ("base64", "o", &["output"]),
    (
        "cloc",
        "",
        &["out", "report-file", "vcs", "extract-with", "diff-timeout", "write-lang-def", "config"],
    ),
    ("date", "", &["set"]),
    ("fd", "xX", &["exec", "exec-batch"]),
    ("fdfind", "xX", &["exec", "exec-batch"]),
    ("file", "Cz", &["compile"]),
    ("hostname", "bF", &["boot", "file"]),
    ("iconv", "o", &["output"]),
    ("netstat", "", &[]),
    ("printf", "v", &[]),
    ("rg", "", &["pre", "hostname-bin"]),
    ("sort", "oT", &["output", "compress-program", "temporary-directory"]),
    ("ss", "K", &["kill"]),
    ("tree", "oR", &["output"]),
    ("yq", "is", &["inplace", "in-place", "split-exp", "split-exp-file"]),
];

/// Programs that may say their version.
const VERSIONED: &[&str] = &[
    "cargo", "cc", "clang", "cmake", "deno", "docker", "g++", "gcc", "go", "java", "make", "node",
    "npm", "php", "pip", "pnpm", "python", "python3", "ruby", "rustc", "tsc", "yarn",
];

/// Judges a command in `read-only`.
pub(crate) fn check(command: &Command) -> Checked {
    let name = command.name;
    let versioned = matches!(command.args, [one] if matches!(one.literal(), Some("--version" | "-V" | "version")));
    if PLAIN.contains(&name) {
        return plain(command);
    }
    if let Some((_, shorts, longs)) = BUT_FOR.iter().find(|(known, ..)| *known == name) {
        return but_for(command, shorts, longs);
    }
    let reads = match name {
        "git" => return git::reads(command),
        "gh" => remote::reads_forge(command),
        "sed" | "gsed" => sed::sed_reads(command.args),
        "awk" | "gawk" | "mawk" | "nawk" => sed::awk_reads(command.args),
        "uniq" | "xxd" => writes_no_second(command),
        "alias" => command.args.is_empty(),
        "set" => command.args.iter().all(|word| word.exact),
        "shopt" | "ulimit" | "umask" | "hash" => command.operands().next().is_none(),
        _ => versioned && VERSIONED.contains(&name),
    };
    if reads { Ok(()) } else { command.because("is not known to read only") }
}

/// True for one operand at most: a second one is where `uniq` and `xxd` write.
fn writes_no_second(command: &Command) -> bool {
    let unknown = |word: &Word| word.may_hide_option() || word.splits || is_many(word);
    let numeric = |word: &&Word| word.text.bytes().all(|b| b.is_ascii_digit());
    let reverses = command.name == "xxd" && command.has_option("r", &["revert"]);
    !command.args.iter().any(unknown)
        && !reverses
        && command.operands().filter(|word| !numeric(word)).count() < 2
}

/// True for a pattern, which may be several words.
fn is_many(word: &Word) -> bool {
    !word.exact && word.text.contains(['*', '?', '[', '{'])
}

fn plain(command: &Command) -> Checked {
    let looks_up = matches!(command.name, "test" | "[");
    // `test -v 'a[$(…)]'` runs what stands in the brackets.
    if looks_up && command.has(&["-v", "-R"]) {
        return command.because("calculates with what cannot be known");
    }
    // zsh calculates the sides of these, too.
    let numeric = command.has(&["-eq", "-ne", "-lt", "-le", "-gt", "-ge"]);
    let counted = |word: &Word| word.exact || word.text.starts_with("${#") || word.text == "$#";
    if looks_up && numeric && !command.args.iter().all(counted) {
        return command.because("calculates with what cannot be known");
    }
    Ok(())
}

fn but_for(command: &Command, shorts: &str, longs: &[&str]) -> Checked {
    if command.name == "printf" {
        return if command.args.first().is_some_and(|word| word.text.starts_with("-v")) {
            command.because("sets what cannot be known")
        } else {
            Ok(())
        };
    }
    if command.args.iter().any(Word::may_hide_option) {
        return command.because("could hide an option that writes");
    }
    if command.args.iter().any(|word| option_is(&word.text, shorts, longs)) {
        return command.because("writes or runs a program");
    }
    let sets = match command.name {
        "hostname" => command.operands().next().is_some(),
        // `-Iseconds` and `-d saturday` are no `-s`; eight digits are a time to be set.
        "date" => command.args.iter().any(|word| {
            let text = word.text.as_str();
            text.starts_with('-')
                && !text.starts_with("--")
                && !text.starts_with("-I")
                && !text.starts_with("-d")
                && text.contains('s')
                || text.len() > 7 && text.bytes().all(|b| b.is_ascii_digit())
        }),
        _ => false,
    };
    if sets { command.because("changes the machine") } else { Ok(()) }
}
