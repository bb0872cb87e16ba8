//! Go's templates, as far as users of calicoctl write them: texts and actions with dotted paths, `range`, `if`, `with`,
//! `else`, pipes, and a few functions. What is beyond that is an error that says so.

mod functions;
mod parse;

use std::borrow::Cow;

use serde_json::{Map, Value};

use functions::print;

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

/// Resources that are read when a template asks for them, one after the other.
pub trait Items {
    fn each(&self) -> Box<dyn Iterator<Item = Value> + '_>;
}

/// A list object.
pub struct List<'d> {
    /// Its fields, but for the items.
    pub fields: Map<String, Value>,
    pub items: &'d dyn Items,
}

/// What a template works on.
pub enum Data<'d> {
    Value(&'d Value),
    Lists(&'d [List<'d>]),
}

impl Template {
    /// What the template makes of this data.
    ///
    /// # Errors
    /// A field that isn't `known`, or a function that can't work on what it is given.
    pub fn render(&self, data: &Data<'_>, known: Known<'_>, config: Config<'_>) -> Result<String, String> {
        let mut out = String::new();
        let root = match data {
            Data::Value(value) => Got::Value(Cow::Borrowed(*value)),
            Data::Lists(lists) => Got::Lists(lists),
        };
        let run = Run {
            root: &root,
            known,
            config,
        };
        run.nodes(&self.0, &root, &mut out)?;
        Ok(out)
    }
}

/// A value on the way; lists of resources aren't there as a whole before a function asks for that.
#[derive(Clone)]
enum Got<'v> {
    Value(Cow<'v, Value>),
    Lists(&'v [List<'v>]),
    List(&'v List<'v>),
    Items(&'v dyn Items),
}

impl<'v> Got<'v> {
    fn seen(&'v self) -> Self {
        match self {
            Self::Value(value) => Self::Value(Cow::Borrowed(&**value)),
            lazy => lazy.clone(),
        }
    }

    /// All of it.
    fn whole(self) -> Cow<'v, Value> {
        let list = |list: &List<'_>| {
            let mut fields = list.fields.clone();
            fields.insert("items".into(), list.items.each().collect());
            Value::Object(fields)
        };
        match self {
            Self::Value(value) => value,
            Self::Lists(lists) => Cow::Owned(lists.iter().map(list).collect()),
            Self::List(one) => Cow::Owned(list(one)),
            Self::Items(items) => Cow::Owned(items.each().collect()),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Self::Value(value) => functions::truth(value),
            Self::Lists(lists) => !lists.is_empty(),
            Self::List(_) => true,
            Self::Items(items) => items.each().next().is_some(),
        }
    }
}

struct Run<'r> {
    root: &'r Got<'r>,
    known: Known<'r>,
    config: Config<'r>,
}

