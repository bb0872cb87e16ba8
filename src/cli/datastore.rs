//! Opens the datastore that the configuration names.

use super::{Context, Error, compat};
use crate::calico::apiconfig::ApiConfig;
use crate::datastore::{self, Datastore};

/// The configuration, by the options, files and environment of the user.
pub(super) fn configuration(cx: &Context<'_>) -> Result<ApiConfig, Error> {
    let environment = |name: &str| std::env::var(name).ok();
    let file = cx.global.config.as_deref();
    if compat::on()
        && let Some(file) = file.filter(|file| !file.exists())
    {
        return Err(Error::new(format!("Error reading config file: {}", file.display())).on_stdout());
    }
    let mut config = datastore::load_config(file, &environment).map_err(no_client)?;
    if cx.global.context.is_some() {
        config.kubernetes.context.clone_from(&cx.global.context);
    }
    Ok(config)
}

/// Reads the configuration, then reaches the datastore. Notes of both go to standard error.
pub(super) fn open(cx: &mut Context<'_>) -> Result<Box<dyn Datastore>, Error> {
    let config = configuration(cx)?;
    let store = cx
        .block_on(datastore::connect(&config, cx.timeout()))
        .map_err(no_client)?;
    for note in store.notes() {
        writeln!(cx.err, "{} {note}", cx.style.warn("note:"))?;
    }
    Ok(store)
}

/// calicoctl's words for a datastore that it can't use.
fn no_client(error: datastore::Error) -> Error {
    if compat::on() {
        return Error::new(format!("Failed to create Calico API client: {error}")).on_stdout();
    }
    error.into()
}
