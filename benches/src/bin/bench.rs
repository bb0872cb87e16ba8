//! How fast captures are read, against others on the same files in the same run: `make bench`.
//!
//! Every command runs once a round, one after the other, so that a busy machine is busy for all; the fastest round counts.
//! Compared is the processor's time, which what else runs on the machine changes least; with several threads, the time
//! on the clock is what they are for, and stands beside it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints a table"
)]

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use netdiag_bench::traffic::{self, Mix};

/// A command, its name in the table, and in how many rounds it runs.
struct Run {
    name: &'static str,
    rounds: usize,
    shell: String,
    /// Of the processor.
    best: Option<Duration>,
    /// On the clock.
    wall: Option<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let number = |name: &str, default: usize| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let packets = number("BENCH_PACKETS", 1_000_000);
    let rounds = number("BENCH_ROUNDS", 5);
    let netdiag =
        PathBuf::from(std::env::var("NETDIAG").unwrap_or_else(|_| "target/release/netdiag".to_owned()));
    let directory = Path::new("target/bench");
    std::fs::create_dir_all(directory)?;
    for (name, pods, flows) in [
        ("few", 40, 10_000),
        ("many", 4000, 10_000),
        ("flows", 4000, 200_000),
    ] {
        let path = directory.join(format!("{name}-{packets}.pcap"));
        let mix = Mix {
            packets,
            pods,
            flows,
            seed: 1,
        };
        if !path.exists() {
            generate(&path, mix)?;
        }
        measure(name, &path, &netdiag, packets, rounds)?;
    }
    Ok(())
}

/// Writes beside the file first, so that half a file is never taken for a whole one.
fn generate(path: &Path, mix: Mix) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside)?;
    traffic::write(mix, |bytes| file.write_all(bytes))?;
    std::fs::rename(beside, path)
}

fn measure(name: &str, path: &Path, netdiag: &Path, packets: usize, rounds: usize) -> io::Result<()> {
    let (ng, pods, none) = beside(path, netdiag)?;
    let written = written();
    let (file, netdiag, out) = (path.display(), netdiag.display(), written.display());
    let run = |name, rounds, shell| Run {
        name,
        rounds,
        shell,
        best: None,
        wall: None,
    };
    // Once is enough for what takes hundreds of times as long.
    let tshark = format!("tshark -n -d udp.port==8472,vxlan -r {file}");
    let fields = "-T fields -e ip.src -e ip.dst -e tcp.srcport -e tcp.dstport";
    let mut runs = vec![
        run("cat", rounds, format!("cat {file} >/dev/null")),
        run("cat > file", rounds, format!("cat {file} >{out}")),
        run("tcpdump -ttn", rounds, format!("tcpdump -ttnr {file} >/dev/null")),
        run(
            "tcpdump -n",
            rounds.min(2),
            format!("tcpdump -nr {file} >/dev/null"),
        ),
        run("tcpdump -w", rounds, format!("tcpdump -nr {file} -w {out}")),
        run(
            "netdiag text 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 >/dev/null"),
        ),
        run(
            "netdiag text 2T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 2 >/dev/null"),
        ),
        run(
            "netdiag wide 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 -o wide >/dev/null"),
        ),
        run(
            "netdiag tcpdump 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 --style tcpdump >/dev/null"),
        ),
        run(
            "netdiag names 1T",
            rounds,
            format!(
                "{netdiag} capture -r {file} --threads 1 --names --snapshot {none} --objects {pods} >/dev/null"
            ),
        ),
        run(
            "netdiag json 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 -o json >/dev/null"),
        ),
        run(
            "netdiag json 2T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 2 -o json >/dev/null"),
        ),
        run(
            "netdiag summary 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 --summary >/dev/null"),
        ),
        run(
            "netdiag summary 2T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 2 --summary >/dev/null"),
        ),
        run(
            "netdiag flows 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 --flows >/dev/null"),
        ),
        run(
            "netdiag flows 2T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 2 --flows >/dev/null"),
        ),
        run(
            "netdiag decap 1T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 1 --decap -w {out}"),
        ),
        run(
            "netdiag decap 2T",
            rounds,
            format!("{netdiag} capture -r {file} --threads 2 --decap -w {out}"),
        ),
        run(
            "netdiag stdin",
            rounds,
            format!("{netdiag} capture -r - <{file} >/dev/null"),
        ),
        run(
            "netdiag pcapng 2T",
            rounds,
            format!("{netdiag} capture -r {ng} --threads 2 >/dev/null"),
        ),
        run("tshark fields", 1, format!("{tshark} {fields} >/dev/null")),
        run("tshark flows", 1, format!("{tshark} -q -z conv,ip >/dev/null")),
    ];
    for round in 0..rounds {
        for run in runs.iter_mut().filter(|run| round < run.rounds) {
            remove(&written)?;
            let (start, clock) = (used()?, Instant::now());
            let status = Command::new("sh")
                .args(["-c", &run.shell])
                .stderr(Stdio::null())
                .status()?;
            // 2 is findings.
            if status.success() || status.code() == Some(2) {
                let elapsed = used()?.saturating_sub(start);
                let least =
                    |best: Option<Duration>, now: Duration| Some(best.map_or(now, |best| best.min(now)));
                run.best = least(run.best, elapsed);
                run.wall = least(run.wall, clock.elapsed());
            }
        }
    }
    remove(&written)?;
    table(name, packets, &runs);
    Ok(())
}

