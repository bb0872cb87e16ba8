//! What waits for each round trip takes: writes GlobalNetworkSets by the requests that calicoctl's `apply` makes of each
//! (libcalico-go `lib/backend/etcdv3`), one after the other over one connection. `bench-serial ENDPOINT COUNT NET`: each set
//! has this one network.

use std::error::Error;

use etcd_client::{Client, Compare, CompareOp, GetOptions, Txn, TxnOp};

const SETS: &str = "/calico/resources/v3/projectcalico.org/globalnetworksets/serial-";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, count, net] = arguments.as_slice() else {
        return Err("usage: bench-serial ENDPOINT COUNT NET".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(apply(endpoint, count.parse()?, net))
}

async fn apply(endpoint: &str, count: usize, net: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect([endpoint], None).await?;
    for number in 0..count {
        let key = format!("{SETS}{number}");
        let value = format!(
            r#"{{"kind":"GlobalNetworkSet","apiVersion":"projectcalico.org/v3","metadata":{{"name":"serial-{number}","uid":"5b0a3cf1-5d9c-4c7e-9d3f-000000000000","creationTimestamp":"2026-01-01T00:00:00Z"}},"spec":{{"nets":["{net}"]}}}}"#
        );
        // Create it; if it is there, get and update it.
        let put = || TxnOp::put(key.as_str(), value.as_str(), None);
        let absent = Compare::version(key.as_str(), CompareOp::Equal, 0);
        let created = client.txn(Txn::new().when([absent]).and_then([put()])).await?;
        if created.succeeded() {
            continue;
        }
        let stored = client.get(key.as_str(), None).await?;
        let revision = stored.kvs().first().ok_or("it is gone")?.mod_revision();
        let same = Compare::mod_revision(key.as_str(), CompareOp::Equal, revision);
        let get = TxnOp::get(key.as_str(), Some(GetOptions::new()));
        let txn = Txn::new().when([same]).and_then([put()]).or_else([get]);
        if !client.txn(txn).await?.succeeded() {
            return Err("somebody else writes".into());
        }
    }
    Ok(())
}
