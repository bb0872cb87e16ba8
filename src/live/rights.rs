//! Giving up what only opening links needs.

use caps::CapSet;

/// Gives up all capabilities of the calling thread, and of threads that it starts from now on. The user stays the same,
/// so that files can still be written where they were.
///
/// # Errors
/// What failed, in words. Nothing is lost by going on then: the rights are those of the caller, as before.
pub fn give_up() -> Result<(), String> {
    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        caps::clear(None, set).map_err(|error| format!("rights can't be given up: {error}"))?;
    }
    Ok(())
}
