//! The fields of v1 objects (libcalico-go `lib/apis/v1`). What v3 checks as well is checked there.

use crate::calico::checks::{cidr, filled, ip, net, selector};
use crate::calico::schema::{Field, Shape};

const API_VERSION: Field = Field::optional("apiVersion", Shape::Ignored);
const KIND: Field = Field::optional("kind", Shape::Ignored);
const NAME: Field = Field::required("name", Shape::Text(filled));
const LABELS: Field = Field::optional("labels", Shape::Labels);

pub(super) static POOL: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[Field::required("cidr", Shape::Text(any_network))]),
    ),
    Field::optional(
        "spec",
        Shape::Object(&[
            Field::optional(
                "ipip",
                Shape::Object(&[
                    Field::pointer("enabled", Shape::Bool),
                    Field::optional("mode", Shape::Enum(&["always", "cross-subnet"])),
                ]),
            ),
            Field::pointer("nat-outgoing", Shape::Bool),
            Field::pointer("disabled", Shape::Bool),
        ]),
    ),
]);

pub(super) static PEER: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[
            Field::optional("scope", Shape::Enum(&["global", "node", "undefined"])),
            Field::optional("node", Shape::AnyText),
            Field::required("peerIP", Shape::Text(ip)),
        ]),
    ),
    Field::required(
        "spec",
        Shape::Object(&[Field::required("asNumber", Shape::AsNumber)]),
    ),
]);

pub(super) static POLICY: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[
            NAME,
            Field::optional("tier", Shape::AnyText),
            Field::optional("annotations", Shape::Annotations),
        ]),
    ),
    Field::optional(
        "spec",
        Shape::Object(&[
            Field::pointer("order", Shape::Float),
            Field::optional("ingress", RULES),
            Field::optional("egress", RULES),
            Field::optional("selector", Shape::Text(selector)),
            Field::optional("doNotTrack", Shape::Bool),
            Field::optional("preDNAT", Shape::Bool),
            Field::optional("applyOnForward", Shape::Bool),
            Field::optional("types", Shape::Set(&Shape::AnyCase(&["ingress", "egress"]))),
        ]),
    ),
]);

pub(super) static PROFILE: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[
            NAME,
            Field::optional("tags", Shape::Set(&Shape::Text(filled))),
            LABELS,
        ]),
    ),
    Field::optional(
        "spec",
        Shape::Object(&[
            Field::optional("ingress", RULES),
            Field::optional("egress", RULES),
        ]),
    ),
]);

pub(super) static TIER: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required("metadata", Shape::Object(&[NAME])),
    Field::optional("spec", Shape::Object(&[Field::pointer("order", Shape::Float)])),
]);

pub(super) static HOST_ENDPOINT: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[NAME, Field::required("node", Shape::Text(filled)), LABELS]),
    ),
    Field::optional(
        "spec",
        Shape::Object(&[
            Field::optional("interfaceName", Shape::AnyText),
            Field::optional("expectedIPs", Shape::Set(&Shape::Text(ip))),
            Field::optional("profiles", PROFILES),
            Field::optional("ports", PORTS),
        ]),
    ),
]);

pub(super) static WORKLOAD_ENDPOINT: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
    Field::required(
        "metadata",
        Shape::Object(&[
            NAME,
            Field::required("workload", Shape::Text(filled)),
            Field::required("orchestrator", Shape::Text(filled)),
            Field::required("node", Shape::Text(filled)),
            Field::optional("activeInstanceID", Shape::AnyText),
            LABELS,
        ]),
    ),
    Field::required(
        "spec",
        Shape::Object(&[
            Field::optional("ipNetworks", Shape::List(&Shape::Text(cidr))),
            Field::optional(
                "ipNATs",
                Shape::List(&Shape::Object(&[
                    Field::required("internalIP", Shape::Text(ip)),
                    Field::required("externalIP", Shape::Text(ip)),
                ])),
            ),
            Field::optional("ipv4Gateway", Shape::Text(ip)),
            Field::optional("ipv6Gateway", Shape::Text(ip)),
            Field::optional("profiles", PROFILES),
            Field::optional("interfaceName", Shape::AnyText),
            Field::optional("mac", Shape::AnyText),
            Field::optional("ports", PORTS),
            Field::optional("allow_spoofed_source_prefixes", Shape::List(&Shape::Text(cidr))),
        ]),
    ),
]);

const PROFILES: Shape = Shape::List(&Shape::Text(filled));

const PORTS: Shape = Shape::List(&Shape::Object(&[
    Field::required("name", Shape::Text(filled)),
    Field::required("protocol", Shape::IntOrText),
    Field::required("port", Shape::Int(1, 65_535)),
]));

const RULES: Shape = Shape::List(&Shape::Object(&[
    Field::optional(
        "action",
        Shape::AnyCase(&["allow", "deny", "log", "pass", "next-tier"]),
    ),
    Field::optional("ipVersion", Shape::Int(4, 6)),
    Field::optional("protocol", Shape::IntOrText),
    Field::optional("icmp", ICMP),
    Field::optional("notProtocol", Shape::IntOrText),
    Field::optional("notICMP", ICMP),
    Field::optional("source", ENTITY),
    Field::optional("destination", ENTITY),
]));

const ICMP: Shape = Shape::Object(&[
    Field::pointer("type", Shape::Int(0, 254)),
    Field::pointer("code", Shape::Int(0, 255)),
]);

const ENTITY: Shape = Shape::Object(&[
    Field::optional("tag", Shape::AnyText),
    Field::optional("net", Shape::Text(cidr)),
    Field::optional("nets", Shape::List(&Shape::Text(cidr))),
    Field::optional("selector", Shape::Text(selector)),
    Field::optional("ports", Shape::List(&Shape::Port)),
    Field::optional("notTag", Shape::AnyText),
    Field::optional("notNet", Shape::Text(cidr)),
    Field::optional("notNets", Shape::List(&Shape::Text(cidr))),
    Field::optional("notSelector", Shape::Text(selector)),
    Field::optional("notPorts", Shape::List(&Shape::Port)),
]);

/// A network with its length; bits after the prefix are masked.
fn any_network(text: &str) -> Result<(), String> {
    match net(text) {
        Some(_) => Ok(()),
        None => Err(format!(
            "{text:?} is not a network with a prefix length, such as 10.0.0.0/16"
        )),
    }
}
