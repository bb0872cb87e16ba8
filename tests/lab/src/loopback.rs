//! Daemons on this machine's loopback, for tests that need no network of their own.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Error, Result};

/// Runs the script in its argument, in a directory of its own, until standard input ends; then kills what the script
/// started (their process ids are in `$children`) and removes the directory.
///
/// The other end of that input is held by the test's process only: it ends however that process ends, by return, panic
/// or SIGKILL.
const SUPERVISOR: &str = r#"
children=""
end() {
    trap '' TERM HUP
    [ -z "$children" ] || kill -KILL $children 2>/dev/null || :
    wait
    cd /
    rm -rf "$1"
}
trap 'end "$1"; exit 1' TERM HUP
cd "$1" || exit 1
eval "$2"
echo started
cat >/dev/null
end "$1"
"#;

/// Daemons that a script started, and the directory of their files; dropped, both are gone.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
    directory: PathBuf,
}

impl Supervised {
    /// A new directory below the machine's own for temporary files.
    pub(crate) fn directory(name: &str) -> Result<PathBuf> {
        let unique = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let directory = std::env::temp_dir().join(format!("netdiag-{name}-{}-{unique}", std::process::id()));
        fs::create_dir(&directory).map_err(Error::io(directory.display().to_string()))?;
        Ok(directory)
    }

    /// Runs the script in the directory, and returns when it is through.
    pub(crate) fn start(directory: PathBuf, script: &str) -> Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&directory)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupted test run ends the tests, and only thereby this.
            .process_group(0)
            .spawn()
            .map_err(Error::io("sh"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(Error::io("a supervisor"))?;
        }
        let supervised = Self { child, directory };
        if line.trim_end() == "started" {
            return Ok(supervised);
        }
        Err(Error::failed(format!(
            "daemons in {} don't start",
            supervised.directory.display()
        )))
    }

    /// Where their files are.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The last lines of a log.
    pub(crate) fn log(&self, file: &str) -> String {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A port of loopback that nobody listens on. Somebody may take it before it is used: try again then.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("a free port"))?.port())
}

/// Writes a file only its owner may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let said = || Error::io(path.display().to_string());
    fs::write(path, text).map_err(said())?;
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, owner_only).map_err(|error: io::Error| said()(error))
}

/// How long daemons may take to be ready on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
