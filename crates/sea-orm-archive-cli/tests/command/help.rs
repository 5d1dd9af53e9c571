//! What `--help` prints.

use crate::program::run;

/// The names of the subcommands, as `--help` lists them.
fn subcommands() -> Vec<String> {
    let help = run(None, &["--help"]).out;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn help_of_each_subcommand_ends_with_examples_that_name_it() {
    let names = subcommands();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let help = run(None, &[&name, "--help"]).out;
        let (_, examples) = help.rsplit_once("\n\n").unwrap();
        assert!(examples.starts_with("Example"), "{help}");
        assert!(
            examples.contains(&format!("sea-orm-archive {name}")),
            "{help}"
        );
    }
}

#[test]
fn missing_arguments_are_named_as_a_choice() {
    for (command, choice) in [
        ("purge", "<ID|--expired|--older-than <DAYS>>"),
        ("undo", "<--request <ID>|--transaction <ID>>"),
    ] {
        let ran = run(None, &[command]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(choice), "{ran:?}");
    }
    let help = run(None, &["restore", "--help"]).out;
    assert!(help.contains("[default: -{n}]"), "{help}");
    assert!(help.lines().all(|line| line == line.trim_end()), "{help}");
}
