//! The command line: one file a command, each an `Args` struct whose doc comments are the help, and one function.

mod apply;
mod capture;
mod check;
mod cluster;
mod compat;
mod completion;
mod convert;
mod create;
mod datastore;
mod datastore_migrate;
mod delete;
mod diff;
mod error;
mod explain;
mod files;
mod format;
mod get;
mod harm;
mod input;
mod ipam;
mod kinds;
mod label;
mod node;
mod objects;
mod pager;
mod patch;
mod plan;
pub mod reference;
mod replace;
mod signals;
mod snapshot;
mod source;
mod trace;
mod validate;
mod version;
mod write;

use std::future::Future;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::diagnose::shell::word;
use crate::output::{Color, Style};
use pager::{Pager, Results};

pub use error::Error;

/// What a command found; the exit code (architecture: 0 healthy, 1 error, 2 findings, 3 not decidable).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Healthy, delivered, done.
    Good,
    /// Findings, peers down, not delivered.
    Findings,
    /// Something that decides is missing.
    NotDecidable,
}

impl Outcome {
    const fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Findings => 2,
            Self::NotDecidable => 3,
        }
    }
}

/// Find, explain, prove and mend why containers can't reach each other.
#[derive(Debug, Parser)]
#[command(name = "netdiag", version, disable_help_subcommand = true, after_long_help = reference::text())]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Colour the output: auto (a terminal without NO_COLOR), always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    /// Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there
    /// is one, else the environment: ETCD_ENDPOINTS and its like)
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Seconds that each datastore call may take
    #[arg(long, global = true, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    timeout: Duration,
    /// Accepted as calicoctl has it: netdiag works with every release of Calico
    #[arg(long, global = true, hide = true)]
    allow_version_mismatch: bool,
    /// Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)
    #[arg(long, global = true, value_name = "CONTEXT")]
    context: Option<String>,
    /// Accepted as calicoctl has it: netdiag writes no log
    #[arg(long, global = true, hide = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Seconds of a deadline: more than none, an hour at most.
fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(3600);
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|seconds| !seconds.is_zero() && *seconds <= LONGEST)
        .ok_or_else(|| "give a number of seconds up to 3600, such as 5 or 0.5".to_owned())
}

#[derive(Debug, Subcommand)]
enum Command {
    Node(node::Args),
    Check(check::Args),
    Explain(explain::Args),
    Plan(plan::Args),
    Capture(capture::Args),
    Get(get::Get),
    Apply(apply::Apply),
    Diff(diff::Diff),
    Create(create::Create),
    Replace(replace::Replace),
    Delete(delete::Delete),
    Patch(patch::Patch),
    Label(label::Label),
    Validate(validate::Validate),
    Convert(convert::Convert),
    Ipam(ipam::Args),
    Datastore(datastore_migrate::Args),
    Cluster(cluster::Args),
    Trace(trace::Args),
    Snapshot(snapshot::Args),
    Version(version::Version),
    Completion(completion::Args),
}

impl Command {
    fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match self {
            Self::Node(node) => node.run(cx),
            Self::Check(check) => check.run(cx),
            Self::Explain(explain) => explain.run(cx),
            Self::Plan(plan) => plan.run(cx),
            Self::Capture(capture) => capture.run(cx),
            Self::Snapshot(snapshot) => snapshot.run(cx),
            Self::Get(get) => get.run(cx),
            Self::Apply(apply) => apply.run(cx),
            Self::Diff(diff) => diff.run(cx),
            Self::Create(create) => create.run(cx),
            Self::Replace(replace) => replace.run(cx),
            Self::Delete(delete) => delete.run(cx),
            Self::Patch(patch) => patch.run(cx),
            Self::Label(label) => label.run(cx),
            Self::Validate(validate) => validate.run(cx),
            Self::Convert(convert) => convert.run(cx),
            Self::Ipam(ipam) => ipam.run(cx),
            Self::Datastore(datastore) => datastore.run(cx),
            Self::Cluster(cluster) => cluster.run(cx),
            Self::Trace(trace) => trace.run(cx),
            Self::Version(version) => version.run(cx),
            Self::Completion(completion) => completion.run(cx),
        }
    }

    /// Whether people read the result from its beginning, however long it is.
    const fn is_read(&self) -> bool {
        match self {
            Self::Get(get) => !get.watch,
            Self::Explain(_) => true,
            _ => false,
        }
    }
}

/// What a command may use of the world: where it writes, and how things look there.
pub struct Context<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Notes and warnings.
    pub err: &'a mut dyn Write,
    pub style: Style,
    pub global: Global,
    runtime: tokio::runtime::Runtime,
}

impl Context<'_> {
    /// Runs a future to its end on the one current-thread runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// `netdiag`, with what was given to say which cluster it is about, for commands that come next.
    pub fn program(&self) -> String {
        let config = self.global.config.as_ref().map(|file| file.to_string_lossy());
        let config = config.map_or_else(String::new, |file| format!(" -c {}", word(&file)));
        let context = self.global.context.as_ref();
        let context = context.map_or_else(String::new, |name| format!(" --context {}", word(name)));
        format!("netdiag{config}{context}")
    }

    /// The deadline of one datastore call, and of one daemon's answer.
    pub fn timeout(&self) -> Duration {
        self.global.timeout
    }
}

/// Parses the arguments, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own code for a usage error is 2, which here means findings.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let style = Style::detect(cli.global.color);
    let stdout = std::io::stdout().lock();
    let mut out: Box<dyn Results> =
        if let Some(height) = style.height.filter(|_| cli.command.is_read() && !compat::on()) {
            Box::new(Pager::new(stdout, height))
        } else if style.terminal {
            Box::new(stdout)
        } else {
            // Nobody watches the lines come, and a node may have thousands of peers.
            Box::new(BufWriter::with_capacity(64 << 10, stdout))
        };
    let mut err = std::io::stderr().lock();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| {
            let mut cx = Context {
                out: &mut out,
                err: &mut err,
                style,
                global: cli.global,
                runtime,
            };
            // Results that were there before an error are shown before it.
            let outcome = cli.command.run(&mut cx);
            out.finish()?;
            outcome
        });
    match result {
        // calicoctl knows two: scripts that call it take any other for a failure.
        Ok(Outcome::Findings | Outcome::NotDecidable) if compat::on() => ExitCode::SUCCESS,
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(error) if error.broken_pipe => ExitCode::SUCCESS,
        Err(error) if compat::on() => {
            let _ = compat::fail(&error, &mut out, &mut err).and_then(|()| out.flush());
            ExitCode::FAILURE
        }
        Err(error) => {
            let _ = writeln!(err, "{} {}", style.bad("error:"), error.message);
            for hint in error.hints {
                let _ = writeln!(err, "{} {hint}", style.strong("hint:"));
            }
            ExitCode::FAILURE
        }
    }
}
