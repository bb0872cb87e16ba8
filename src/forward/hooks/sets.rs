//! Sets and maps of nftables ready for questions: values by hash, networks by prefix, and what is left in turn.
//!
//! A set is only indexed when all its elements can be compared with one kind of field: for such a field nothing in it is
//! unknown, and the first element that fits is found without asking the others.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::super::prefixes::Prefixes;
use super::value::Value;
use crate::state::netfilter::{Element, Expr, Match, Rule, Set, Statement, Table};

/// Smaller sets are gone through in turn.
const INDEXED: usize = 8;

/// The named sets of a table, and the index of every large set in it.
#[derive(Debug, Default)]
pub(super) struct Sets<'a> {
    by_name: HashMap<&'a str, &'a Set>,
    /// By where the list lies in memory.
    indexes: HashMap<usize, OnceLock<Option<Index<'a>>>>,
}

/// Elements of a set, by number.
#[derive(Debug)]
pub(super) struct Index<'a> {
    kind: Kind,
    exact: HashMap<Value<'a>, u32>,
    nets: Prefixes<Option<u32>>,
    rest: Vec<u32>,
    /// How many have a value.
    pub(super) valued: usize,
    /// The last `*`, which stands for what no other element has.
    pub(super) any: Option<u32>,
}

/// What elements are compared with.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Addr,
    Name,
    Mac,
    List(Vec<Kind>),
    /// `*` within a concatenation.
    Any,
}

/// An element: its key, and in a map its value.
pub(super) trait Keyed {
    fn key(&self) -> &Expr;
    fn value(&self) -> Option<&Expr>;
}

impl Keyed for Expr {
    fn key(&self) -> &Expr {
        match self {
            Self::Pair(parts) => &parts.0,
            other => other,
        }
    }

    fn value(&self) -> Option<&Expr> {
        match self {
            Self::Pair(parts) => Some(&parts.1),
            _ => None,
        }
    }
}

impl Keyed for Element {
    fn key(&self) -> &Expr {
        &self.key
    }

    fn value(&self) -> Option<&Expr> {
        self.value.as_ref()
    }
}

impl<'a> Sets<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        let mut sets = Self::default();
        for set in table.sets.iter().rev() {
            // Of a name that stands twice, the first holds.
            sets.by_name.insert(&set.name, set);
            sets.announce(&set.elements);
        }
        for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
            sets.announce_rule(rule);
        }
        sets
    }

    /// Without indexes.
    #[cfg(test)]
    pub(super) fn plain(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            indexes: HashMap::new(),
        }
    }

    fn announce<T>(&mut self, elements: &'a [T]) {
        if elements.len() >= INDEXED {
            self.indexes.insert(lies(elements), OnceLock::new());
        }
    }

    fn announce_rule(&mut self, rule: &'a Rule) {
        for statement in &rule.statements {
            match statement {
                Statement::Match(Match {
                    value: Expr::Set(elements),
                    ..
                }) => self.announce(elements),
                Statement::Vmap(parts) => {
                    if let Expr::Set(elements) = &parts.1 {
                        self.announce(elements);
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<&'a Set> {
        self.by_name.get(name).copied()
    }

    /// The index of a list of elements, where it is large enough and of one kind.
    pub(super) fn index<T: Keyed>(&self, elements: &'a [T]) -> Option<&Index<'a>> {
        let index = self.indexes.get(&lies(elements))?;
        index.get_or_init(|| Index::new(elements)).as_ref()
    }
}

fn lies<T>(elements: &[T]) -> usize {
    elements.as_ptr().addr()
}

impl<'a> Index<'a> {
    fn new<T: Keyed>(elements: &'a [T]) -> Option<Self> {
        let mut index = Self {
            kind: Kind::Any,
            exact: HashMap::new(),
            nets: Prefixes::default(),
            rest: Vec::new(),
            valued: elements
                .iter()
                .filter(|element| element.value().is_some())
                .count(),
            any: None,
        };
        for (number, element) in (0..).zip(elements) {
            let key = element.key();
            if matches!(key, Expr::Any) {
                index.any = Some(number);
                continue;
            }
            let kind = kind(key)?;
            if index.kind == Kind::Any {
                index.kind = kind;
            } else if !alike(&index.kind, &kind) {
                return None;
            }
            match (exact(key), key) {
                (Some(value), _) => {
                    index.exact.entry(value).or_insert(number);
                }
                (None, Expr::Net(net)) => {
                    index.nets.entry(*net).get_or_insert(number);
                }
                _ => index.rest.push(number),
            }
        }
        Some(index)
    }

    /// Whether elements can be compared with this field without anything unknown.
    pub(super) fn is_for(&self, field: &Value) -> bool {
        is_of(&self.kind, field)
    }

    /// The first element that has the field, `*` aside; `holds` says it of those that are asked in turn.
    pub(super) fn first(&self, field: &Value, mut holds: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut best = self.exact.get(field).copied();
        if let Value::Addr(ip) = field {
            let of_nets = self.nets.containing(*ip).copied().flatten().min();
            best = [best, of_nets].into_iter().flatten().min();
        }
        for number in &self.rest {
            if best.is_some_and(|best| best < *number) {
                break;
            }
            if holds(*number) {
                return Some(*number);
            }
        }
        best
    }
}

/// What an element can be compared with; none for what isn't understood.
fn kind(expr: &Expr) -> Option<Kind> {
    Some(match expr {
        Expr::Number(_) | Expr::Exists(_) => Kind::Number,
        Expr::Addr(_) | Expr::Net(_) => Kind::Addr,
        Expr::Text(_) | Expr::Prefix(_) => Kind::Name,
        Expr::Mac(_) => Kind::Mac,
        Expr::Any => Kind::Any,
        Expr::Range(ends) => match (&ends.0, &ends.1) {
            (Expr::Number(_), Expr::Number(_)) => Kind::Number,
            (Expr::Addr(_), Expr::Addr(_)) => Kind::Addr,
            _ => return None,
        },
        Expr::Concat(parts) => Kind::List(parts.iter().map(kind).collect::<Option<_>>()?),
        _ => return None,
    })
}

fn alike(kind: &Kind, other: &Kind) -> bool {
    match (kind, other) {
        (Kind::List(kinds), Kind::List(others)) => {
            // `*` would leave open what the others are compared with.
            kinds == others && !kinds.contains(&Kind::Any)
        }
        _ => kind == other,
    }
}

fn is_of(kind: &Kind, field: &Value) -> bool {
    match (kind, field) {
        (Kind::Number, Value::Number(_))
        | (Kind::Addr, Value::Addr(_))
        | (Kind::Name, Value::Name(_))
        | (Kind::Mac, Value::Mac(_)) => true,
        (Kind::List(kinds), Value::List(fields)) => {
            let mut pairs = kinds.iter().zip(fields);
            kinds.len() == fields.len() && pairs.all(|(kind, field)| is_of(kind, field))
        }
        _ => false,
    }
}

/// The one value that an element stands for.
fn exact(expr: &Expr) -> Option<Value<'_>> {
    Some(match expr {
        Expr::Number(number) => Value::Number(*number),
        Expr::Addr(ip) => Value::Addr(*ip),
        Expr::Net(net) if net.prefix_len() == net.max_prefix_len() => Value::Addr(net.addr()),
        Expr::Text(text) => Value::Name(Some(text)),
        Expr::Mac(mac) => Value::Mac(*mac),
        Expr::Concat(parts) => Value::List(parts.iter().map(exact).collect::<Option<_>>()?),
        _ => return None,
    })
}
