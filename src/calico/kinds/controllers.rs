//! KubeControllersConfiguration (api `kubecontrollersconfig.go`; libcalico-go `lib/clientv3/kubecontrollersconfig.go`).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::Definition;
use super::columns::NAME;
use super::metadata::{API_VERSION, KIND, PLAIN};
use crate::calico::checks::{cidr, regex, selector};
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Checked(
        &[
            KIND,
            API_VERSION,
            Field::required("metadata", Shape::Object(PLAIN)),
            Field::optional("spec", Shape::Object(SPEC)),
            Field::always(
                "status",
                Shape::Object(&[
                    Field::optional("runningConfig", Shape::Object(SPEC)),
                    Field::optional("environmentVars", Shape::Texts),
                ]),
                Zero::Object,
            ),
        ],
        only_default,
    ),
    columns: &[NAME],
    ps: &["NAME"],
    wide: &[],
    defaults,
};

const SWITCH: Shape = Shape::Enum(&["Enabled", "Disabled"]);
const PERIOD: &[Field] = &[Field::optional("reconcilerPeriod", Shape::Duration)];

const SPEC: &[Field] = &[
    Field::optional(
        "logSeverityScreen",
        Shape::Enum(&["None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic"]),
    ),
    Field::optional("healthChecks", SWITCH),
    Field::optional("etcdV3CompactionPeriod", Shape::Duration),
    Field::pointer("prometheusMetricsPort", Shape::Int(0, 65_535)),
    Field::always("controllers", Shape::Object(CONTROLLERS), Zero::Object),
    Field::pointer("debugProfilePort", Shape::Int(0, 65_535)),
];

const CONTROLLERS: &[Field] = &[
    Field::optional(
        "node",
        Shape::Object(&[
            Field::optional("reconcilerPeriod", Shape::Duration),
            Field::optional("syncLabels", SWITCH),
            Field::optional(
                "hostEndpoint",
                Shape::Checked(
                    &[
                        Field::optional("autoCreate", SWITCH),
                        Field::optional("createDefaultHostEndpoint", SWITCH),
                        Field::optional("templates", Shape::List(&Shape::Object(TEMPLATE))),
                    ],
                    templates_fit,
                ),
            ),
            Field::optional("leakGracePeriod", Shape::Duration),
        ]),
    ),
    Field::optional("policy", Shape::Object(PERIOD)),
    Field::optional("workloadEndpoint", Shape::Object(PERIOD)),
    Field::optional("serviceAccount", Shape::Object(PERIOD)),
    Field::optional("namespace", Shape::Object(PERIOD)),
    Field::optional(
        "loadBalancer",
        Shape::Object(&[Field::optional(
            "assignIPs",
            Shape::Enum(&["AllServices", "RequestedServicesOnly"]),
        )]),
    ),
    Field::optional(
        "policyMigration",
        Shape::Object(&[
            Field::optional("enabled", SWITCH),
            Field::optional("reconcilerPeriod", Shape::Duration),
        ]),
    ),
];

const TEMPLATE: &[Field] = &[
    Field::required("generateName", Shape::Text(names::check_name)),
    Field::optional("interfaceCIDRs", Shape::Set(&Shape::Text(cidr))),
    Field::optional("interfacePattern", Shape::Text(regex)),
    Field::optional("labels", Shape::Labels),
    Field::optional("nodeSelector", Shape::Text(selector)),
];

/// There is one object of this kind in a cluster.
pub(super) fn only_default(resource: &Map<String, Value>, misfits: &mut Misfits) {
    let name = resource.get("metadata").and_then(|metadata| metadata.get("name"));
    if name.is_none_or(|name| name != "default") {
        misfits.add(
            "metadata.name",
            "must be default: there is one object of this kind",
        );
    }
}

fn templates_fit(config: &Map<String, Value>, misfits: &mut Misfits) {
    let templates = config.get("templates").and_then(Value::as_array);
    let mut names = HashSet::new();
    for (index, template) in templates.into_iter().flatten().enumerate() {
        let name = template
            .get("generateName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !names.insert(name) {
            misfits.add(
                format!("templates[{index}].generateName"),
                format!("{name:?} is here twice"),
            );
        }
        if template.get("interfaceCIDRs").is_none() && template.get("interfacePattern").is_none() {
            misfits.add(
                format!("templates[{index}]"),
                "needs interfaceCIDRs or interfacePattern",
            );
        }
    }
}

fn defaults(config: &mut Resource) {
    config.default(&["spec", "prometheusMetricsPort"], 9094);
    config.default(&["spec", "healthChecks"], "Enabled");
    for (controller, field, value) in [
        ("node", "leakGracePeriod", "15m0s"),
        ("loadBalancer", "assignIPs", "AllServices"),
        ("policyMigration", "enabled", "Enabled"),
    ] {
        let path = ["spec", "controllers", controller];
        if config.field(&path).is_some() {
            config.default(&["spec", "controllers", controller, field], value);
        }
    }
}
