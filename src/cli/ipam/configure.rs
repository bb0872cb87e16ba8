//! `netdiag ipam configure`.

use serde_json::{Map, Value};

use crate::cli::{Context, Error, Outcome};
use crate::datastore::{Datastore, Entry};

/// Change settings of IPAM
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whether nodes take addresses of their own blocks only
    #[arg(long, value_name = "true|false")]
    strictaffinity: Option<String>,
    /// Blocks that a node may have
    #[arg(long, value_name = "NUMBER")]
    max_blocks_per_host: Option<String>,
    /// Whether virtual machines keep their addresses
    #[arg(long, value_name = "Enabled|Disabled")]
    kubevirt_ip_persistence: Option<String>,
    /// Seconds before an address that was given back is given out again
    #[arg(long, value_name = "SECONDS")]
    ip_cooldown_seconds: Option<String>,
}

const KEY: &str = "/calico/ipam/v2/config";

async fn entry(store: &dyn Datastore) -> Result<Entry, Error> {
    let none = || Entry {
        key: KEY.to_owned(),
        value: b"{}".to_vec(),
        revision: 0,
    };
    Ok(store.entry(KEY).await?.unwrap_or_else(none))
}

fn parse(entry: &Entry) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(&entry.value).map_err(|error| Error::new(format!("{KEY}: {error}")))
}

/// The settings as they are stored.
pub(super) async fn read(store: &dyn Datastore) -> Result<Map<String, Value>, Error> {
    parse(&entry(store).await?)
}

impl Args {
    /// What is to be set: key, value, and what calicoctl calls it.
    fn wanted(&self) -> Result<Vec<(&'static str, Value, &'static str)>, Error> {
        let mut wanted = Vec::new();
        if let Some(text) = &self.strictaffinity {
            let value: bool = text
                .parse()
                .map_err(|_| Error::new("invalid value. Use true or false to set strictaffinity"))?;
            wanted.push(("strict_affinity", value.into(), "StrictAffinity"));
        }
        if let Some(text) = &self.max_blocks_per_host {
            let number = text.parse::<u64>().ok().filter(|number| *number <= 1_000_000);
            let number =
                number.ok_or_else(|| Error::new("invalid value for maxblockhost. Use a valid number"))?;
            wanted.push(("maxBlocksPerHost", number.into(), "MaxBlocksPerHost"));
        }
        if let Some(text) = &self.kubevirt_ip_persistence {
            if !matches!(text.as_str(), "Enabled" | "Disabled") {
                return Err(Error::new(
                    "invalid value for kubevirt-ip-persistence: use Enabled or Disabled",
                ));
            }
            wanted.push((
                "kubeVirtVMAddressPersistence",
                text.clone().into(),
                "KubeVirtVMAddressPersistence",
            ));
        }
        if let Some(text) = &self.ip_cooldown_seconds {
            let number = text.parse::<u64>().ok().filter(|number| *number <= 1200);
            let number =
                number.ok_or_else(|| Error::new("invalid value for ip-cooldown-seconds: use 0 to 1200"))?;
            wanted.push(("ipCooldownSeconds", number.into(), "IPCooldownSeconds"));
        }
        if wanted.is_empty() {
            return Err(Error::new("at least one configuration option must be specified"));
        }
        Ok(wanted)
    }

    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let wanted = self.wanted()?;
        let store = crate::cli::datastore::open(cx)?;
        cx.block_on(async {
            let entry = entry(&*store).await?;
            let mut config = parse(&entry)?;
            for (key, value, _) in &wanted {
                config.insert((*key).to_owned(), value.clone());
            }
            config
                .entry("auto_allocate_blocks")
                .or_insert_with(|| Value::Bool(true));
            let is = |key: &str| config.get(key) == Some(&Value::Bool(true));
            if is("strict_affinity") && !is("auto_allocate_blocks") {
                return Err(Error::new(
                    "cannot set strict affinity while blocks are not allocated automatically: nodes could not get any",
                ));
            }
            let limited = config.get("maxBlocksPerHost").and_then(Value::as_u64).unwrap_or_default() > 0;
            if limited && !is("strict_affinity") {
                return Err(Error::new("MaxBlocksPerHost needs strict affinity")
                    .hint("--strictaffinity=true in the same command sets both"));
            }
            // As Calico writes it: without what is false or zero.
            config.retain(|key, value| {
                key == "auto_allocate_blocks" || !(*value == Value::Bool(false) || value.as_u64() == Some(0))
            });
            let value = Value::Object(config).to_string();
            if store.swap_entry(&entry, Some(&value)).await? {
                return Ok(());
            }
            Err(Error::new(
                "update conflict: somebody else has changed the settings: try again",
            ))
        })?;
        for (_, value, name) in &wanted {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(cx.out, "Successfully set {name} to: {value}")?;
        }
        Ok(Outcome::Good)
    }
}
