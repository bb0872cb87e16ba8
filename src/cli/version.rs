//! `netdiag version`.

use clap::Args;

use super::{Context, Error, Outcome};
use crate::calico::kind::Kind;
use crate::datastore;

/// Show netdiag's version, and the cluster's
#[derive(Debug, Args)]
pub(super) struct Version {
    /// Only netdiag's own: asks no datastore
    #[arg(long)]
    client: bool,
}

impl Version {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        writeln!(cx.out, "Client Version:    v{}", env!("CARGO_PKG_VERSION"))?;
        if self.client {
            return Ok(Outcome::Good);
        }
        let store = super::datastore::open(cx)?;
        let cluster = match cx.block_on(store.get(Kind::ClusterInformation, "default")) {
            Ok(cluster) => cluster,
            Err(datastore::Error::NotFound { .. }) => {
                return Err(Error::new("Unable to detect installed Calico version"));
            }
            Err(error) => return Err(error.into()),
        };
        for (title, field) in [
            ("Cluster Version:", "calicoVersion"),
            ("Cluster Type:", "clusterType"),
        ] {
            let value = cluster.text(&["spec", field]).unwrap_or("unknown");
            writeln!(cx.out, "{title:<19}{value}")?;
        }
        Ok(Outcome::Good)
    }
}
