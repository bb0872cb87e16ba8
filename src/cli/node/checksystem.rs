//! `netdiag node checksystem`: whether this host's kernel has what Calico needs.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use crate::cli::format::Format;
use crate::cli::{Context, Error, Outcome, compat};
use crate::collect::KernelParts;
use crate::diagnose::system::{self, Met, Plane};
use crate::output::table;
use crate::state::kernel::Presence;

/// Check whether this host's kernel can run Calico
///
/// Looks at the parts that each data plane needs, whether they are loaded, built in, or can be loaded, and at what
/// tunnels and kube-proxy need besides. Loads nothing.
///
/// Exit status: 0 at least one data plane works, 2 none does, 3 that can't be told, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The kernel's configuration (default: /proc/config.gz, /boot/config-RELEASE, …)
    #[arg(short = 'f', long, value_name = "FILE")]
    kernel_config: Option<PathBuf>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    kernel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_config: Option<&'a str>,
    data_planes: Vec<JsonPlane>,
    parts: Vec<JsonPart>,
}

#[derive(Serialize)]
struct JsonPlane {
    name: &'static str,
    /// None: it can't be told.
    works: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonPart {
    name: &'static str,
    presence: &'static str,
    needed_by: Vec<&'static str>,
    purpose: &'static str,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let kernel = KernelParts::of_this_host(self.kernel_config.as_deref()).map_err(Error::new)?;
        let met = system::met(|module, symbol| kernel.presence(module, symbol));
        let planes = Plane::ALL.map(|plane| (plane, system::works(plane, &kernel.release, &met)));
        let report = Report {
            kernel: &kernel.release,
            kernel_config: kernel.config_place(),
            data_planes: planes
                .iter()
                .map(|(plane, works)| JsonPlane {
                    name: plane.name(),
                    works: *works,
                })
                .collect(),
            parts: met.iter().map(part).collect(),
        };
        let outcome = if planes.iter().any(|(_, works)| *works == Some(true)) {
            Outcome::Good
        } else if planes.iter().all(|(_, works)| *works == Some(false)) {
            Outcome::Findings
        } else {
            Outcome::NotDecidable
        };
        if compat::on() {
            let old = system::works(Plane::Iptables, &kernel.release, &[]) == Some(false);
            return show_as_calicoctl(cx, &report, old, outcome);
        }
        if !self.output.write(cx, &report)? {
            show(cx, &report, outcome)?;
        }
        Ok(outcome)
    }
}

fn part(met: &Met) -> JsonPart {
    JsonPart {
        name: met.module,
        presence: met.presence.name(),
        needed_by: met.need.planes.iter().map(|plane| plane.name()).collect(),
        purpose: met.need.purpose,
    }
}

const FAILED: &str = "system doesn't meet one or more minimum systems requirements to run Calico";
const MET: &str = "System meets minimum system requirements to run Calico!";

/// calicoctl's lines. What decides is whether a data plane works, not whether each module is there.
fn show_as_calicoctl(
    cx: &mut Context,
    report: &Report,
    old: bool,
    outcome: Outcome,
) -> Result<Outcome, Error> {
    let line = |name: &str, result: &str| format!("\t\t{name:<20}\t\t\t\t\t{result}\n");
    let kernel = line(report.kernel, if old { "FAIL" } else { "OK" });
    write!(
        cx.out,
        "Checking kernel version...\n{kernel}Checking kernel modules...\n"
    )?;
    for part in &report.parts {
        let name = part.name;
        let text = match part.presence {
            presence if presence == Presence::Unknown.name() => {
                format!("WARNING: Unable to detect the {name} module as Loaded/Builtin module or lsmod\n")
            }
            presence if presence != Presence::Missing.name() => line(name, "OK"),
            // What only some clusters use.
            _ if part.needed_by.is_empty() => line(name, "SKIP"),
            _ => line(name, "FAIL"),
        };
        write!(cx.out, "{text}")?;
    }
    if outcome != Outcome::Good {
        return Err(Error::new(FAILED));
    }
    writeln!(cx.out, "{MET}")?;
    Ok(outcome)
}

fn show(cx: &mut Context, report: &Report, outcome: Outcome) -> Result<(), Error> {
    let style = cx.style;
    writeln!(cx.out, "Kernel {}\n", style.strong(report.kernel))?;
    let rows: Vec<Vec<String>> = report
        .parts
        .iter()
        .map(|part| {
            let by = if part.needed_by.is_empty() {
                "-".to_owned()
            } else {
                part.needed_by.join(", ")
            };
            let row = [part.name, part.presence, by.as_str(), part.purpose];
            row.map(str::to_owned).to_vec()
        })
        .collect();
    let headings = ["PART", "KERNEL", "NEEDED BY", "FOR"];
    let width = usize::from(style.width);
    writeln!(cx.out, "{}", table::columns(&headings, &rows, 2, Some(width)))?;
    for plane in &report.data_planes {
        let missing = |presence: Presence| {
            let parts = report.parts.iter();
            let parts =
                parts.filter(|part| part.needed_by.contains(&plane.name) && part.presence == presence.name());
            parts.map(|part| part.name).collect::<Vec<_>>().join(", ")
        };
        let line = match plane.works {
            Some(true) => style.good(&format!("{}: works", plane.name)),
            Some(false) => {
                let missing = missing(Presence::Missing);
                let why = if missing.is_empty() {
                    "the kernel is too old".to_owned()
                } else {
                    format!("missing: {missing}")
                };
                style.bad(&format!("{}: does not work; {why}", plane.name))
            }
            None => style.warn(&format!(
                "{}: can't be told; not known: {}",
                plane.name,
                missing(Presence::Unknown)
            )),
        };
        writeln!(cx.out, "{line}")?;
    }
    match outcome {
        Outcome::Good => writeln!(cx.out, "{MET}")?,
        Outcome::Findings => writeln!(cx.err, "{} {FAILED}", style.bad("error:"))?,
        Outcome::NotDecidable => writeln!(
            cx.err,
            "{} name the kernel's configuration: --kernel-config FILE",
            style.strong("hint:")
        )?,
    }
    Ok(())
}
