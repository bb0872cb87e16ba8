//! IPPool, IPReservation and IPAMConfiguration (api `ippool.go`, `ipreservation.go`, `ipamconfig.go`; libcalico-go
//! `lib/clientv3/ippool.go`).

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::columns::{Column, NAME};
use super::metadata::{API_VERSION, CONDITIONS, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::checks::{cidr, link_local, net, plain_selector, strict_network};
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

const MODES: Shape = Shape::Enum(&["Never", "Always", "CrossSubnet"]);

pub(super) static POOL: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::required(
            "spec",
            Shape::Checked(
                &[
                    Field::required("cidr", Shape::Text(strict_network)),
                    Field::optional("vxlanMode", MODES),
                    Field::optional("ipipMode", MODES),
                    Field::optional("natOutgoing", Shape::Bool),
                    Field::optional("disabled", Shape::Bool),
                    Field::optional("disableBGPExport", Shape::Bool),
                    Field::optional("blockSize", Shape::Int(0, 128)),
                    Field::optional("nodeSelector", Shape::Text(plain_selector)),
                    Field::optional("namespaceSelector", Shape::Text(plain_selector)),
                    Field::optional(
                        "allowedUses",
                        Shape::Set(&Shape::Enum(&["Workload", "Tunnel", "LoadBalancer"])),
                    ),
                    Field::optional("assignmentMode", Shape::Enum(&["Automatic", "Manual"])),
                ],
                pool_fits,
            ),
        ),
        Field::optional("status", Shape::Object(CONDITIONS)),
    ]),
    columns: &[
        NAME,
        Column::field("CIDR", &["spec", "cidr"]),
        Column::field_or("NAT", &["spec", "natOutgoing"], "false"),
        Column::field_or("IPIPMODE", &["spec", "ipipMode"], "Never"),
        Column::field_or("VXLANMODE", &["spec", "vxlanMode"], "Never"),
        Column::field_or("DISABLED", &["spec", "disabled"], "false"),
        Column::field_or("DISABLEBGPEXPORT", &["spec", "disableBGPExport"], "false"),
        Column::field("SELECTOR", &["spec", "nodeSelector"]),
        Column::field_or("ASSIGNMENTMODE", &["spec", "assignmentMode"], "Automatic"),
    ],
    ps: &["NAME", "CIDR", "SELECTOR"],
    wide: &[
        "NAME",
        "CIDR",
        "NAT",
        "IPIPMODE",
        "VXLANMODE",
        "DISABLED",
        "DISABLEBGPEXPORT",
        "SELECTOR",
        "ASSIGNMENTMODE",
    ],
    defaults: pool_defaults,
};

fn pool_fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let flag = |key: &str| spec.get(key).and_then(Value::as_bool).unwrap_or_default();
    let on = |key: &str| !matches!(text(key), "" | "Never");
    let Some(cidr) = net(text("cidr")) else { return };
    let size = spec
        .get("blockSize")
        .and_then(Value::as_u64)
        .unwrap_or_else(|| block_size(&cidr));
    let (family, sizes) = match cidr {
        IpNet::V4(_) => ("IPv4", 20..=32),
        IpNet::V6(_) => ("IPv6", 116..=128),
    };
    if !sizes.contains(&size) {
        let (min, max) = (sizes.start(), sizes.end());
        misfits.add(
            "blockSize",
            format!("{family} block size must be between {min} and {max}"),
        );
    } else if !flag("disabled") && u64::from(cidr.prefix_len()) > size {
        misfits.add("cidr", format!("{cidr} is smaller than one block of /{size}"));
    }
    if let Some(range) = link_local(&cidr) {
        misfits.add(
            "cidr",
            format!("{cidr} overlaps with the link-local range {range}"),
        );
    }
    if on("ipipMode") && on("vxlanMode") {
        misfits.add(
            "vxlanMode",
            "Cannot enable both VXLAN and IPIP on the same IPPool",
        );
    }
    if on("ipipMode") && matches!(cidr, IpNet::V6(_)) {
        misfits.add("ipipMode", "IPIP is not supported on an IPv6 IP pool");
    }
    let uses = |wanted: &str| {
        let uses = spec.get("allowedUses").and_then(Value::as_array);
        uses.is_some_and(|uses| uses.iter().any(|value| value == wanted))
    };
    if uses("LoadBalancer") {
        load_balancer_fits(
            spec,
            misfits,
            uses("Workload") || uses("Tunnel"),
            on("ipipMode") || on("vxlanMode"),
        );
    }
    if uses("Tunnel") && !text("namespaceSelector").is_empty() {
        misfits.add(
            "namespaceSelector",
            "can't be set when allowedUses has Tunnel: tunnels have no namespace",
        );
    }
}

