//! Several resources by one request: reads in one transaction, and transactions in one. etcd makes sure of a request's
//! changes once, which takes longer than all the rest of it.

use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp, TxnOpResponse};
use futures_util::stream::{self, StreamExt as _};

use super::super::policy_names::stored_ids;
use super::super::{Error, Write, identity};
use super::{Etcd3, key, not_found, parse, revision};
use crate::calico::resource::{Kind, Resource};
use crate::calico::stored;

/// Resources that are read by one request, and keys that are written by one: policies are looked for under two keys, and
/// etcd takes 128 operations.
const SEVERAL: usize = 64;
/// Bytes that are written by one request; etcd takes 1.5 MiB.
const BYTES: usize = 1 << 20;
/// Those that are written alone, at once.
const ALONE: usize = 16;
/// What a server says that did nothing of such a request, and may do each part of it.
const REFUSALS: [&str; 6] = [
    // It is set to take fewer, or smaller ones.
    "too many operations",
    "request is too large",
    "larger than max",
    // A policy with its tier's prefix, and without.
    "duplicate key",
    // A user may write some of it.
    super::PERMISSION,
    // Before etcd 3.3, no transaction could be in another.
    "key not found",
];

impl Etcd3 {
    /// Each resource of these names.
    pub(super) async fn read_all_of(
        &self,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<Result<Resource, Error>>, Error> {
        let mut all = Vec::with_capacity(names.len());
        for some in names.chunks(SEVERAL) {
            // One of the profiles is nowhere stored.
            let at_once = match kind {
                Kind::Profile => None,
                _ => unless_refused(self.read_several(kind, some).await)?,
            };
            match at_once {
                Some(found) => all.extend(found),
                None => {
                    for name in some {
                        all.push(self.read(kind, name).await);
                    }
                }
            }
        }
        Ok(all)
    }

    /// By one request.
    async fn read_several(
        &self,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<Result<Resource, Error>>, Error> {
        let ids: Vec<Vec<String>> = names.iter().map(|name| stored_ids(kind, name)).collect();
        let gets = ids.iter().flatten().map(|id| TxnOp::get(key(kind, id), None));
        let txn = Txn::new().and_then(gets.collect::<Vec<_>>());
        let answer = self.call(self.kv.clone().txn(txn)).await?;
        let mut found = answer.op_responses().into_iter();
        let mut resources = Vec::with_capacity(names.len());
        for (name, ids) in names.iter().zip(&ids) {
            let answers: Vec<_> = ids.iter().zip(found.by_ref().take(ids.len())).collect();
            let pairs = answers.iter().filter_map(|(id, answer)| match answer {
                TxnOpResponse::Get(found) => Some((*id, found.kvs().first()?)),
                _ => None,
            });
            resources.push(match pairs.into_iter().next() {
                Some((id, pair)) => parse(kind, id, pair.value(), pair.mod_revision()).map_err(|why| {
                    let key = key(kind, id);
                    Error::BadValue { key, why }
                }),
                None => Err(not_found(kind, name)),
            });
        }
        Ok(resources)
    }

    /// Writes all of these.
    pub(super) async fn write_all(&self, writes: &[Write<'_>]) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(writes.len());
        while results.len() < writes.len() {
            let parts = self.parts(&writes[results.len()..]).await;
            let some = &writes[results.len()..][..parts.len()];
            match self.write_together(&parts).await {
                Ok(done) => results.extend(self.finish(some, &done).await),
                // Whether it was done, nobody knows.
                Err(error) => results.extend(some.iter().map(|_| Err(error.clone()))),
            }
        }
        results
    }

    /// The transactions of as many of these writes as one request takes; nothing in place of what is to be told or done
    /// alone.
    async fn parts(&self, writes: &[Write<'_>]) -> Vec<Option<Part>> {
        let (mut parts, mut keys, mut bytes) = (Vec::new(), 0, 0);
        for write in writes.iter().take(SEVERAL) {
            let part = match write {
                Write::Create(resource) => self.new_entry(resource).await.ok().map(|new| Part {
                    txn: new.txn,
                    keys: vec![key(resource.kind, &new.id)],
                    bytes: new.value.len(),
                }),
                Write::Update(resource) => changed_entry(resource),
            };
            keys += part.as_ref().map_or(1, |part| part.keys.len());
            bytes += part.as_ref().map_or(0, |part| part.bytes);
            if (keys > SEVERAL || bytes > BYTES) && !parts.is_empty() {
                break;
            }
            parts.push(part);
        }
        parts
    }

    /// Which of these were done, by one request.
    async fn write_together(&self, parts: &[Option<Part>]) -> Result<Vec<bool>, Error> {
        let known = || parts.iter().flatten();
        if known().count() < 2 {
            return Ok(vec![false; parts.len()]);
        }
        let txns: Vec<TxnOp> = known().map(|part| TxnOp::txn(part.txn.clone())).collect();
        let rights: Vec<TxnOp> = known()
            .flat_map(|part| &part.keys)
            .map(|key| asked_for(key))
            .collect();
        let request = Txn::new().and_then(txns).or_else(rights);
        let answer = unless_refused(self.call(self.kv.clone().txn(request)).await)?;
        let mut answers = answer.map(|answer| answer.op_responses()).into_iter().flatten();
        let done = parts
            .iter()
            .map(|part| part.is_some() && answers.next().is_some_and(is_done));
        Ok(done.collect())
    }

    /// Writes those that weren't done alone: then each says why not.
    async fn finish(&self, writes: &[Write<'_>], done: &[bool]) -> Vec<Result<(), Error>> {
        let one = |(write, done)| {
            let (write, done): (Write<'_>, bool) = (write, done);
            async move {
                match write {
                    _ if done => Ok(()),
                    Write::Create(resource) => self.insert(resource).await.map(drop),
                    Write::Update(resource) => self.replace(resource).await.map(drop),
                }
            }
        };
        let each: Vec<_> = writes
            .iter()
            .copied()
            .zip(done.iter().copied())
            .map(one)
            .collect();
        stream::iter(each).buffered(ALONE).collect().await
    }
}

/// What stores one resource.
struct Part {
    txn: Txn,
    /// What it may write.
    keys: Vec<String>,
    bytes: usize,
}

/// Makes etcd look whether a user may read and write this key. Of transactions in a transaction, it doesn't: so, keys are
/// named once more in a branch that is never taken, and would change nothing.
fn asked_for(key: &str) -> TxnOp {
    let options = PutOptions::new().with_ignore_value().with_prev_key();
    TxnOp::put(key, "", Some(options))
}

/// A resource that was read and changed, if it has its identity: stored under the key that it has, if it is as it was read.
fn changed_entry(resource: &Resource) -> Option<Part> {
    if !identity::has(resource) || resource.kind == Kind::Profile {
        return None;
    }
    let (kind, revision) = (resource.kind, revision(resource).ok()?);
    let (mut keys, mut bytes, mut txn) = (Vec::new(), 0, None);
    for id in stored_ids(kind, &resource.id()).into_iter().rev() {
        let value = stored::encode(resource, id.rsplit('/').next().unwrap_or_default());
        bytes += value.len();
        let key = key(kind, &id);
        let this = Txn::new()
            .when([Compare::mod_revision(key.as_str(), CompareOp::Equal, revision)])
            .and_then([TxnOp::put(key.as_str(), value, None)]);
        keys.push(key);
        txn = Some(match txn {
            Some(other) => this.or_else([TxnOp::txn(other)]),
            None => this,
        });
    }
    Some(Part {
        txn: txn?,
        keys,
        bytes,
    })
}

/// Whether a transaction did what it was for, or the one in its place did.
fn is_done(answer: TxnOpResponse) -> bool {
    let TxnOpResponse::Txn(answer) = answer else {
        return false;
    };
    answer.succeeded() || answer.op_responses().into_iter().any(is_done)
}

/// Nothing, where a server refuses several at once.
fn unless_refused<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(Error::Failed { why, .. }) if REFUSALS.iter().any(|words| why.contains(words)) => Ok(None),
        answer => answer.map(Some),
    }
}
