//! Opens the datastore that the configuration names.

use super::{Context, Error};
use crate::datastore::Datastore;

pub(super) fn open(_cx: &Context<'_>) -> Result<Box<dyn Datastore>, Error> {
    Err(Error::new("no datastore backend is connected yet"))
}