/// What is written, in memory if there is room for files there: how fast disks are is not the question.
fn written() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        memory
    } else {
        Path::new("target/bench")
    };
    directory.join(format!("netdiag-bench-{}.pcap", std::process::id()))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The same packets as pcapng, names of pods, and a snapshot of nothing.
fn beside(path: &Path, netdiag: &Path) -> io::Result<(String, String, String)> {
    let ng = path.with_extension("pcapng");
    if !ng.exists() {
        let beside = path.with_extension("tmp.pcapng");
        let mut command = Command::new(netdiag);
        command.args(["capture", "-r"]).arg(path).arg("-w").arg(&beside);
        if !command.status()?.success() {
            return Err(io::Error::other("the file can't be written as pcapng"));
        }
        std::fs::rename(beside, &ng)?;
    }
    let pods = path.with_file_name("pods.yaml");
    let mut file = io::BufWriter::new(File::create(&pods)?);
    for number in 0..4000 {
        let (high, low) = ((number + 2) / 256, (number + 2) % 256);
        writeln!(
            file,
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: web-{number}, namespace: shop}}, \
             status: {{podIP: 10.244.{high}.{low}}}}}"
        )?;
    }
    file.into_inner()?;
    let none = path.with_file_name("none.json");
    std::fs::write(&none, r#"{"netdiagSnapshot":2,"nodes":[]}"#)?;
    Ok([ng, pods, none].map(|path| path.display().to_string()).into())
}

/// Time of the processor that ended commands used.
fn used() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(time).unwrap_or(0)))
}

#[expect(clippy::cast_precision_loss, reason = "a table shows three digits")]
fn table(name: &str, packets: usize, runs: &[Run]) {
    let of = |name: &str| runs.iter().find(|run| run.name == name).and_then(|run| run.best);
    let (cat, tcpdump) = (of("cat"), of("tcpdump -ttn"));
    let cat_wall = runs.iter().find(|run| run.name == "cat").and_then(|run| run.wall);
    println!("\n{name}: {packets} packets");
    println!(
        "{:<20}{:>9}{:>14}{:>8}{:>16}{:>9}{:>8}",
        "", "CPU s", "packets/s", "x cat", "x tcpdump -ttn", "wall s", "x cat"
    );
    for run in runs {
        let Some(best) = run.best.map(|best| best.as_secs_f64()) else {
            println!("{:<20}{:>9}", run.name, "failed");
            continue;
        };
        let wall = run.wall.map_or(0.0, |wall| wall.as_secs_f64());
        let ratio = |other: Option<Duration>, up: bool| match other.map(|other| other.as_secs_f64()) {
            Some(other) if up => format!("{:.2}", other / best),
            Some(other) => format!("{:.2}", best / other),
            None => "-".to_owned(),
        };
        println!(
            "{:<20}{best:>9.3}{:>14.0}{:>8}{:>16}{wall:>9.3}{:>8}",
            run.name,
            packets as f64 / best,
            ratio(cat, false),
            ratio(tcpdump, true),
            cat_wall.map_or_else(
                || "-".to_owned(),
                |cat| format!("{:.2}", wall / cat.as_secs_f64())
            ),
        );
    }
}
