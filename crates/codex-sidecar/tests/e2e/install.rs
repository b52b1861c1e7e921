//! Into the real Codex, and out of it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use codex_sidecar::app_server::{
    Address, Client, Notices,
    protocol::{Input, StartThread, StartTurn},
};
use relay_client::core::api::query::Messages;
use serde_json::Value;
use testkit::{
    World,
    codex::{Codex, Setup},
    program, until,
};

/// What Codex makes anew whenever one of its commands runs.
const CODEXS_OWN: &str = ".codex/tmp";

/// Each file with what it holds, each folder with nothing.
type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What lies below a folder.
fn listing(folder: &Path) -> Files {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if path.is_dir() && !path.is_symlink() {
                found.insert(name, None);
                left.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap_or_default()));
            }
        }
    }
    found
}

fn ran(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let said = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    (output, said)
}

/// A home with start files of shells, and what `codex-relay` and Codex do in it.
struct Home {
    codex: Codex,
    setup: Setup,
}

impl Home {
    async fn new(world: &World, setup: Setup) -> Self {
        let codex = Codex::new(&world.url()).await;
        fs::write(codex.path("home/.bashrc"), "shopt -s expand_aliases\nalias codex='codex '")
            .unwrap();
        fs::write(codex.path("home/.zshrc"), "").unwrap();
        fs::create_dir_all(codex.path("home/.config/fish")).unwrap();
        Self { codex, setup }
    }

    fn relay(&self, arguments: &[&str]) -> (Output, String) {
        ran(self.codex.command(&self.setup, &self.codex.launcher()).args(arguments))
    }

