//! `netdiag datastore migrate export`.

use clap::Args;

use super::{failed, file};
use crate::apply::migrate;
use crate::calico::kind::Kind;
use crate::cli::{Context, Error, Outcome};

/// Print everything that the datastore holds, as `import` reads it; it must be locked
#[derive(Debug, Args)]
pub(super) struct Export {}

impl Export {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let store = crate::cli::datastore::open(cx)?;
        let cluster = cx.block_on(store.get(Kind::ClusterInformation, "default"))?;
        if cluster.field(&["spec", "datastoreReady"]) != Some(&false.into()) {
            return Err(Error::new(
                "datastore is not locked. Run the `netdiag datastore migrate lock` command in order to begin migration",
            ));
        }
        let contents = cx.block_on(migrate::export(&*store)).map_err(failed)?;
        for note in &contents.notes {
            writeln!(cx.err, "{} {note}", cx.style.warn("note:"))?;
        }
        file::write(&contents, cx.out)?;
        Ok(Outcome::Good)
    }
}
