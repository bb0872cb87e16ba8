//! Go's templates, as far as users of calicoctl write them: texts and actions with dotted paths, `range`, `if`, `with`,
//! `else`, pipes, and a few functions. What is beyond that is an error that says so.

mod parse;

use serde_json::Value;

/// A template that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Print(Expression),
    /// The value, what to do for each item or with it, and what if there is none.
    Block(Block, Expression, Vec<Node>, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Range,
    If,
    With,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    /// `$`, the data given, or `.`, the current item; and the fields below it.
    Path {
        root: bool,
        fields: Vec<String>,
    },
    Literal(Value),
    Call(String, Vec<Expression>),
}

/// Whether a name is one of a field of the data, though it may be absent.
pub type Known<'k> = &'k dyn Fn(&str) -> bool;
/// The setting of this name, for `config`.
pub type Config<'c> = &'c dyn Fn(&str) -> Option<String>;

impl std::str::FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse::template(text).map(Self)
    }
}

impl Template {
    /// What the template makes of this data.
    ///
    /// # Errors
    /// A field that isn't `known`, or a function that can't work on what it is given.
    pub fn render(&self, data: &Value, known: Known<'_>, config: Config<'_>) -> Result<String, String> {
        let mut out = String::new();
        let run = Run {
            root: data,
            known,
            config,
        };
        run.nodes(&self.0, data, &mut out)?;
        Ok(out)
    }
}

struct Run<'r> {
    root: &'r Value,
    known: Known<'r>,
    config: Config<'r>,
}

impl Run<'_> {
    fn nodes(&self, nodes: &[Node], dot: &Value, out: &mut String) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Print(expression) => out.push_str(&print(&self.value(expression, dot)?)),
                Node::Block(block, expression, body, other) => {
                    let value = self.value(expression, dot)?;
                    match (block, &value) {
                        (Block::Range, Value::Array(items)) if !items.is_empty() => {
                            for item in items {
                                self.nodes(body, item, out)?;
                            }
                        }
                        (Block::Range, Value::Object(map)) if !map.is_empty() => {
                            for item in map.values() {
                                self.nodes(body, item, out)?;
                            }
                        }
                        (Block::Range, Value::Array(_) | Value::Object(_) | Value::Null) => {
                            self.nodes(other, dot, out)?;
                        }
                        (Block::Range, value) => {
                            return Err(format!("range can't iterate over {}", print(value)));
                        }
                        (Block::If, value) if truth(value) => self.nodes(body, dot, out)?,
                        (Block::With, value) if truth(value) => self.nodes(body, value, out)?,
                        _ => self.nodes(other, dot, out)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&self, expression: &Expression, dot: &Value) -> Result<Value, String> {
        match expression {
            Expression::Literal(value) => Ok(value.clone()),
            Expression::Path { root, fields } => {
                let start = if *root { self.root } else { dot };
                fields
                    .iter()
                    .try_fold(start.clone(), |value, name| self.field(&value, name))
            }
            Expression::Call(name, arguments) => {
                let arguments: Vec<Value> = arguments
                    .iter()
                    .map(|argument| self.value(argument, dot))
                    .collect::<Result<_, _>>()?;
                self.call(name, &arguments)
            }
        }
    }

    /// A field by the name it has in JSON, or in Calico's structures, which differs in case and has metadata's fields
    /// at the top as well.
    fn field(&self, value: &Value, name: &str) -> Result<Value, String> {
        let unknown = |what: &str| Err(format!("can't evaluate field {name} in {what}"));
        let Value::Object(map) = value else {
            return match value {
                Value::Null if (self.known)(name) => Ok(Value::Null),
                Value::Array(_) => unknown("a list: use range"),
                other => unknown(&print(other)),
            };
        };
        let find = |map: &serde_json::Map<String, Value>| {
            let exact = map.get(name);
            exact
                .or_else(|| {
                    map.iter()
                        .find(|(key, _)| key.eq_ignore_ascii_case(name))
                        .map(|(_, value)| value)
                })
                .cloned()
        };
        let metadata = map.get("metadata").and_then(Value::as_object);
        match name {
            "ObjectMeta" | "ListMeta" => Ok(map.get("metadata").cloned().unwrap_or_default()),
            "TypeMeta" => Ok(value.clone()),
            _ => match find(map).or_else(|| metadata.and_then(find)) {
                Some(found) => Ok(found),
                None if (self.known)(name) => Ok(Value::Null),
                None => unknown("this object"),
            },
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let wrong = |usage: &str| Err(format!("wrong arguments for {name}: {usage}"));
        match (name, arguments) {
            ("len", [value]) => match value {
                Value::Array(items) => Ok(items.len().into()),
                Value::Object(map) => Ok(map.len().into()),
                Value::String(text) => Ok(text.len().into()),
                Value::Null => Ok(0.into()),
                _ => wrong("len LIST"),
            },
            ("index", [value, keys @ ..]) => keys
                .iter()
                .try_fold(value.clone(), |value, key| index(&value, key)),
            ("eq", [first, others @ ..]) if !others.is_empty() => {
                Ok(others.iter().any(|other| same(first, other)).into())
            }
            ("ne", [first, second]) => Ok((!same(first, second)).into()),
            ("not", [value]) => Ok((!truth(value)).into()),
            ("and", [first, others @ ..]) => Ok(others
                .iter()
                .fold(first, |value, other| if truth(value) { other } else { value })
                .clone()),
            ("or", [first, others @ ..]) => Ok(others
                .iter()
                .fold(first, |value, other| if truth(value) { value } else { other })
                .clone()),
            ("print", values) => Ok(values.iter().map(print).collect::<Vec<_>>().join(" ").into()),
            ("printf", [Value::String(format), values @ ..]) => Ok(printf(format, values).into()),
            ("join", [value, Value::String(separator)]) => Ok(join(value, separator).into()),
            ("joinAndTruncate", [value, Value::String(separator), longest]) => {
                let text = join(value, separator);
                let longest = longest
                    .as_u64()
                    .and_then(|longest| usize::try_from(longest).ok())
                    .unwrap_or(0);
                if longest <= 3 || text.len() <= longest {
                    return Ok(text.into());
                }
                let cut: String = text.chars().take(longest - 3).collect();
                Ok(format!("{cut}...").into())
            }
            ("config", [Value::String(setting)]) => match (self.config)(setting) {
                Some(value) => Ok(value.into()),
                None => Err("error calling config: unhandled config type".into()),
            },
            (
                "len" | "index" | "eq" | "ne" | "not" | "and" | "or" | "printf" | "join" | "joinAndTruncate"
                | "config",
                _,
            ) => wrong("too few, too many, or of the wrong kind"),
            _ => Err(format!(
                "function {name:?} is not supported: there are and, config, eq, index, join, joinAndTruncate, len, ne, \
                 not, or, print, printf"
            )),
        }
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Array(items), Value::Number(number)) => {
            let item = number
                .as_u64()
                .and_then(|at| items.get(usize::try_from(at).ok()?));
            item.cloned()
                .ok_or_else(|| format!("error calling index: index out of range: {number}"))
        }
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::Null, _) => Ok(Value::Null),
        (value, key) => Err(format!(
            "error calling index: can't index {} by {key}",
            print(value)
        )),
    }
}

