//! A tool of the host, run in the network namespace of the thread that starts it.

use std::io::{Error, ErrorKind};
use std::process::{Child, Command, Stdio};

/// A started tool, or why it could not be started.
pub(super) struct Tool {
    name: String,
    child: Result<Child, Error>,
}

impl Tool {
    /// Starts a tool where it is installed, so that several run side by side; none when it isn't.
    pub(super) fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        ["", "/usr/sbin/", "/sbin/"]
            .iter()
            .map(|directory| {
                Command::new(format!("{directory}{name}"))
                    .args(arguments)
                    .env("LC_ALL", "C")
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
            })
            .find(|result| !matches!(result, Err(error) if error.kind() == ErrorKind::NotFound))
            .map(|child| Self {
                name: name.to_owned(),
                child,
            })
    }

    /// What it printed.
    ///
    /// # Errors
    /// The first line of its complaint.
    pub(super) fn finish(self) -> Result<String, String> {
        let name = self.name;
        let output = self
            .child
            .and_then(Child::wait_with_output)
            .map_err(|error| format!("{name}: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let first = text.lines().next().unwrap_or("failed").trim();
        Err(format!("{name}: {first}"))
    }
}
