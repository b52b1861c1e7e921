//! Commands that write files: which of their arguments is written.

use super::{Checked, command::Command, script::Reader, word::Word};

/// Judges a command that writes files; every other command passes.
pub(crate) fn check(reader: &Reader, command: &Command) -> Checked {
    match command.name {
        "dd" => dd(reader, command),
        "chmod" => chmod(reader, command),
        "sed" | "gsed" if command.has_option("i", &["in-place"]) => {
            each_written(reader, command, 1)
        }
        "tee" | "touch" | "mkdir" | "sponge" | "mkfifo" | "mktemp" => {
            each_written(reader, command, 0)
        }
        "cp" | "gcp" | "install" | "ln" => copied(reader, command),
        "mv" | "gmv" => {
            copied(reader, command)?;
            command.operands().try_for_each(|word| reader.writes(word, "moves files"))
        }
        "sort" => after(reader, command, &["-o", "--output"]),
        "tar" | "bsdtar" => tar(reader, command),
        "unzip" => after(reader, command, &["-d"]),
        _ => Ok(()),
    }
}

fn dd(reader: &Reader, command: &Command) -> Checked {
    match command.args.iter().find(|word| word.text.starts_with("of=")) {
        Some(word) if word.exact && super::place::is_sink(&word.text[3..]) => Ok(()),
        Some(word) if word.text.starts_with("of=/dev/") => {
            command.because("destroys disks or their contents")
        }
        Some(word) => {
            let target = Word { text: word.text[3..].to_owned(), ..word.clone() };
            reader.writes(&target, "writes")?;
            command.because("overwrites a file byte by byte")
        }
        None => Ok(()),
    }
}

fn chmod(reader: &Reader, command: &Command) -> Checked {
    if command.has_option("R", &["recursive"])
        && command.operands().next().is_none_or(|w| w.text != "-R")
    {
        return command.because("changes the rights of whole folders");
    }
    let mode = command.operands().next().map_or("", |word| word.text.as_str());
    let special = mode.contains('s')
        || mode.len() == 4 && !mode.starts_with('0') && mode.bytes().all(|b| b.is_ascii_digit());
    if special {
        return command.because("lets a program run as another user");
    }
    command.operands().skip(1).try_for_each(|word| reader.writes(word, "changes rights"))
}

/// Judges every operand from the nth on as a file that is written.
fn each_written(reader: &Reader, command: &Command, skip: usize) -> Checked {
    let valued: &[&str] = match command.name {
        "sed" | "gsed" => &["-e", "-f", "--expression", "--file"],
        "mkdir" | "mkfifo" => &["-m", "--mode"],
        "touch" => &["-d", "-r", "-t", "--date", "--reference"],
        "mktemp" => &["-p"],
        _ => &[],
    };
    let scripts =
        command.has(&["-e", "-f"]) || command.args.iter().any(|w| w.text.starts_with("--expr"));
    let skip = if scripts { 0 } else { skip };
    operands(command, valued).skip(skip).try_for_each(|word| reader.writes(word, "writes"))
}

/// The arguments that are neither options nor the values of these options.
fn operands<'a>(command: &'a Command, valued: &'a [&str]) -> impl Iterator<Item = &'a Word> {
    let mut value = false;
    command.args.iter().filter(move |word| {
        let was = std::mem::replace(&mut value, valued.contains(&word.text.as_str()));
        !was && !word.is_option()
    })
}

/// Judges the last operand, or the folder given by `-t`, as where files go.
fn copied(reader: &Reader, command: &Command) -> Checked {
    let folder = command
        .args
        .iter()
        .position(|word| matches!(word.text.as_str(), "-t" | "--target-directory"));
    if let Some(word) = folder.and_then(|at| command.args.get(at + 1)) {
        return reader.writes(word, "writes");
    }
    if let Some(word) =
        command.args.iter().find(|word| word.text.starts_with("--target-directory="))
    {
        return reader.writes(&Word { adrift: false, ..Word::plain(&word.text[19..]) }, "writes");
    }
    let operands: Vec<&Word> = command.operands().collect();
    match operands.as_slice() {
        [] => Ok(()),
        [_] if command.name == "ln" => Ok(()),
        [.., last] => reader.writes(last, "writes"),
    }
}

/// Judges the value of an option as a file or folder that is written, also where it is attached.
fn after(reader: &Reader, command: &Command, options: &[&str]) -> Checked {
    for (at, word) in command.args.iter().enumerate() {
        let Some(option) = options.iter().find(|option| word.text.starts_with(**option)) else {
            continue;
        };
        let attached = word.text[option.len()..].trim_start_matches('=');
        if !attached.is_empty() {
            reader.writes(&Word { exact: word.exact, ..Word::plain(attached) }, "writes")?;
        } else if let Some(value) = command.args.get(at + 1) {
            reader.writes(value, "writes")?;
        }
    }
    Ok(())
}

fn tar(reader: &Reader, command: &Command) -> Checked {
    if command.args.iter().any(|word| {
        [
            "--to-command",
            "--checkpoint-action",
            "--use-compress-program",
            "--rmt-command",
            "--rsh-command",
            "--remove-files",
        ]
        .iter()
        .any(|o| word.text.starts_with(o))
    }) {
        return command.because("runs a program or deletes files");
    }
    if command.args.iter().any(|word| matches!(word.text.as_str(), "-P" | "--absolute-names")) {
        return command.because("writes outside the project");
    }
    after(reader, command, &["-C", "--directory"])
}
