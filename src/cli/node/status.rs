//! `netdiag node status`: what calicoctl shows, and why each peer that is down is down.

mod model;
mod show;

use std::time::Duration;

use clap::Args as ClapArgs;

use self::model::Status;
use self::show::show;
use crate::cli::source::{Depth, Picture, Source};
use crate::cli::{Context, Error, Outcome};
use crate::output::document;

/// Show this node's BGP peers, and why those that are down are down
///
/// Exit status: 0 all peers are Established, 2 a peer is down or BIRD doesn't run, 3 BIRD could not be asked, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// How to show it; wide adds AS, router id, timers, route counts and the last error
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Show it again and again, every so many seconds
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", require_equals = true)]
    watch: Option<f64>,
    /// Show only this node of the snapshots
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Wide,
    Json,
    Yaml,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let Some(seconds) = self.watch else {
            return self.once(cx);
        };
        let pause = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Error::new("--watch takes a number of seconds, such as 2 or 0.5"))?
            .max(Duration::from_millis(100));
        loop {
            if cx.style.terminal {
                // Home, then clear what is below: redraws without a flicker.
                write!(cx.out, "\x1b[H\x1b[J")?;
            }
            self.once(cx)?;
            cx.out.flush()?;
            cx.block_on(async { tokio::time::sleep(pause).await });
        }
    }

    fn once(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Sessions)?);
        let world = picture.world();
        let mut worst = Outcome::Good;
        let mut statuses = Vec::new();
        for node in world.nodes {
            if self.node.as_ref().is_some_and(|name| *name != node.name) {
                continue;
            }
            let status = Status::new(&world, node);
            worst = worse(worst, status.outcome());
            statuses.push((node, status));
        }
        if statuses.is_empty() {
            let names: Vec<&str> = world.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(Error::new(format!(
                "no such node; there are: {}",
                names.join(", ")
            )));
        }
        match self.output {
            Format::Table | Format::Wide => {
                let many = statuses.len() > 1;
                for (index, (node, status)) in statuses.iter().enumerate() {
                    if many {
                        let blank = if index > 0 { "\n" } else { "" };
                        writeln!(cx.out, "{blank}{}", cx.style.strong(&format!("== {}", node.name)))?;
                    }
                    show(cx, status, self.output == Format::Wide)?;
                }
            }
            Format::Json | Format::Yaml => {
                let value = match &statuses[..] {
                    [(_, one)] => serde_json::to_value(one),
                    many => serde_json::to_value(many.iter().map(|(_, status)| status).collect::<Vec<_>>()),
                }
                .map_err(|error| Error::new(error.to_string()))?;
                let text = if self.output == Format::Json {
                    document::json(&value)
                } else {
                    document::yaml(&value)
                };
                cx.out.write_all(text.as_bytes())?;
            }
        }
        Ok(worst)
    }
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Findings, _) | (_, Outcome::Findings) => Outcome::Findings,
        (Outcome::NotDecidable, _) | (_, Outcome::NotDecidable) => Outcome::NotDecidable,
        _ => Outcome::Good,
    }
}
