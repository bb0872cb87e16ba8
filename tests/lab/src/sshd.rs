//! OpenSSH's server in a node, and its client set up in another; keys of their own, nothing of the machine's.

use std::{path::Path, process::Command, time::Duration};

use crate::{Daemon, Error, Node, Result, daemons, wait_until};

/// Keys of one lab, in a directory of the test.
#[derive(Debug)]
pub struct SshKeys {
    user: String,
    user_public: String,
    host: String,
    host_public: String,
}

impl SshKeys {
    /// Makes a user's and a host's key below `directory`.
    pub fn make(directory: &Path) -> Result<Self> {
        let make = |name: &str| -> Result<(String, String)> {
            let path = directory.join(name);
            let output = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(&path)
                .output()
                .map_err(|error| Error::Skip(format!("ssh-keygen: {error}")))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(Error::failed(format!("ssh-keygen: {why}")));
            }
            let read = |path: &Path| std::fs::read_to_string(path).map_err(Error::io("key"));
            Ok((read(&path)?, read(&path.with_extension("pub"))?))
        };
        let ((user, user_public), (host, host_public)) = (make("user")?, make("host")?);
        Ok(Self {
            user,
            user_public,
            host,
            host_public,
        })
    }

    /// Starts a server on all addresses of a node; sessions have the node's own PATH, and `/run/tmp` for temporary
    /// files.
    pub fn serve(&self, node: &Node) -> Result<()> {
        let program = daemons::path("openssh-server", "usr/sbin/sshd")?;
        node.write("/run/lab/ssh/host", &self.host)?;
        node.write("/run/lab/ssh/authorized", &self.user_public)?;
        let config = format!(
            "Port 22\nHostKey /run/lab/ssh/host\nAuthorizedKeysFile /run/lab/ssh/authorized\nStrictModes no\n\
             PermitRootLogin yes\nUsePAM no\nPasswordAuthentication no\nUseDNS no\nPidFile none\nPrintMotd no\n\
             SetEnv PATH={} TMPDIR=/run/tmp\n",
            crate::spawn::SEARCH_PATH
        );
        node.write("/run/lab/ssh/sshd_config", &config)?;
        // The user that the server gives its rights up to, where the machine has none.
        node.sh(
            "chmod 600 /run/lab/ssh/*; mkdir -p /run/sshd /run/tmp
            grep -q ^sshd: /etc/passwd || echo sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd",
        )
        .ok()?;
        let daemon = Daemon {
            // It runs itself again, and wants to know where it is.
            called: program.clone(),
            program,
            arguments: ["-D", "-e", "-f", "/run/lab/ssh/sshd_config"]
                .map(str::to_owned)
                .into(),
            environment: Vec::new(),
            log: "/var/log/sshd.log".into(),
        };
        node.start("sshd", &daemon)?;
        wait_until("sshd listens", Duration::from_secs(10), || {
            node.sh("ss -Hltn sport = :22 | grep -q .")
                .output()
                .is_ok_and(|output| output.status.success())
        })
    }

    /// Sets the client of a node up for all hosts.
    pub fn use_on(&self, node: &Node) -> Result<()> {
        node.write("/run/lab/ssh/user", &self.user)?;
        node.write("/run/lab/ssh/known", &format!("* {}", self.host_public))?;
        node.write(
            "/etc/ssh/ssh_config",
            "Host *\n  IdentityFile /run/lab/ssh/user\n  IdentitiesOnly yes\n  UserKnownHostsFile /run/lab/ssh/known\n  \
             StrictHostKeyChecking yes\n",
        )?;
        node.sh("chmod 600 /run/lab/ssh/user").ok().map(drop)
    }
}
