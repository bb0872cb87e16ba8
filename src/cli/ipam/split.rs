//! `netdiag ipam split`.

use ipnet::IpNet;
use serde_json::Value;

use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::cli::{Context, Error, Outcome};
use crate::datastore::{self, Datastore};

/// Make several smaller pools of one; blocks and addresses stay as they are
///
/// The datastore must be locked. Stopped half-way, running it again finishes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many: a power of two
    number: u32,
    /// The pool, by its addresses
    #[arg(
        long,
        value_name = "CIDR",
        conflicts_with = "name",
        required_unless_present = "name"
    )]
    cidr: Option<IpNet>,
    /// The pool, by its name
    #[arg(long, value_name = "POOL")]
    name: Option<String>,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let store = crate::cli::datastore::open(cx)?;
        let (pool, parts) = cx.block_on(self.split(&*store))?;
        writeln!(
            cx.out,
            "IP Pool {pool} was successfully split into {} smaller pools.",
            parts.len()
        )?;
        for (name, cidr) in parts {
            writeln!(cx.out, "Created {name} with CIDR {cidr}.")?;
        }
        writeln!(
            cx.out,
            "Unlock the datastore when you are done: netdiag datastore migrate unlock"
        )?;
        Ok(Outcome::Good)
    }

    async fn split(&self, store: &dyn Datastore) -> Result<(String, Vec<(String, IpNet)>), Error> {
        let cluster = store.get(Kind::ClusterInformation, "default").await?;
        if cluster.field(&["spec", "datastoreReady"]) != Some(&Value::Bool(false)) {
            return Err(Error::new(
                "datastore is not locked. Run the `netdiag datastore migrate lock` command in order split the IP pools",
            ));
        }
        let pool = self.find(store).await?;
        let cidr: IpNet = pool
            .text(&["spec", "cidr"])
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(format!("IPPool({}): spec.cidr is not a CIDR", pool.name())))?;
        let size = pool.field(&["spec", "blockSize"]).and_then(Value::as_u64);
        let parts = parts(cidr, self.number, size)?;
        // A pool that is disabled is meant so, unless a try was stopped half-way: then a part of it exists.
        let first = store.get(Kind::IpPool, &format!("split-{}-0", pool.name())).await;
        // Nothing is given out from it while there are both.
        let mut old = pool.clone();
        old.set(&["spec", "disabled"], Some(true.into()));
        let old = if old == pool {
            old
        } else {
            store.update(&old).await?
        };
        let mut made = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            let name = format!("split-{}-{index}", pool.name());
            let mut new = Resource::new(Kind::IpPool, &name);
            let mut spec = pool.field(&["spec"]).cloned().unwrap_or_default();
            spec["cidr"] = part.to_string().into();
            if let Some(spec) = spec.as_object_mut().filter(|_| first.is_ok()) {
                spec.remove("disabled");
            }
            new.set(&["spec"], Some(spec));
            match store.create(&new).await {
                // Of a try that was stopped half-way.
                Ok(_) | Err(datastore::Error::AlreadyExists { .. }) => made.push((name, part)),
                Err(error) => return Err(error.into()),
            }
        }
        store.delete(&old).await?;
        Ok((pool.name().to_owned(), made))
    }

    async fn find(&self, store: &dyn Datastore) -> Result<Resource, Error> {
        let pools = store.list(Kind::IpPool).await?.items;
        let wanted = |pool: &Resource| match (&self.name, &self.cidr) {
            (Some(name), _) => pool.name() == name,
            (None, Some(cidr)) => pool.text(&["spec", "cidr"]) == Some(&cidr.to_string()),
            (None, None) => false,
        };
        pools.into_iter().find(wanted).ok_or_else(|| {
            let what = self
                .cidr
                .map_or_else(|| self.name.clone().unwrap_or_default(), |cidr| cidr.to_string());
            Error::new(format!("unable to find IP pool {what}"))
        })
    }
}

fn parts(cidr: IpNet, number: u32, block: Option<u64>) -> Result<Vec<IpNet>, Error> {
    let fail = |why: String| {
        Error::new(format!(
            "error splitting the CIDR {cidr} into {number} CIDRs: {why}"
        ))
    };
    if number < 2 || !number.is_power_of_two() {
        return Err(fail(format!(
            "number to split CIDR into is not a valid power of 2: {number}"
        )));
    }
    let length = u32::from(cidr.prefix_len()) + number.trailing_zeros();
    let longest = block.unwrap_or_else(|| u64::from(cidr.max_prefix_len()));
    if u64::from(length) > longest {
        return Err(fail(format!("each would be smaller than a block of /{longest}")));
    }
    let length = u8::try_from(length).map_err(|error| fail(error.to_string()))?;
    let subnets = cidr.subnets(length).map_err(|error| fail(error.to_string()))?;
    Ok(subnets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_and_no_smaller_than_a_block() {
        let cidr = "10.244.0.0/16".parse().unwrap();
        let found: Vec<String> = parts(cidr, 4, Some(26))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "10.244.0.0/18",
                "10.244.64.0/18",
                "10.244.128.0/18",
                "10.244.192.0/18"
            ]
        );
        for number in [0, 1, 3] {
            let error = parts(cidr, number, None).unwrap_err().message;
            assert!(error.contains("not a valid power of 2"), "{error}");
        }
        assert!(parts(cidr, 2048, Some(26)).is_err());
    }
}
