//! completions/ and man/, from the definitions of the commands.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use netdiag::cli::{Cli, reference};
use netdiag::diagnose::catalogue::{self, Check};

use crate::{below, fresh, root};

/// Checks a directory against what belongs in it.
fn all_fresh(directory: &str, files: Vec<(String, String)>) {
    let mut names = BTreeSet::new();
    for (name, text) in files {
        let path = format!("{directory}/{name}");
        fresh(&path, &text);
        names.insert(path);
    }
    for (path, _) in below(directory) {
        if names.contains(&path) {
            continue;
        }
        assert!(
            std::env::var_os("UPDATE").is_some(),
            "{path} is of no command, run: make generate"
        );
        std::fs::remove_file(root(&path)).unwrap();
    }
}

#[test]
fn completions_are_fresh() {
    let shells = [
        (Shell::Bash, "netdiag.bash"),
        (Shell::Elvish, "netdiag.elv"),
        (Shell::Fish, "netdiag.fish"),
        (Shell::PowerShell, "_netdiag.ps1"),
        (Shell::Zsh, "_netdiag"),
    ];
    let files = shells.map(|(shell, name)| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "netdiag", &mut script);
        (name.to_owned(), String::from_utf8(script).unwrap())
    });
    all_fresh("completions", files.into());
}

#[test]
fn manual_pages_are_fresh() {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut files = Vec::new();
    pages(&command, &mut files);
    all_fresh("man", files);
}

/// The page of a command, and those of its subcommands.
fn pages(command: &Command, files: &mut Vec<(String, String)>) {
    let man = Man::new(command.clone()).source(concat!("netdiag ", env!("CARGO_PKG_VERSION")));
    files.push((man.get_filename(), page(&man, command)));
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages(command, files);
    }
}

/// As `Man::render`, with what all commands share on the first page, and a way there on the others.
fn page(man: &Man, command: &Command) -> String {
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text).unwrap();
    }
    let mut roff = Roff::new();
    if command.get_name() == "netdiag" {
        for (heading, entries) in reference::SECTIONS {
            roff.control("SH", [heading]);
            for (term, meaning) in entries {
                roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
            }
        }
    } else {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("netdiag"), roman("(1): exit status, environment, files")]);
    }
    roff.to_writer(&mut text).unwrap();
    // Each section starts with the same lines, which are needed once.
    let start = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    format!("{start}{}", String::from_utf8(text).unwrap().replace(start, ""))
}

/// A page of the documentation: what `netdiag explain ID` prints, as Markdown.
fn check_page(check: &Check) -> String {
    let mut text = format!("# {}\n\n{} ({}).\n", check.id, check.title, check.severity.name());
    for (heading, words) in check.sections() {
        let _ = write!(text, "\n## {heading}\n\n");
        if heading == "Verify by hand" {
            let _ = write!(text, "```sh\n{words}\n```\n");
        } else {
            let _ = writeln!(text, "{words}");
        }
    }
    text
}

#[test]
fn pages_of_checks_are_fresh() {
    let mut files: Vec<(String, String)> = catalogue::all()
        .map(|check| (format!("{}.md", check.id), check_page(check)))
        .collect();
    let mut index = "# Checks\n\nWhat `netdiag check` and `netdiag trace` find. Each page is what `netdiag explain ID` prints.\n".to_owned();
    for (family, checks) in catalogue::FAMILIES {
        let _ = write!(index, "\n## {family}\n\n");
        for check in checks {
            let _ = writeln!(index, "- [{}]({}.md): {}", check.id, check.id, check.title);
        }
    }
    files.push(("README.md".to_owned(), index));
    all_fresh("docs/checks", files);
}
