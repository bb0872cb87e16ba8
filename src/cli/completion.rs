//! `netdiag completion`: the script that makes a shell complete netdiag's commands and options.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Context, Error, Outcome};

/// Print the completion script of a shell
///
/// For bash: netdiag completion bash > /etc/bash_completion.d/netdiag
///
/// For zsh: netdiag completion zsh > "${fpath[1]}/_netdiag"
///
/// For fish: netdiag completion fish > ~/.config/fish/completions/netdiag.fish
#[derive(Debug, ClapArgs)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "netdiag", &mut script);
        cx.out.write_all(&script)?;
        Ok(Outcome::Good)
    }
}
