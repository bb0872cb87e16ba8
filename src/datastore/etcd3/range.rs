//! Long lists: read page by page, all as of one revision.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{GetOptions, KvClient, ResponseHeader};

use super::super::endpoint::Endpoint;
use super::super::pages::Pages;
use super::super::{Entry, Error};
use super::call;

/// Keys of one page: what lies in memory twice. For each page, etcd 3.4 looks at all keys to the end.
const PAGE: i64 = 15_000;
/// What etcd says of a revision that is gone.
const COMPACTED: &str = "has been compacted";

/// Every key that begins with a prefix, and how far they have been read.
pub(super) struct Range {
    kv: KvClient,
    endpoint: Endpoint,
    deadline: Duration,
    prefix: String,
    /// The next one.
    from: Vec<u8>,
    /// That of the first page; 0 before it.
    pub(super) revision: i64,
    limit: i64,
    keys_only: bool,
}

/// One page.
struct Next {
    entries: Vec<Entry>,
    /// In place of the pages before: what they were of is gone.
    anew: bool,
    more: bool,
}

impl Range {
    pub(super) fn new(kv: KvClient, endpoint: Endpoint, deadline: Duration, prefix: &str) -> Self {
        Self {
            kv,
            endpoint,
            deadline,
            prefix: prefix.to_owned(),
            from: prefix.as_bytes().to_vec(),
            revision: 0,
            limit: PAGE,
            keys_only: false,
        }
    }

    /// Values stay where they are.
    pub(super) fn keys_only(self) -> Self {
        Self {
            keys_only: true,
            ..self
        }
    }

    /// What wasn't read yet, after what was.
    pub(super) async fn rest(&mut self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Error> {
        loop {
            let next = self.next().await?;
            if next.anew {
                entries.clear();
            }
            entries.extend(next.entries);
            if !next.more {
                return Ok(entries);
            }
        }
    }

    /// The first page; the others come by a task of their own.
    pub(super) async fn arriving(mut self) -> Result<Arc<Pages>, Error> {
        let Next { entries, more, .. } = self.next().await?;
        let version = Some(self.revision.to_string());
        if !more {
            return Ok(Pages::whole(version, entries));
        }
        let pages = Pages::first(version, entries);
        let rest = Arc::clone(&pages);
        tokio::spawn(async move {
            loop {
                match self.next().await {
                    Ok(next) => {
                        if next.anew {
                            rest.anew(Some(self.revision.to_string()), next.entries);
                        } else {
                            rest.add(next.entries);
                        }
                        if !next.more {
                            return rest.end(None);
                        }
                    }
                    Err(error) => return rest.end(Some(error)),
                }
            }
        });
        Ok(pages)
    }

    async fn next(&mut self) -> Result<Next, Error> {
        match self.page().await {
            // Between two pages. One page is always of one revision.
            Err(Error::Failed { why, .. }) if why.contains(COMPACTED) && self.limit > 0 => {
                self.from = self.prefix.as_bytes().to_vec();
                (self.revision, self.limit) = (0, 0);
                let next = self.page().await?;
                Ok(Next { anew: true, ..next })
            }
            page => page,
        }
    }

    async fn page(&mut self) -> Result<Next, Error> {
        let mut options = GetOptions::new()
            .with_range(after_all(self.prefix.as_bytes()))
            .with_limit(self.limit)
            .with_revision(self.revision);
        if self.keys_only {
            options = options.with_keys_only();
        }
        let get = self.kv.get(self.from.as_slice(), Some(options));
        let mut answer = call(&self.endpoint, self.deadline, get).await?;
        if self.revision == 0 {
            self.revision = answer.header().map_or(0, ResponseHeader::revision);
        }
        // The least key that is greater than the last one.
        let last = answer.kvs().last().map(|last| [last.key(), &[0]].concat());
        let more = answer.more() && last.is_some();
        self.from = last.unwrap_or_default();
        let entries = answer.take_kvs().into_iter().map(|pair| {
            let revision = pair.mod_revision();
            let (key, value) = pair.into_key_value();
            Entry {
                key: String::from_utf8(key)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
                value,
                revision,
            }
        });
        Ok(Next {
            entries: entries.collect(),
            anew: false,
            more,
        })
    }
}

/// The end of the range of all keys with a prefix.
fn after_all(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // All keys.
    vec![0]
}
