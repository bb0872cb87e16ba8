//! Brings the founding story up and leaves a shell in it; the lab goes away with the shell.
//!
//! Usage: `lab-story [--bird 1|2] [--store etcd-v3|etcd-v2] [--healthy] [--netdiag PATH] [-- COMMAND …]`

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use netdiag_lab::{Bird, Error, Gateway, HOSTS, OnOtherNodes, Result, Store, Story, StoryPlan};

const USAGE: &str = "\
lab-story [--bird 1|2] [--store etcd-v3|etcd-v2] [--healthy] [--netdiag PATH] [-- COMMAND ...]

Brings up four nodes that Calico gave the wrong addresses, and leaves a shell in
the first. With COMMAND, runs that instead of a shell.
";

const SHELL_START: &str = "HISTFILE=\nPS1='\\[\\e[1m\\]\\h\\[\\e[0m\\]:\\w# '\n";

struct Arguments {
    plan: StoryPlan,
    netdiag: PathBuf,
    command: Vec<String>,
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let outcome = match parse(&mut arguments) {
        Ok(Some(arguments)) => play(arguments),
        Ok(None) => say(USAGE).map(|()| ExitCode::SUCCESS),
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "lab-story: {error}");
        ExitCode::FAILURE
    })
}

fn parse(words: &mut impl Iterator<Item = String>) -> Result<Option<Arguments>> {
    // The gateway that makes BIRD say what the story is known for.
    let mut plan = StoryPlan::first_found().gateway(Gateway::Closes);
    let mut netdiag = None;
    let mut command = Vec::new();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        plan = match word.as_str() {
            "--bird" => match value().as_str() {
                "1" => plan.bird(Bird::V1),
                "2" => plan.bird(Bird::V2),
                other => return Err(usage(&format!("--bird is 1 or 2, not {other:?}"))),
            },
            "--store" => match value().as_str() {
                "etcd-v3" => plan.store(Store::V3),
                "etcd-v2" => plan.store(Store::V2),
                other => return Err(usage(&format!("--store is etcd-v3 or etcd-v2, not {other:?}"))),
            },
            "--healthy" => plan.healthy(),
            "--netdiag" => {
                netdiag = Some(PathBuf::from(value()));
                plan
            }
            "-h" | "--help" => return Ok(None),
            "--" => {
                command.extend(words.by_ref());
                plan
            }
            other => return Err(usage(&format!("what is {other:?}?"))),
        };
    }
    let netdiag = netdiag.map_or_else(netdiag_beside, |path| {
        path.canonicalize()
            .map_err(|error| usage(&format!("--netdiag {}: {error}", path.display())))
    })?;
    Ok(Some(Arguments {
        plan,
        netdiag,
        command,
    }))
}

fn usage(what: &str) -> Error {
    Error::Failed(format!("{what}\n\n{USAGE}"))
}

/// The netdiag that was built beside this program.
fn netdiag_beside() -> Result<PathBuf> {
    let own = env::current_exe().map_err(|error| Error::Failed(format!("own path: {error}")))?;
    Ok(own.with_file_name("netdiag"))
}

fn play(arguments: Arguments) -> Result<ExitCode> {
    let Arguments {
        plan,
        netdiag,
        command,
    } = arguments;
    let story = plan.up()?;
    for host in HOSTS {
        story
            .node(host.name)
            .sh(&format!("ln -s '{}' /run/lab/bin/netdiag", netdiag.display()))
            .ok()?;
    }
    let node = story.node("node1");
    let _on = OnOtherNodes::serve(story.lab(), node, story.environment())?;
    node.write("/run/lab/shell", SHELL_START)?;
    let mut enter = node.enter();
    if command.is_empty() {
        say(&page(&story))?;
        if !netdiag.exists() {
            say(&format!(
                "(There is no {}: build it first.)\n\n",
                netdiag.display()
            ))?;
        }
        enter.args(["bash", "--noprofile", "--rcfile", "/run/lab/shell", "-i"]);
    } else {
        enter.args(command);
    }
    for name in ["TERM", "COLORTERM", "NO_COLOR", "LANG", "COLUMNS", "LINES"] {
        if let Some(value) = env::var_os(name) {
            enter.env(name, value);
        }
    }
    enter.envs(story.environment());
    let status = enter
        .status()
        .map_err(|error| Error::Failed(format!("shell: {error}")))?;
    drop(story);
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Error::Failed(format!("standard output: {error}")))
}

fn page(story: &Story) -> String {
    let variables = story.environment();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "\
This is node1 of four (node1..node4 = 192.168.80.23..26). Pods of one node reach
each other, pods of different nodes don't. Find out why, and mend it:

    ip netns exec pod1 ping -c 2 192.168.250.83      a pod of node2
    netdiag node status
    netdiag check --fix-to fix.yaml
    netdiag apply -f fix.yaml
    netdiag node status                              again, after some seconds

    on node2 netdiag node status                     the same on another node
    on node2 ip route

The datastore: {}
`exit` takes all of it away; this machine's own network is not touched.

",
        variables.join(" ")
    )
}
