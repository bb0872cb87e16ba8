//! Opens the datastore that the configuration names.

use super::{Context, Error};
use crate::datastore::{self, Datastore};

/// Reads the configuration, then reaches the datastore. Notes of both go to standard error.
pub(super) fn open(cx: &mut Context<'_>) -> Result<Box<dyn Datastore>, Error> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut config = datastore::load_config(cx.global.config.as_deref(), &environment)?;
    if cx.global.context.is_some() {
        config.kubernetes.context.clone_from(&cx.global.context);
    }
    let store = cx.block_on(datastore::connect(&config, cx.timeout()))?;
    for note in store.notes() {
        writeln!(cx.err, "{} {note}", cx.style.warn("note:"))?;
    }
    Ok(store)
}