/// Absent texts and empty ones are the same in Calico's structures.
fn same(a: &Value, b: &Value) -> bool {
    let empty = |value: &Value| matches!(value, Value::Null) || value == "" || value == 0 || value == false;
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => empty(other),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go prints values.
fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", print(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        other => other.to_string(),
    }
}

/// Items with a separator between them; maps as `key=value`.
fn join(value: &Value, separator: &str) -> String {
    match value {
        Value::Array(items) => items.iter().map(print).collect::<Vec<_>>().join(separator),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}={}", print(value)));
            pairs.collect::<Vec<_>>().join(separator)
        }
        other => print(other),
    }
}

/// `%s`, `%v`, `%d`, `%q` and their widths: `%-20s`.
fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let verb = after
            .find(|character: char| character.is_alphabetic() || character == '%')
            .unwrap_or(after.len());
        let (flags, tail) = after.split_at(verb);
        let kind = tail.chars().next();
        rest = kind.map_or("", |kind| &tail[kind.len_utf8()..]);
        let text = match (kind, kind.filter(|kind| *kind != '%').and_then(|_| values.next())) {
            (Some('%'), _) => "%".to_owned(),
            (Some('q'), Some(value)) => format!("{:?}", print(value)),
            (Some('s' | 'v' | 'd' | 't'), Some(value)) => print(value),
            (Some(kind), Some(value)) => format!("%!{kind}({})", print(value)),
            (Some(kind), None) => format!("%!{kind}(MISSING)"),
            (None, _) => "%!(NOVERB)".to_owned(),
        };
        let width = flags.trim_start_matches(['-', '0']).parse().unwrap_or(0);
        let pad = " ".repeat(usize::saturating_sub(width, text.chars().count()));
        if flags.starts_with('-') {
            out.push_str(&text);
            out.push_str(&pad);
        } else {
            out.push_str(&pad);
            out.push_str(&text);
        }
    }
    out + rest
}

#[cfg(test)]
mod tests;