impl<'r> Run<'r> {
    fn nodes(&self, nodes: &[Node], dot: &Got<'_>, out: &mut String) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Print(expression) => {
                    let value = self.value(expression, dot)?.whole();
                    out.push_str(&print(&value));
                }
                Node::Block(Block::Range, expression, body, other) => {
                    let value = self.value(expression, dot)?;
                    if !self.range(value, body, out)? {
                        self.nodes(other, dot, out)?;
                    }
                }
                Node::Block(block, expression, body, other) => {
                    let value = self.value(expression, dot)?;
                    match block {
                        _ if !value.truth() => self.nodes(other, dot, out)?,
                        Block::With => self.nodes(body, &value, out)?,
                        _ => self.nodes(body, dot, out)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Does it for each item; false when there is none.
    fn range(&self, value: Got<'_>, body: &[Node], out: &mut String) -> Result<bool, String> {
        let mut any = false;
        let mut item = |item: &Got<'_>| {
            any = true;
            self.nodes(body, item, out)
        };
        let mut value_of = |value: &Value| item(&Got::Value(Cow::Borrowed(value)));
        match &value {
            Got::Lists(lists) => lists.iter().try_for_each(|list| item(&Got::List(list)))?,
            Got::Items(items) => items.each().try_for_each(|value| value_of(&value))?,
            Got::List(_) => value
                .whole()
                .as_object()
                .into_iter()
                .flat_map(Map::values)
                .try_for_each(value_of)?,
            Got::Value(value) => match &**value {
                Value::Array(items) => items.iter().try_for_each(value_of)?,
                Value::Object(map) => map.values().try_for_each(value_of)?,
                Value::Null => {}
                value => return Err(format!("range can't iterate over {}", print(value))),
            },
        }
        Ok(any)
    }

    fn value<'v>(&self, expression: &Expression, dot: &'v Got<'v>) -> Result<Got<'v>, String>
    where
        'r: 'v,
    {
        match expression {
            Expression::Literal(value) => Ok(Got::Value(Cow::Owned(value.clone()))),
            Expression::Path { root, fields } => {
                let start = if *root { self.root } else { dot };
                fields
                    .iter()
                    .try_fold(start.seen(), |value, name| self.field(value, name))
            }
            Expression::Call(name, arguments) => {
                let arguments: Vec<Got<'v>> = arguments
                    .iter()
                    .map(|argument| self.value(argument, dot))
                    .collect::<Result<_, _>>()?;
                self.call(name, arguments)
            }
        }
    }

    /// A field by the name it has in JSON, or in Calico's structures, which differs in case and has metadata's fields
    /// at the top as well.
    fn field<'v>(&self, value: Got<'v>, name: &str) -> Result<Got<'v>, String> {
        match value {
            Got::List(list) if name.eq_ignore_ascii_case("items") => Ok(Got::Items(list.items)),
            Got::List(list) => Ok(Got::Value(self.field_of(&list.fields, name)?)),
            Got::Value(Cow::Borrowed(Value::Object(map))) => Ok(Got::Value(self.field_of(map, name)?)),
            Got::Value(Cow::Owned(Value::Object(map))) => {
                let found = self.field_of(&map, name)?.into_owned();
                Ok(Got::Value(Cow::Owned(found)))
            }
            Got::Value(value) if value.is_null() && (self.known)(name) => Ok(Got::Value(value)),
            Got::Value(value) if !value.is_array() => Err(unknown(name, &print(&value))),
            _ => Err(unknown(name, "a list: use range")),
        }
    }

    fn field_of<'v>(&self, map: &'v Map<String, Value>, name: &str) -> Result<Cow<'v, Value>, String> {
        let find = |map: &'v Map<String, Value>| {
            let alike = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            map.get(name).or_else(|| alike().map(|(_, value)| value))
        };
        let metadata = map.get("metadata");
        match name {
            "ObjectMeta" | "ListMeta" => Ok(metadata.map_or(Cow::Owned(Value::Null), Cow::Borrowed)),
            "TypeMeta" => Ok(Cow::Owned(Value::Object(map.clone()))),
            _ => match find(map).or_else(|| metadata.and_then(Value::as_object).and_then(find)) {
                Some(found) => Ok(Cow::Borrowed(found)),
                None if (self.known)(name) => Ok(Cow::Owned(Value::Null)),
                None => Err(unknown(name, "this object")),
            },
        }
    }

    fn call<'v>(&self, name: &str, mut arguments: Vec<Got<'v>>) -> Result<Got<'v>, String> {
        if name == "index" {
            while let [list @ (Got::Lists(_) | Got::Items(_)), Got::Value(key), ..] = &arguments[..]
                && key.is_number()
            {
                let found = nth(list, key)?;
                arguments.splice(..2, [found]);
            }
        }
        let value = match (name, &arguments[..]) {
            ("index", [_]) => return Ok(arguments.remove(0)),
            ("len", [Got::Lists(lists)]) => lists.len().into(),
            ("len", [Got::Items(items)]) => items.each().count().into(),
            _ => {
                let values: Vec<Value> = arguments
                    .into_iter()
                    .map(|got| got.whole().into_owned())
                    .collect();
                functions::call(name, &values, self.config)?
            }
        };
        Ok(Got::Value(Cow::Owned(value)))
    }
}

fn unknown(name: &str, what: &str) -> String {
    format!("can't evaluate field {name} in {what}")
}

/// The item of a list with this number.
fn nth<'v>(list: &Got<'v>, key: &Value) -> Result<Got<'v>, String> {
    let at = key.as_u64().and_then(|at| usize::try_from(at).ok());
    let found = match list {
        Got::Lists(lists) => at.and_then(|at| lists.get(at)).map(Got::List),
        Got::Items(items) => at
            .and_then(|at| items.each().nth(at))
            .map(|item| Got::Value(Cow::Owned(item))),
        _ => None,
    };
    found.ok_or_else(|| format!("error calling index: index out of range: {}", print(key)))
}

#[cfg(test)]
mod tests;
