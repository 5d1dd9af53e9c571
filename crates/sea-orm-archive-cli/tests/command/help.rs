//! What `--help` prints.

use crate::program::{command, run};

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

#[test]
fn usage_of_an_error_has_no_options_that_the_environment_sets() {
    let ran = command()
        .args(["purge"])
        .env("DATABASE_URL", "postgres://user@localhost/app")
        .env("SEA_ORM_ARCHIVE_ACTOR", "7")
        .env("SEA_ORM_ARCHIVE_TENANT", "3")
        .output()
        .unwrap();
    let error = String::from_utf8(ran.stderr).unwrap();
    let usage = "Usage: sea-orm-archive purge <ID|--expired|--older-than <DAYS>>\n";
    assert!(error.contains(usage), "{error}");
    let help = run(None, &["list", "--help"]).out;
    for variable in [
        "DATABASE_URL",
        "SEA_ORM_ARCHIVE_ACTOR",
        "SEA_ORM_ARCHIVE_TENANT",
    ] {
        assert!(help.contains(&format!("[env: {variable}]")), "{help}");
    }
}
