//! `--node`: the same capture on another node, whose output comes here.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::{Args, Context, Error, Outcome};
use crate::cli::source::Depth;
use crate::cli::{files, signals};
use crate::fleet::Relay;
use crate::state::Fact;

/// Between two looks whether to stop.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it may take to find the node.
const PATIENCE: Duration = Duration::from_secs(10);

/// Options that say which node and how to get there, and whether a value follows.
const OWN: [(&str, bool); 8] = [
    ("--node", true),
    ("--via", true),
    ("--push", false),
    ("--sudo", false),
    ("--ssh-user", true),
    ("--host", true),
    ("--kube-namespace", true),
    ("--kube-selector", true),
];

/// Runs this command line on a node, without `--node`; what is written comes here. When this end goes, the capture there
/// ends as with Ctrl-C.
pub(super) fn run(
    args: &Args,
    node: &str,
    cx: &mut Context,
    words: impl Iterator<Item = String>,
) -> Result<Outcome, Error> {
    if args.file.rotates() {
        return Err(Error::new("files of another node are not rotated here")
            .hint("rotate them there: ssh NODE netdiag capture -C …"));
    }
    let mut words = without_node(words);
    let mut out: Box<dyn Write> = match args.file.write.as_deref() {
        Some(path) if !files::is_stdout(path) => {
            to_stdout(&mut words, path);
            let file = File::create(path);
            Box::new(file.map_err(|error| Error::new(format!("{}: {error}", path.display())))?)
        }
        _ => Box::new(io::stdout()),
    };
    let words: Vec<&str> = std::iter::once("capture")
        .chain(words.iter().map(String::as_str))
        .collect();
    // Before there are other threads.
    signals::watch()?;
    let ways = &args.from.ways;
    let objects = if ways.knows(node) {
        Fact::absent("not asked for")
    } else {
        args.source.objects(cx, Depth::Sessions)?
    };
    let target = ways.target(node, &objects)?;
    let way = ways.way(cx, ways.program()?, PATIENCE)?;
    let mut relay = Relay {
        output: &mut |bytes| {
            out.write_all(bytes)?;
            out.flush()
        },
        complaints: &mut |bytes| cx.err.write_all(bytes),
    };
    let code = cx
        .runtime
        .block_on(way.run(&target, &words, &mut relay, stopped()))?;
    match code {
        0 => Ok(Outcome::Good),
        2 => Ok(Outcome::Findings),
        _ => Err(Error::new(format!("the capture on {node} failed"))),
    }
}

async fn stopped() {
    while !signals::stopped() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// The words behind `capture`, without those that say which node.
fn without_node(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words = words.skip_while(|word| word != "capture").skip(1);
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        match OWN.iter().find(|(own, _)| *own == name) {
            None => kept.push(word),
            Some((_, true)) if !word.contains('=') => {
                words.next();
            }
            Some(_) => {}
        }
    }
    kept
}

/// Puts standard output in the place of the file that is written.
fn to_stdout(words: &mut [String], path: &Path) {
    let path = path.to_string_lossy();
    for word in words {
        if let Some(before) = word.strip_suffix(path.as_ref())
            && ["", "-w", "--write="].contains(&before)
        {
            *word = format!("{before}-");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_same_words_run_there() {
        let own = words(
            "netdiag --color never capture --node n2 --sudo -i eth0 --host n2=10.0.0.2 -w /tmp/x.pcap tcp",
        );
        let mut there = without_node(own.into_iter());
        to_stdout(&mut there, Path::new("/tmp/x.pcap"));
        assert_eq!(there, words("-i eth0 -w - tcp"));
        assert_eq!(
            without_node(words("capture --node=n2 --via=kubectl -i any").into_iter()),
            words("-i any")
        );
    }

    #[test]
    fn all_options_of_the_way_stay_here() {
        use clap::Args as _;
        let command = crate::cli::snapshot::Ways::augment_args(clap::Command::new("x"));
        for long in command.get_arguments().filter_map(clap::Arg::get_long) {
            let option = format!("--{long}");
            assert!(OWN.iter().any(|(own, _)| *own == option), "{option}");
        }
    }
}
