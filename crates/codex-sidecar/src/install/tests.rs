//! The plan as a table: what is there, what is wanted, what is done.

use super::{codex::Plugin, shell::StartFile, *};

fn clean() -> Situation {
    let start = |path: &str, text: Option<&str>| StartFile {
        path: path.into(),
        text: text.map(str::to_owned),
        strange: false,
        lines: "# >>> agent-relay: codex >>>\nours\n# <<< agent-relay: codex <<<\n".into(),
    };
    Situation {
        folder: "/srv/data/codex".into(),
        state: "/srv/state/codex".into(),
        config_file: "/srv/codex/config.toml".into(),
        starts: vec![start("/srv/.bashrc", Some("mine\n")), start("/srv/.zshrc", None)],
        absent: vec!["/srv/data".into(), "/srv/data/codex".into()],
        ..Situation::default()
    }
}

fn wishes(wrap: bool) -> Wishes {
    Wishes { wrap, plugin: None }
}

/// What is there when the plan has been carried out.
fn after(mut now: Situation, plan: &Plan) -> Situation {
    let mut plugin = now.plugin.take();
    for step in &plan.steps {
        match step {
            Step::Remember { manifest, .. } => now.manifest = Some(*manifest.clone()),
            Step::Unpack { .. } => now.unpacked = true,
            Step::Codex { arguments } => {
                let words: Vec<_> = arguments.iter().map(String::as_str).collect();
                match words[1..] {
                    ["add", _] => plugin = Some(listed(VERSION, true)),
                    ["remove", _] => plugin = None,
                    ["marketplace", "add", folder] => now.marketplace = Some(folder.into()),
                    _ => now.marketplace = None,
                }
            }
            Step::Edit { path, to, .. } => {
                let start = now.starts.iter_mut().find(|start| start.path == *path).unwrap();
                start.text.clone_from(to);
            }
            other => panic!("not of installing: {other}"),
        }
    }
    now.plugin = plugin;
    now.absent.clear();
    now
}

fn listed(version: &str, enabled: bool) -> Plugin {
    let text = serde_json::json!({"pluginId": PLUGIN, "version": version, "enabled": enabled});
    serde_json::from_value(text).unwrap()
}

fn installed(wrap: bool) -> Situation {
    after(clean(), &plan(&clean(), &wishes(wrap)).unwrap())
}

#[test]
fn what_changes_is_written_down_before_it_is_changed() {
    let plan = plan(&clean(), &wishes(true)).unwrap();
    let expected = "\
        write   /srv/state/codex/install.json: what is changed, for `uninstall`\n\
        write   /srv/data/codex: the plugin, 11 files\n\
        run     codex plugin marketplace add /srv/data/codex\n\
        run     codex plugin add agent-relay@agent-relay\n\
        change  /srv/.bashrc: `codex` starts through the relay\n\
        change  /srv/.zshrc: `codex` starts through the relay\n";
    assert_eq!(plan.to_string(), expected);
    let Step::Remember { manifest, .. } = &plan.steps[0] else { panic!("{plan}") };
    assert!(manifest.plugin && manifest.blocks.len() == 2 && manifest.files.len() == FILES.len());
    assert_eq!(manifest.folders, clean().absent);
}

#[test]
fn installing_twice_changes_nothing() {
    for wrap in [true, false] {
        let again = plan(&installed(wrap), &wishes(wrap)).unwrap();
        assert_eq!(again, Plan::default(), "{again}");
    }
}

#[test]
fn what_is_missing_or_old_is_put_right() {
    let steps = |change: &dyn Fn(&mut Situation)| {
        let mut now = installed(true);
        change(&mut now);
        plan(&now, &wishes(true)).unwrap().steps[1..]
            .iter()
            .map(Step::to_string)
            .collect::<Vec<_>>()
    };
    let add = "run     codex plugin add agent-relay@agent-relay";
    assert_eq!(steps(&|now| now.plugin = None), [add]);
    assert_eq!(steps(&|now| now.plugin = Some(listed("0.0.1", true))), [add]);
    assert_eq!(steps(&|now| now.plugin = Some(listed(VERSION, false))), [add]);
    let unpack = "write   /srv/data/codex: the plugin, 11 files";
    assert_eq!(steps(&|now| now.unpacked = false), [unpack, add]);
    assert_eq!(steps(&|now| now.starts[0].text = None).len(), 1);
}

