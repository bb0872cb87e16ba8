//! `netdiag datastore migrate import`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::failed;
use super::file::{self, Wrong};
use crate::apply::{self, Mode, Verb, migrate};
use crate::calico::kind::Kind;
use crate::calico::kinds;
use crate::cli::input::limited;
use crate::cli::write::refuse;
use crate::cli::{Context, Error, Outcome, signals};
use crate::datastore;

/// Take in what `export` printed; the datastore must be empty, and is locked afterwards
#[derive(Debug, Args)]
pub(super) struct Import {
    /// File, or - for standard input
    #[arg(short, long, value_name = "FILE|-")]
    filename: PathBuf,
}

impl Import {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let read = match self.read()? {
            Ok(read) => read,
            Err(Wrong::Resources(problems)) => {
                return Err(refuse(&problems, None, "nothing was imported", cx.err)?);
            }
            Err(Wrong::Other(why)) => return Err(Error::new(why)),
        };
        signals::watch()?;
        let store = crate::cli::datastore::open(cx)?;
        let defined = cx.block_on(store.define_kinds())?;
        if defined > 0 {
            writeln!(cx.out, "Defined {defined} kinds of Calico")?;
        }
        let again = match &read.cluster {
            Some(cluster) => cx
                .block_on(migrate::is_same_cluster(&*store, cluster))
                .map_err(failed)?,
            None => false,
        };
        if !again && let Some(what) = cx.block_on(migrate::occupied(&*store)).map_err(failed)? {
            return Err(
                Error::new(format!("datastore already has Calico resources: found {what}"))
                    .hint("an import goes into an empty datastore, or goes on where it was interrupted"),
            );
        }
        let (results, ipam) = cx.block_on(async {
            apply::initialize(&*store).await;
            migrate::lock(&*store, read.cluster.as_ref())
                .await
                .map_err(failed)?;
            let shown = &mut |_: usize, _: &apply::Plan<'_>| {};
            let (verb, mode) = (Verb::Apply, Mode::Write);
            let results =
                apply::apply_all(&*store, &read.documents, verb, mode, shown, &signals::stopped).await;
            let ipam = if signals::stopped() {
                None
            } else {
                Some(migrate::import_ipam(&*store, &read.ipam).await)
            };
            Ok::<_, Error>((results, ipam))
        })?;
        let mut failures = 0;
        let mut applied = 0;
        for (document, result) in read.documents.iter().zip(results) {
            let resource = &document.resource;
            match result {
                Ok(_) => applied += 1,
                Err(apply::Error::Datastore(
                    datastore::Error::NotSupported { .. } | datastore::Error::NotFound { .. },
                )) if resource.kind == Kind::Node => writeln!(
                    cx.err,
                    "[WARNING] Attempted to import node {} that references a nonexistent Kubernetes node. Skipping that \
                     node. Non-Kubernetes nodes are not supported in the Kubernetes datastore and will be skipped.",
                    resource.name()
                )?,
                Err(error) => {
                    failures += 1;
                    writeln!(cx.err, "{} {}: {error}", resource.kind, resource.id())?;
                }
            }
        }
        writeln!(cx.out, "Successfully applied {applied} resource(s)")?;
        if let Some(ipam) = &ipam {
            writeln!(cx.out, "Importing IPAM resources")?;
            for (key, why) in &ipam.failures {
                writeln!(cx.err, "{key}: {why}")?;
            }
            failures += ipam.failures.len();
            let count = ipam.written + ipam.unchanged;
            writeln!(cx.out, "Successfully applied {count} IPAM resource(s)")?;
        }
        if failures > 0 || ipam.is_none() {
            return Err(
                Error::new(format!("{failures} objects could not be imported")).hint(
                    "the datastore stays locked; importing the same file again goes on with what is missing",
                ),
            );
        }
        writeln!(
            cx.out,
            "Datastore information successfully imported. Please refer to the datastore migration documentation for \
             next steps."
        )?;
        Ok(Outcome::Good)
    }

    fn read(&self) -> Result<Result<file::Read, Wrong>, Error> {
        let name = self.filename.display().to_string();
        let fail = |why: String| Error::new(format!("can't read {name}: {why}"));
        let text = if self.filename.as_os_str() == "-" {
            limited("standard input", &mut std::io::stdin().lock())?
        } else {
            let mut file = std::fs::File::open(&self.filename).map_err(|error| fail(error.to_string()))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)
                .map_err(|error| fail(error.to_string()))?;
            text
        };
        let text = String::from_utf8(text).map_err(|_| fail("is not UTF-8 text".into()))?;
        Ok(file::read(&name, &text).map(|mut read| {
            for document in &mut read.documents {
                kinds::prepare(&mut document.resource);
            }
            read
        }))
    }
}
