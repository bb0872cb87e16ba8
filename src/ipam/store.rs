//! What changes IPAM's objects: each by compare and swap, again if somebody else was faster.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Error;
use super::stock::{BLOCKS, HANDLES, HOSTS};
use crate::calico::block::{Block, handle_without};
use crate::datastore::{Datastore, Entry};

/// How often a change is tried when others are faster (calicoctl: the same).
const TRIES: usize = 5;

/// Changes an entry until nobody else was faster; `None` of `change` deletes it, an error leaves it alone.
pub(crate) async fn swap(
    store: &dyn Datastore,
    mut entry: Entry,
    change: &mut dyn FnMut(&Entry) -> Result<Option<String>, ()>,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let Ok(value) = change(&entry) else { return Ok(()) };
        if store.swap_entry(&entry, value.as_deref()).await? {
            return Ok(());
        }
        match store.entry(&entry.key).await? {
            Some(again) => entry = again,
            None => return Ok(()),
        }
    }
    Err(Error::Refused(format!("update conflict: {}", entry.key)))
}

pub(crate) async fn blocks(store: &dyn Datastore) -> Result<Vec<(Entry, Block)>, Error> {
    let mut all = Vec::new();
    for prefix in BLOCKS {
        let entries = store.entries(prefix).await?.into_iter();
        all.extend(entries.filter_map(|entry| Block::read(&entry.value).map(|block| (entry, block))));
    }
    Ok(all)
}

/// Gives addresses back, and what their handles say of them; those that were given out.
///
/// # Errors
/// What the datastore answers; a block that others change again and again.
pub async fn release(store: &dyn Datastore, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, Error> {
    let mut released = Vec::new();
    if addresses.is_empty() {
        return Ok(released);
    }
    for (entry, block) in blocks(store).await? {
        let here: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|ip| block.cidr.contains(ip))
            .collect();
        if here.is_empty() {
            continue;
        }
        let mut freed: Vec<(IpAddr, Option<String>)> = Vec::new();
        swap(store, entry, &mut |entry| {
            let mut block = Block::read(&entry.value).ok_or(())?;
            let free = |ip: &IpAddr| block.release(*ip).map(|handle| (*ip, handle));
            freed = here.iter().filter_map(free).collect();
            if freed.is_empty() {
                Err(())
            } else {
                Ok(Some(block.changed()))
            }
        })
        .await?;
        for (ip, handle) in freed {
            released.push(ip);
            if let Some(handle) = handle {
                forget(store, &handle, &block.cidr).await?;
            }
        }
    }
    Ok(released)
}

/// Takes one address of a block from a handle.
pub(crate) async fn forget(store: &dyn Datastore, handle: &str, block: &IpNet) -> Result<(), Error> {
    let key = format!("{HANDLES}{handle}");
    match store.entry(&key).await? {
        Some(entry) => swap(store, entry, &mut |entry| Ok(handle_without(&entry.value, block))).await,
        None => Ok(()),
    }
}

/// Takes these blocks from their nodes: empty ones go, others belong to nobody from then on.
pub(crate) async fn free_blocks(store: &dyn Datastore, which: &dyn Fn(&Block) -> bool) -> Result<(), Error> {
    for (entry, block) in blocks(store).await?.into_iter().filter(|(_, block)| which(block)) {
        let Some(host) = block.host().map(str::to_owned) else {
            continue;
        };
        let affinity = entry
            .key
            .replace("/calico/ipam/v2/assignment/", &format!("{HOSTS}{host}/"));
        swap(store, entry, &mut |entry| {
            let mut block = Block::read(&entry.value).ok_or(())?;
            if block.is_empty() {
                return Ok(None);
            }
            block.drop_affinity();
            Ok(Some(block.changed()))
        })
        .await?;
        if let Some(entry) = store.entry(&affinity).await? {
            store.swap_entry(&entry, None).await?;
        }
    }
    Ok(())
}
