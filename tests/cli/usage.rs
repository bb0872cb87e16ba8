//! Arguments, environment and files that are not as they should be.

mod arguments;
mod datastore;
mod manifests;
mod rights;
mod saved;
mod snapshot;
mod surroundings;