    /// Runs it, and it succeeds; what it says.
    fn done(&self, arguments: &[&str]) -> String {
        let (output, said) = self.relay(arguments);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    fn files(&self) -> Files {
        let mut files = listing(&self.codex.path("home"));
        files.retain(|name, _| !name.starts_with(CODEXS_OWN));
        files
    }

    fn plugins(&self) -> Value {
        let program = self.setup.codex.to_string_lossy();
        let mut codex = self.codex.command(&self.setup, &program);
        let output = codex.args(["plugin", "list", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a person gets who types this in a new shell, with Codex on `PATH` behind these.
    fn typed(&self, folders: &str, line: &str) -> String {
        let mut bash = self.codex.command(&self.setup, "bash");
        let codex = self.setup.codex.parent().unwrap().display();
        bash.env("PATH", format!("{folders}{codex}:{}", program::search_path()));
        ran(bash.args(["--rcfile"]).arg(self.codex.path("home/.bashrc")).args(["-ic", line])).1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_install_does_uninstall_takes_back_to_the_byte() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let home = Home::new(&world, setup).await;
    let before = home.files();

    let (output, said) = home.relay(&["install"]);
    assert_eq!(output.status.code(), Some(2), "nobody is there to be asked: {said}");
    let plan = home.done(&["install", "--dry-run"]);
    same(&before, &home.files());
    let said = home.done(&["install", "--yes"]);
    let steps: Vec<_> = plan.lines().filter(|line| said.contains(line)).collect();
    assert_eq!(steps.len(), plan.lines().count(), "the plan is what is done:\n{plan}---\n{said}");
    let plugin = home.plugins()["installed"][0].clone();
    assert_eq!(
        (&plugin["pluginId"], &plugin["enabled"]),
        (&"agent-relay@agent-relay".into(), &true.into())
    );
    assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));

    let installed = home.files();
    assert!(home.done(&["install"]).contains("already installed; nothing to change"));
    assert!(home.done(&["upgrade"]).contains("everything has this version already"));
    same(&installed, &home.files());

    let programs = format!("{}:", program::folder().display());
    let said = home.typed(&programs, "declare -F codex; codex --version; command codex --version");
    assert_eq!(said.matches("codex-cli ").count(), 2, "with and without the function: {said}");
    assert!(home.typed(&programs, "declare -F codex").contains("codex"), "it is a function");
    let said = home.typed("", "codex --version");
    assert!(said.contains("codex-cli "), "without codex-relay it is Codex itself: {said}");

    home.done(&["uninstall", "--dry-run"]);
    same(&installed, &home.files());
    home.done(&["uninstall"]);
    same(&before, &home.files());
    assert!(home.done(&["uninstall"]).contains("nothing is installed"));
}

/// The names of what was added, changed or removed.
fn differences(before: &Files, after: &Files) -> Vec<PathBuf> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// Exactly what was there is there.
fn same(before: &Files, after: &Files) {
    assert_eq!(differences(before, after), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_is_content_and_after_a_session_only_codexs_own_files_stay() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let home = Home::new(&world, setup).await;
    let before = home.files();
    let (output, said) = home.relay(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1), "nothing is installed: {said}");
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let broken: Vec<_> = findings.iter().filter(|finding| finding["state"] == "broken").collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert_eq!(broken[0]["check"], "plugin");
    assert!(broken[0]["hint"].as_str().unwrap().contains("codex-relay install"));

    home.done(&["install", "--yes"]);
    let (output, said) = home.relay(&["doctor", "--json"]);
    assert!(output.status.success(), "{said}");
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let checks: Vec<_> =
        findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    let all = ["codex", "plugin", "app-server", "shell", "daemon", "sandbox", "mcp", "relay"];
    assert_eq!(checks, all);
    assert!(findings.iter().all(|finding| finding["state"] == "ok"), "{findings:#?}");
    home.codex.nothing_is_left().await;

    let agent = world.joins("codex", home.codex.start(&home.setup)).await;
    let message = world.send(&agent, "hello").await;
    world.handled(message.id).await;
    home.codex.close();
    home.codex.nothing_is_left().await;
    home.done(&["uninstall", "--purge"]);
    let left = differences(&before, &home.files());
    let ours = left.iter().filter(|name| {
        !name.starts_with(".codex") || name.to_string_lossy().contains("agent-relay")
    });
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&PathBuf>::new(), "of all that is left: {left:#?}");
    home.codex.nothing_is_left().await;
}

/// A thread of plain Codex: no launcher, no bridge, only what the plugin brings.
struct Thread {
    client: Client,
    id: String,
    _notices: Notices,
}

impl Thread {
    async fn start(home: &Home, address: &Address) -> Self {
        let (client, notices, _) = Client::connect(address, "0").await.unwrap();
        let cwd = home.codex.path("project").to_string_lossy().into_owned();
        let start = StartThread { cwd, developer_instructions: None };
        let id = client.call(&start).await.unwrap().thread.id;
        Self { client, id, _notices: notices }
    }

    /// Says something; the context of the request that `has` this.
    async fn say(&self, home: &Home, text: &str, has: &str) -> String {
        let turn = StartTurn {
            thread_id: self.id.clone(),
            input: vec![Input::Text { text: text.to_owned() }],
            client_user_message_id: text.to_owned(),
            turn_trigger: "user",
            tool_output: None,
        };
        self.client.call(&turn).await.unwrap();
        until(&format!("the model sees {has}"), async || {
            let context = home.codex.model.context();
            context.contains(has).then_some(context)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_codex_has_the_skills_and_the_tools_and_runs_them_unasked() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let home = Home::new(&world, setup).await;
    home.done(&["install", "--no-wrap-codex"]);
    let server = home.codex.app_server(&home.setup).await;
    let address = Address { url: server.url.clone(), token: server.token.clone() };
    let thread = Thread::start(&home, &address).await;

    let context = thread.say(&home, "$agent-relay:pair claude mend the build", "<skill>").await;
    assert!(context.contains("Call the tool `pair` of the MCP server `agent_relay`"), "{context}");
    for skill in ["pair", "message", "send-claimable", "disconnect", "status", "label", "tags"] {
        assert!(context.contains(&format!("agent-relay:{skill}")), "{skill} is offered: {context}");
    }
    let tools = home.codex.model.requests().last().unwrap()["tools"].to_string();
    assert_eq!(tools.matches("mcp__agent_relay").count(), 1, "{tools}");

    let call = r#"mcp: agent_relay send {"to": "tester", "text": "from plain Codex"}"#;
    thread.say(&home, call, "msg:").await;
    let mail = until("the message", async || {
        let all = world.plain.messages(&Messages::default()).await.unwrap().items;
        all.into_iter().find(|message| message.body.as_str() == "from plain Codex")
    })
    .await;
    assert!(mail.verified, "its server registered it: {mail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_is_a_marketplace_and_what_the_user_changed_stays() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let home = Home::new(&world, setup).await;
    let clone = program::root().to_string_lossy().into_owned();
    let provider = format!("{clone}/providers/codex");
    let said = home.done(&["install", "--wrap-codex", "--plugin", &provider]);
    assert!(said.contains(&format!("codex plugin marketplace add {clone}")), "{said}");
    let source = home.plugins()["installed"][0]["source"]["path"].clone();
    assert_eq!(source, provider.as_str());
    assert!(!home.codex.path("home/.local/share/agent-relay/codex").exists());

    let bashrc = home.codex.path("home/.bashrc");
    let mine = fs::read_to_string(&bashrc).unwrap().replace("command codex \"$@\"", "echo mine");
    fs::write(&bashrc, &mine).unwrap();
    let config = home.codex.path("home/.codex/config.toml");
    let more = fs::read_to_string(&config).unwrap() + "\n[tui]\nnotifications = true\n";
    fs::write(&config, more).unwrap();
    let said = home.done(&["uninstall"]);
    assert!(said.contains(".bashrc: the lines between its markers were changed by hand"), "{said}");
    assert_eq!(fs::read_to_string(&bashrc).unwrap(), mine);
    let config = fs::read_to_string(&config).unwrap();
    assert!(config.contains("notifications = true") && !config.contains("agent-relay"), "{config}");
    assert!(home.plugins()["installed"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_marketplace_of_that_name_is_not_taken_over() {
    let Some(setup) = Setup::find() else { return };
    let world = World::new().await;
    let home = Home::new(&world, setup).await;
    let clone = program::root().to_string_lossy().into_owned();
    let codex = home.setup.codex.to_string_lossy().into_owned();
    let mut add = home.codex.command(&home.setup, &codex);
    let (output, said) = ran(add.args(["plugin", "marketplace", "add", &clone]));
    assert!(output.status.success(), "{said}");
    let before = home.files();
    let (output, said) = home.relay(&["install", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("use it with --plugin {clone}")), "{said}");
    same(&before, &home.files());
}
