//! The plan as a table: what was installed, what has become of it, what is taken back.

use super::*;
use crate::install::shell::{Block, StartFile};

const LINES: &str = "# >>> agent-relay: codex >>>\nours\n# <<< agent-relay: codex <<<\n";

fn installed() -> Situation {
    let block = Block { path: "/srv/.bashrc".into(), text: LINES.into(), ..Block::default() };
    let manifest = Manifest {
        marketplace: Some("/srv/data/codex".into()),
        plugin: true,
        files: [("/srv/data/codex/a".into(), "1".into()), ("/srv/data/codex/b".into(), "2".into())]
            .into(),
        blocks: vec![block],
        folders: vec!["/srv/data/codex".into()],
        ..Manifest::default()
    };
    let start = StartFile {
        path: "/srv/.bashrc".into(),
        text: Some(format!("mine\n{LINES}")),
        strange: false,
        lines: LINES.into(),
    };
    Situation {
        state: "/srv/state/codex".into(),
        config_file: "/srv/codex/config.toml".into(),
        marketplace: manifest.marketplace.clone(),
        plugin: Some(serde_json::from_str("{}").unwrap()),
        manifest: Some(manifest),
        starts: vec![start],
        ..Situation::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a file that is not there has no digest")]
fn as_written(path: &Path) -> Option<String> {
    Some(if path.ends_with("a") { "1" } else { "2" }.to_owned())
}

#[test]
fn everything_that_was_changed_is_taken_back() {
    let plan = plan(&installed(), false, true, &as_written);
    let expected = "\
        run     codex plugin remove agent-relay@agent-relay\n\
        run     codex plugin marketplace remove agent-relay\n\
        mend    /srv/codex/config.toml: the end that Codex rewrote, if nothing else is new\n\
        change  /srv/.bashrc: `codex` is Codex itself again\n\
        remove  /srv/data/codex: 2 files\n\
        remove  /srv/state/codex/install.json\n\
        remove  the folders of /srv/data/codex that are empty\n";
    assert_eq!(plan.to_string(), expected);
    let edit = plan.steps.iter().find_map(|step| match step {
        Step::Edit { to, .. } => to.clone(),
        _ => None,
    });
    assert_eq!(edit.as_deref(), Some("mine\n"));
}

#[test]
fn where_nothing_was_installed_nothing_is_done() {
    let mut now = installed();
    now.manifest = None;
    assert_eq!(plan(&now, false, true, &as_written), Plan::default());
}

#[test]
fn what_somebody_changed_since_is_left_with_a_word() {
    let mut now = installed();
    now.starts[0].text = Some(format!("mine\n{}", LINES.replace("ours", "theirs")));
    now.marketplace = Some("/srv/clone".into());
    now.plugin = None;
    let digest = |path: &Path| Some(if path.ends_with("a") { "edited" } else { "2" }.to_owned());
    let plan = plan(&now, false, true, &digest).to_string();
    for left in ["the marketplace at /srv/clone", "/srv/.bashrc", "/srv/data/codex/a"] {
        assert!(plan.contains(&format!("leave   {left}: ")), "{left} in {plan}");
    }
    assert!(!plan.contains("run ") && plan.contains("remove  /srv/data/codex/b\n"), "{plan}");
}

#[test]
fn what_is_gone_already_is_not_missed() {
    let mut now = installed();
    (now.marketplace, now.plugin) = (None, None);
    now.starts[0].text = Some("mine\n".into());
    let plan = plan(&now, false, true, &|_| None).to_string();
    assert!(
        !plan.contains("run ") && !plan.contains("leave") && !plan.contains("change"),
        "{plan}"
    );
}

#[test]
fn without_codex_the_rest_is_taken_back_and_the_way_said() {
    let plan = plan(&installed(), false, false, &as_written).to_string();
    assert!(plan.starts_with("leave   the plugin in Codex: codex is not found; `codex plugin"));
    assert!(plan.contains("change  /srv/.bashrc") && !plan.contains("run "), "{plan}");
}

#[test]
fn purging_forgets_the_sessions_and_their_tokens_even_without_an_installation() {
    let mut now = installed();
    now.manifest = None;
    now.remembers = true;
    now.tokens = vec!["/srv/state/agents/web.json".into()];
    let expected = "\
        remove  /srv/state/agents/web.json\n\
        remove  /srv/state/codex, and all in it\n\
        remove  the folders of /srv/state/agents, /srv/state/sessions that are empty\n";
    assert_eq!(plan(&now, true, true, &as_written).to_string(), expected);
    assert_eq!(plan(&now, false, true, &as_written), Plan::default());
}
