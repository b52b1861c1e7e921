//! docs/configuration.md, from `relay_core::env`.

use relay_core::env::{self, Reader, Variable};

use crate::page::{fill, table};

pub fn page() -> String {
    let parts = [
        ("server", variables(Reader::Server)),
        ("client", variables(Reader::Client)),
        ("claude", variables(Reader::Claude)),
        ("codex", variables(Reader::Codex)),
        ("telegram", variables(Reader::Telegram)),
        ("upgrade", variables(Reader::Upgrade)),
    ];
    fill(include_str!("../pages/configuration.md"), &parts)
}

fn variables(reader: Reader) -> String {
    let ours = env::ALL.iter().filter(|variable| variable.reader == reader);
    table(["Variable", "Default", "Meaning"], ours.map(row))
}

fn row(variable: &Variable) -> [String; 3] {
    let name = match variable.short {
        Some(short) => format!("`{}`, also `{short}`", variable.name),
        None => format!("`{}`", variable.name),
    };
    let secret = if variable.secret { " Never printed." } else { "" };
    [name, variable.default.to_owned(), format!("{}{secret}", variable.purpose)]
}
