//! A session in this terminal: the screen, the keys and their signals are the terminal program's.

use std::{
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use relay_client::identity::Process;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{Launch, Signals, code};
#[cfg(unix)]
use crate::guardian::Watch;
use crate::{
    app_server::Address,
    args::Session,
    bridge::Mode,
    failure::{Failure, note},
    process::{end_tree, terminate},
};

/// The variable in which the terminal finds the token; no tool's environment has it.
pub const TOKEN_VARIABLE: &str = "AGENT_RELAY_CODEX_TOKEN";
/// How long the terminal may take to put the screen in order.
const GRACE: Duration = Duration::from_secs(3);

/// What ended the session.
enum End {
    Terminal(ExitStatus),
    Signal(u8),
    Server,
}

/// Runs it to its end.
pub async fn run(session: Session) -> Result<ExitCode, Failure> {
    let signals = Signals::listen().map_err(|error| cannot_begin(&error))?;
    let mut launch = Launch::start(&session, &[], Mode::Terminal).await?;
    let ended = attend(&session, &mut launch, signals).await;
    launch.end().await;
    match ended? {
        End::Terminal(status) => {
            if status.success() {
                // Codex names its server, which has ended with the session.
                note("To go on with this session: codex-relay resume --last");
            }
            Ok(code(status))
        }
        End::Signal(code) => Ok(ExitCode::from(code)),
        End::Server => Err(Failure::refused("codex app-server ended again and again")),
    }
}

async fn attend(
    session: &Session,
    launch: &mut Launch,
    mut signals: Signals,
) -> Result<End, Failure> {
    #[cfg(unix)]
    let mut watch = Watch::start().map_err(|error| cannot_begin(&error))?;
    let mut terminal = start(session, launch)?;
    let pid = terminal.id().unwrap_or_default();
    launch.server.spare(pid);
    #[cfg(unix)]
    {
        launch.server.spare(watch.id());
        if let Err(error) = watch.name(pid) {
            tracing::warn!(%error, "nobody watches the terminal");
        }
    }
    let end = tokio::select! {
        status = terminal.wait() => {
            return status.map(End::Terminal).map_err(|error| cannot_begin(&error));
        }
        code = signals.ended() => End::Signal(code),
        () = launch.server.gone() => End::Server,
    };
    end_terminal(&mut terminal, pid).await;
    Ok(end)
}

fn start(session: &Session, launch: &Launch) -> Result<Child, Failure> {
    let Some(Address { url, token }) = launch.server.address().borrow().clone() else {
        return Err(Failure::refused("codex app-server has ended at once"));
    };
    let mut command = Command::new(&launch.program);
    command.args(["--remote", &url, "--remote-auth-token-env", TOKEN_VARIABLE, "-C"]);
    command.arg(&launch.folder).args(&session.terminal).env(TOKEN_VARIABLE, token);
    command.current_dir(&launch.folder).spawn().map_err(|error| {
        let program = launch.program.display();
        Failure::refused(format_args!("{program} cannot be started: {error}"))
    })
}

/// Ends the terminal from outside. It is in our own process group, so that the shell can stop and
/// continue both; its own processes are found one by one.
async fn end_terminal(terminal: &mut Child, pid: u32) {
    let Some(process) = Process::find(pid) else { return };
    terminate(&process);
    if timeout(GRACE, terminal.wait()).await.is_err() {
        end_tree(&process);
        let _ = terminal.wait().await;
    }
}

fn cannot_begin(error: &std::io::Error) -> Failure {
    Failure::refused(format_args!("cannot begin: {error}"))
}