#[test]
fn a_file_that_the_plugin_no_longer_has_is_removed() {
    let mut now = installed(false);
    let old = PathBuf::from("/srv/data/codex/providers/codex/skills/old/SKILL.md");
    now.manifest.as_mut().unwrap().files.insert(old.clone(), "x".into());
    let plan = plan(&now, &wishes(false)).unwrap();
    assert_eq!(plan.steps[1..], [Step::Remove { paths: vec![old] }]);
}

#[test]
fn older_lines_of_ours_are_renewed_and_changed_ones_left() {
    let renewed = |known: bool| {
        let mut now = installed(true);
        let old = now.starts[0].lines.replace("ours", "older");
        now.starts[0].text = Some(format!("mine\n{old}"));
        if known {
            now.manifest.as_mut().unwrap().blocks[0].text = old;
        }
        plan(&now, &wishes(true)).unwrap()
    };
    let Step::Edit { to, .. } = &renewed(true).steps[1] else { panic!() };
    assert!(to.as_ref().unwrap().contains("\nours\n"));
    let left = renewed(false);
    assert!(left.is_empty() && left.to_string().starts_with("leave   /srv/.bashrc"), "{left}");
}

#[test]
fn saying_no_later_takes_the_lines_out_again() {
    let plan = plan(&installed(true), &wishes(false)).unwrap();
    let mut edits = plan.steps[1..].iter();
    let Some(Step::Edit { to: Some(text), .. }) = edits.next() else { panic!("{plan}") };
    assert_eq!(text, "mine\n");
    let Some(Step::Edit { to: None, .. }) = edits.next() else { panic!("{plan}") };
    let Step::Remember { manifest, .. } = &plan.steps[0] else { panic!("{plan}") };
    assert!(manifest.blocks.is_empty() && !manifest.wrap);
}

#[test]
fn a_marketplace_of_somebody_elses_is_not_touched_but_may_be_used() {
    let mut now = clean();
    now.marketplace = Some("/srv/clone".into());
    let refused = plan(&now, &wishes(false)).unwrap_err();
    assert!(refused.to_string().contains("at /srv/clone already"), "{refused}");
    let wishes = Wishes { wrap: false, plugin: Some("/srv/clone".into()) };
    let plan = plan(&now, &wishes).unwrap();
    assert_eq!(plan.steps[1..], [command(&["plugin", "add", PLUGIN])]);
    let Step::Remember { manifest, .. } = &plan.steps[0] else { panic!("{plan}") };
    assert!(manifest.plugin && manifest.marketplace.is_none() && manifest.files.is_empty());
}

#[test]
fn what_somebody_else_installed_is_not_ours_to_remove() {
    let mut now = clean();
    now.marketplace = Some("/srv/clone".into());
    now.plugin = Some(listed(VERSION, true));
    let wishes = Wishes { wrap: false, plugin: Some("/srv/clone".into()) };
    let plan = plan(&now, &wishes).unwrap();
    let Step::Remember { manifest, .. } = &plan.steps[0] else { panic!("{plan}") };
    assert!(!manifest.plugin && manifest.marketplace.is_none());
}

#[test]
fn the_plugin_may_move_from_this_program_to_a_clone() {
    let wishes = Wishes { wrap: false, plugin: Some("/srv/clone".into()) };
    let plan = plan(&installed(false), &wishes).unwrap().to_string();
    let at = |line: &str| plan.find(line).unwrap_or_else(|| panic!("{line} in {plan}"));
    assert!(at("plugin marketplace remove agent-relay") < at("plugin marketplace add /srv/clone"));
    assert!(at("plugin marketplace add /srv/clone") < at("plugin add agent-relay@agent-relay"));
    assert!(plan.contains("remove  /srv/data/codex: 11 files\n"), "{plan}");
}
