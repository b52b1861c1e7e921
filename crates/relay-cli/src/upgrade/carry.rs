//! Carrying a plan out, and putting everything back where the new version is not well.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use relay_store::StoreError;

use super::{
    archive::{self, Wanted},
    fetch, installed,
    plan::Plan,
    service::Service,
    swap,
};
use crate::{failure::Failure, output::Output};

/// Does what the plan says. Until the first program is replaced, a failure changes nothing.
pub async fn carry_out(
    plan: &Plan,
    service: Option<&Service>,
    output: Output,
) -> Result<(), Failure> {
    output.note(&format!("fetching {}", plan.url));
    let archive = fetch::archive(&plan.url, &plan.archive).await?;
    let ready = match stage(plan, &archive).await {
        Ok(()) => back_up(plan).await,
        Err(why) => Err(why),
    };
    if let Err(why) = ready {
        clear(plan);
        return Err(why);
    }
    output.note("putting the new programs in the place of the old ones");
    let mut replaced = Vec::new();
    for path in places(plan) {
        if let Err(why) = swap::swap(path) {
            let undone = put_back(&replaced);
            clear(plan);
            return Err(with(undone, file("replace", path, &why)));
        }
        replaced.push(path);
    }
    if let Some(service) = service.filter(|_| plan.restart.is_some()) {
        output.note("starting the service anew");
        if let Err(why) = restarted(plan, service).await {
            return Err(roll_back(plan, service, &replaced, &why).await);
        }
    }
    run(plan, output)
}

/// What is replaced, in the order of the plan.
fn places(plan: &Plan) -> impl Iterator<Item = &Path> {
    let programs = plan.programs.iter().map(|program| program.path.as_path());
    programs.chain(plan.marketplace.as_deref())
}

/// Unpacks each new program beside the old one, and asks it for its version.
async fn stage(plan: &Plan, bytes: &[u8]) -> Result<(), Failure> {
    clear(plan);
    let programs: Vec<(String, PathBuf)> = plan
        .programs
        .iter()
        .map(|program| {
            let name = format!("{}{}", program.name, std::env::consts::EXE_SUFFIX);
            (name, swap::staged(&program.path))
        })
        .collect();
    let marketplace = plan.marketplace.as_deref().map(swap::staged);
    let wanted = Wanted { programs: &programs, marketplace: marketplace.as_deref() };
    match archive::unpack(bytes, &wanted) {
        Ok(None) => {}
        Ok(Some(name)) => {
            return Err(Failure::refused(format_args!("{} has no {name}; {NOTHING}", plan.url)));
        }
        Err(why) => return Err(unpacking(plan, &why)),
    }
    for (name, staged) in &programs {
        match installed::version(staged).await {
            Some(version) if version == plan.version => {}
            said => {
                let said = said.map_or("does not run here".into(), |v| format!("says it is {v}"));
                return Err(Failure::refused(format_args!(
                    "the {name} of version {} {said}; {NOTHING}",
                    plan.version
                )));
            }
        }
    }
    Ok(())
}

const NOTHING: &str = "nothing was changed";

fn unpacking(plan: &Plan, why: &io::Error) -> Failure {
    let failure = |what: &str| Failure::refused(format_args!("{what}: {why}; {NOTHING}"));
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            failure("there is no room for the new programs").hint("make room on the disk")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            failure("the new programs cannot be written beside the old ones")
        }
        _ => failure(&format!("{} cannot be unpacked", plan.url)),
    }
}

/// Copies the database. An earlier copy is replaced when the new one is whole.
async fn back_up(plan: &Plan) -> Result<(), Failure> {
    let Some((database, to)) = &plan.backup else { return Ok(()) };
    let new = swap::staged(to);
    swap::remove(&new).map_err(|why| file("remove", &new, &why))?;
    let made = relay_store::backup(database, &new).await;
    made.map_err(|why| Failure::refused(format_args!("no backup: {why}; {NOTHING}")))?;
    fs::rename(&new, to).map_err(|why| file("write", to, &why))
}

async fn restarted(plan: &Plan, service: &Service) -> Result<(), String> {
    service.restart().map_err(|why| why.to_string())?;
    service.is_well(Some(&plan.version)).await
}

/// Old programs, old database where the new version has changed it, and the service as before.
async fn roll_back(plan: &Plan, service: &Service, replaced: &[&Path], why: &str) -> Failure {
    service.stop();
    let mut undone = put_back(replaced);
    if let Some((database, backup)) = &plan.backup
        && undone.is_ok()
    {
        undone = old_database(database, backup).await;
    }
    let undone = match undone {
        Ok(words) => match well_again(service).await {
            Ok(()) => Ok(words),
            Err(why) => Err(format!("the service does not start: {why}")),
        },
        Err(why) => Err(why),
    };
    with(undone, Failure::refused(format_args!("version {} is not well: {why}", plan.version)))
}

async fn well_again(service: &Service) -> Result<(), String> {
    service.restart().map_err(|why| why.to_string())?;
    service.is_well(None).await
}

/// Says of a failure that everything is as before, or what is not.
fn with(undone: Result<String, String>, failure: Failure) -> Failure {
    match undone {
        Ok(words) => failure.hint(format_args!("everything is put back as it was{words}")),
        Err(why) => failure.hint(format_args!("putting everything back has failed, too: {why}")),
    }
}

fn put_back(replaced: &[&Path]) -> Result<String, String> {
    for path in replaced.iter().rev() {
        swap::back(path).map_err(|why| file("put back", path, &why).to_string())?;
    }
    Ok(String::new())
}

/// An older program refuses a database that a newer one has brought up to date: then the copy that
/// was made before takes its place.
async fn old_database(database: &Path, backup: &Path) -> Result<String, String> {
    match relay_store::check(database).await {
        Err(StoreError::Newer { .. }) => {}
        _ => return Ok(String::new()),
    }
    let restored = relay_store::restore(backup, database).await.map_err(|why| why.to_string())?;
    let aside = restored.aside.map_or(String::new(), |aside| aside.display().to_string());
    Ok(format!(
        ", the database from the backup of before: {aside} is what the new version made of it"
    ))
}

/// What providers do themselves. The programs are new and well by now, whatever comes of it.
fn run(plan: &Plan, output: Output) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for line in &plan.then {
        let shown = line.join(" ");
        output.note(&format!("running {shown}"));
        let Some((program, arguments)) = line.split_first() else { continue };
        let done = Command::new(program).args(arguments).output();
        if !done.is_ok_and(|done| done.status.success()) {
            failed.push(shown);
        }
    }
    match failed.first() {
        None => Ok(()),
        Some(line) => Err(Failure::refused(format_args!(
            "the programs are of version {} now, but `{line}` failed",
            plan.version
        ))
        .hint("run it yourself to see why")),
    }
}

fn clear(plan: &Plan) {
    for path in places(plan) {
        let _ = swap::remove(&swap::staged(path));
    }
}

fn file(what: &str, path: &Path, why: &io::Error) -> Failure {
    Failure::refused(format_args!("cannot {what} {}: {why}", path.display()))
}
