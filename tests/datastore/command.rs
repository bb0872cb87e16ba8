//! The program itself, on a datastore.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};

use crate::server::Etcd;

/// netdiag with these variables in its environment, and no others.
pub(crate) struct Netdiag(pub(crate) Vec<(&'static str, String)>);

impl Netdiag {
    pub(crate) fn etcd(etcd: &Etcd) -> Self {
        Self(vec![("ETCD_ENDPOINTS", etcd.url())])
    }

    /// Starts a command, with this on its standard input.
    pub(crate) fn start(&self, arguments: &[&str], stdin: &str) -> Child {
        self.called(env!("CARGO_BIN_EXE_netdiag"), arguments, stdin)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netdiag"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.0.iter().map(|(name, value)| (name, value)));
        command
    }

    fn called(&self, name: &str, arguments: &[&str], stdin: &str) -> Child {
        let mut child = self
            .command(arguments)
            .arg0(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
        child
    }

    /// Runs a command as calicoctl: exit status, standard output and standard error.
    pub(crate) fn calicoctl(&self, arguments: &[&str], stdin: &str) -> (i32, String, String) {
        let output = self
            .called("calicoctl", arguments, stdin)
            .wait_with_output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    pub(crate) fn output(&self, arguments: &[&str], stdin: &str) -> Output {
        self.start(arguments, stdin).wait_with_output().unwrap()
    }

    /// Runs a command with this on its standard input; its standard output, or else its standard error.
    pub(crate) fn run(&self, arguments: &[&str], stdin: &str) -> Result<String, String> {
        let output = self.output(arguments, stdin);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        match output.status.code() {
            Some(0) => Ok(text(output.stdout)),
            Some(1) => Err(text(output.stderr)),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str], stdin: &str) -> String {
        self.run(arguments, stdin)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], stdin: &str, why: &str) {
        let error = self.run(arguments, stdin).expect_err("it must be refused");
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
}
