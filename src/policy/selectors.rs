//! Selectors of policies and rules as one expression over an endpoint's own and inherited labels
//! (libcalico-go `lib/backend/syncersv1/updateprocessors`, `lib/backend/k8s/conversion`).

use crate::calico::selector::{Op, Selector};
use crate::kubernetes::selector::{LabelSelector, Operator};

/// Before the names of labels that come from the namespace, and from the service account.
pub const NAMESPACE_PREFIX: &str = "pcns.";
pub const ACCOUNT_PREFIX: &str = "pcsa.";
/// Labels that Calico gives to endpoints.
pub const NAMESPACE: &str = "projectcalico.org/namespace";
pub const ACCOUNT: &str = "projectcalico.org/serviceaccount";
pub const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The label that a namespace or service account has under its prefix beside its own: its name.
pub const NAME: &str = "projectcalico.org/name";

/// `label == "value"`.
pub fn equal(label: &str, value: &str) -> Selector {
    Selector::Label {
        label: label.to_owned(),
        op: Op::Equal,
        value: value.to_owned(),
    }
}

/// Both, where there are both.
pub fn and(first: Option<Selector>, second: Option<Selector>) -> Option<Selector> {
    match (first, second) {
        (Some(first), Some(second)) => Some(Selector::And(vec![first, second])),
        (first, second) => first.or(second),
    }
}

/// A selector over the labels of a namespace, asked of an endpoint in it: `all()` is every namespace, `global()` what
/// is in none.
pub fn of_namespaces(selector: Selector) -> Selector {
    let in_some = || Selector::Has(NAMESPACE.to_owned());
    prefixed(selector, NAMESPACE_PREFIX, &|selector| match selector {
        Selector::All => in_some(),
        Selector::Global => Selector::Not(Box::new(in_some())),
        other => other,
    })
}

/// A selector with this before every label.
pub fn prefixed(selector: Selector, prefix: &str, rest: &dyn Fn(Selector) -> Selector) -> Selector {
    let named = |label: String| format!("{prefix}{label}");
    let each = |operands: Vec<Selector>| {
        operands
            .into_iter()
            .map(|operand| prefixed(operand, prefix, rest))
            .collect()
    };
    match selector {
        Selector::Has(label) => Selector::Has(named(label)),
        Selector::Label { label, op, value } => Selector::Label {
            label: named(label),
            op,
            value,
        },
        Selector::In {
            label,
            negated,
            values,
        } => Selector::In {
            label: named(label),
            negated,
            values,
        },
        Selector::Not(operand) => Selector::Not(Box::new(prefixed(*operand, prefix, rest))),
        Selector::And(operands) => Selector::And(each(operands)),
        Selector::Or(operands) => Selector::Or(each(operands)),
        other => rest(other),
    }
}

/// A selector of Kubernetes; none when it asks nothing.
pub fn of_kubernetes(selector: &LabelSelector, prefix: &str) -> Option<Selector> {
    let named = |key: &str| format!("{prefix}{key}");
    let labels = selector
        .match_labels
        .iter()
        .map(|(key, value)| equal(&named(key), value));
    let expressions = selector.match_expressions.iter().map(|requirement| {
        let label = named(&requirement.key);
        let listed = |negated| Selector::In {
            label: label.clone(),
            negated,
            values: requirement.values.clone(),
        };
        match requirement.operator {
            Operator::In => listed(false),
            Operator::NotIn => listed(true),
            Operator::Exists => Selector::Has(label),
            Operator::DoesNotExist => Selector::Not(Box::new(Selector::Has(label))),
        }
    });
    let all: Vec<Selector> = labels.chain(expressions).collect();
    (!all.is_empty()).then_some(Selector::And(all))
}

/// Whether it asks for labels of a namespace, its name apart.
pub fn asks_namespace(selector: &Selector) -> bool {
    let asks = |label: &str| {
        label
            .strip_prefix(NAMESPACE_PREFIX)
            .is_some_and(|label| label != NAME && label != METADATA_NAME)
    };
    match selector {
        Selector::All | Selector::Global => false,
        Selector::Has(label) | Selector::Label { label, .. } | Selector::In { label, .. } => asks(label),
        Selector::Not(operand) => asks_namespace(operand),
        Selector::And(operands) | Selector::Or(operands) => operands.iter().any(asks_namespace),
    }
}

/// The label that the API server gives to every namespace: its name.
pub const METADATA_NAME: &str = "kubernetes.io/metadata.name";