fn load_balancer_fits(spec: &Map<String, Value>, misfits: &mut Misfits, others: bool, encapsulated: bool) {
    if others {
        misfits.add(
            "allowedUses",
            "LoadBalancer can't be combined with Workload or Tunnel",
        );
    }
    if encapsulated {
        misfits.add(
            "allowedUses",
            "a pool for LoadBalancer can't have IPIP or VXLAN enabled",
        );
    }
    if spec.get("disableBGPExport") == Some(&Value::Bool(true)) {
        misfits.add(
            "disableBGPExport",
            "can't be set when allowedUses has LoadBalancer",
        );
    }
    if spec
        .get("nodeSelector")
        .is_some_and(|selector| selector != "all()")
    {
        misfits.add("nodeSelector", "must be all() when allowedUses has LoadBalancer");
    }
}

fn block_size(cidr: &IpNet) -> u64 {
    match cidr {
        IpNet::V4(_) => 26,
        IpNet::V6(_) => 122,
    }
}

/// The same is filled in on reading: pools of old releases lack some of it.
pub(crate) fn pool_defaults(pool: &mut Resource) {
    if let Some(cidr) = pool.text(&["spec", "cidr"]).and_then(net) {
        pool.default(&["spec", "blockSize"], block_size(&cidr));
        pool.set(&["spec", "cidr"], Some(cidr.trunc().to_string().into()));
    }
    for (field, value) in [
        ("nodeSelector", json!("all()")),
        ("allowedUses", json!(["Workload", "Tunnel"])),
        ("ipipMode", json!("Never")),
        ("vxlanMode", json!("Never")),
        ("assignmentMode", json!("Automatic")),
    ] {
        pool.default(&["spec", field], value);
    }
}

pub(super) static RESERVATION: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional(
            "spec",
            Shape::Object(&[Field::optional("reservedCIDRs", Shape::Set(&Shape::Text(cidr)))]),
        ),
    ]),
    columns: &[NAME, Column::joined("CIDRS", &["spec", "reservedCIDRs"], 80)],
    ps: &["NAME"],
    wide: &["NAME", "CIDRS"],
    defaults: none,
};

pub(super) static IPAM: Definition = Definition {
    shape: &Shape::Checked(
        &[
            KIND,
            API_VERSION,
            Field::required("metadata", Shape::Object(PLAIN)),
            Field::optional(
                "spec",
                Shape::Object(&[
                    Field::always("strictAffinity", Shape::Bool, Zero::False),
                    Field::optional("maxBlocksPerHost", Shape::Int(0, 1_000_000)),
                    Field::always("autoAllocateBlocks", Shape::Bool, Zero::False),
                    Field::optional(
                        "kubeVirtVMAddressPersistence",
                        Shape::Enum(&["Enabled", "Disabled"]),
                    ),
                    Field::optional("ipCooldownSeconds", Shape::Int(0, 1200)),
                ]),
            ),
        ],
        super::controllers::only_default,
    ),
    columns: &[
        NAME,
        Column::field_or("STRICTAFFINITY", &["spec", "strictAffinity"], "false"),
        Column::field_or("AUTOALLOCATEBLOCKS", &["spec", "autoAllocateBlocks"], "false"),
        Column::field_or("MAXBLOCKSPERHOST", &["spec", "maxBlocksPerHost"], "0"),
    ],
    ps: &["NAME", "STRICTAFFINITY", "AUTOALLOCATEBLOCKS"],
    wide: &["NAME", "STRICTAFFINITY", "AUTOALLOCATEBLOCKS", "MAXBLOCKSPERHOST"],
    defaults: |resource| resource.default(&["spec", "autoAllocateBlocks"], true),
};
