//! kubectl's JSONPath: texts with `{…}` in them: fields, indices, slices, `*`, `..`, filters, `range`.

use serde_json::Value;

/// A template that has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath(Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Text(String),
    Path(Vec<Step>),
    /// `{range PATH}…{end}`.
    Range(Vec<Step>, Vec<Node>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Field(String),
    /// Every item, or every value.
    All,
    /// Everything below, itself included.
    Below,
    Slice(Option<i64>, Option<i64>),
    Index(i64),
    /// `?(@.a == "b")`: path, comparison, value.
    Filter(Vec<Step>, Option<(String, Value)>),
}

impl std::str::FromStr for JsonPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // As kubectl, a bare path is taken for one in braces.
        let wrapped = format!("{{{text}}}");
        let text = if text.contains('{') { text } else { &wrapped };
        let mut rest = text;
        let nodes = nodes(&mut rest, 0)?;
        match rest {
            "" => Ok(Self(nodes)),
            _ => Err("{end} without {range}".into()),
        }
    }
}

impl JsonPath {
    /// The text with the values in it; what isn't there is left out.
    pub fn render(&self, value: &Value) -> String {
        let mut out = String::new();
        render(&self.0, value, &mut out);
        out
    }

    /// Of a template that asks a list for nothing but its items, from the first to the last: what it makes of each item.
    /// So, a long list needn't be there as a whole.
    pub fn of_items(&self) -> Option<Vec<OfItem<'_>>> {
        let items = [Step::Field("items".into()), Step::All];
        let parts = self.0.iter().map(|node| match node {
            Node::Text(text) => Some(OfItem::Text(text)),
            Node::Path(steps) => steps.strip_prefix(&items).map(OfItem::Path),
            Node::Range(steps, body) => steps
                .strip_prefix(&items)
                .filter(|rest| rest.is_empty())
                .map(|_| OfItem::Range(body)),
        });
        parts.collect()
    }

    /// The first value that a path leads to.
    pub fn first(&self, value: &Value) -> Option<Value> {
        self.0.iter().find_map(|node| match node {
            Node::Path(steps) => found(steps, value).first().map(|value| (*value).clone()),
            _ => None,
        })
    }
}

/// A part of a template.
#[derive(Debug, Clone, Copy)]
pub enum OfItem<'t> {
    /// It asks for no item.
    Text(&'t str),
    /// Values, with a blank between those of all items. The rest of the path.
    Path(&'t [Step]),
    /// What stands between `range` and `end`.
    Range(&'t [Node]),
}

impl OfItem<'_> {
    /// What it makes of one item; nothing where that has no value.
    pub fn render(&self, item: &Value) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Path(steps) => {
                let values: Vec<String> = found(steps, item).into_iter().map(shown).collect();
                (!values.is_empty()).then(|| values.join(" "))
            }
            Self::Range(body) => {
                let mut out = String::new();
                render(body, item, &mut out);
                Some(out)
            }
        }
    }

    /// What stands between the texts of two items.
    pub const fn between(&self) -> &'static str {
        match self {
            Self::Path(_) => " ",
            Self::Text(_) | Self::Range(_) => "",
        }
    }
}

fn render(nodes: &[Node], current: &Value, out: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Path(steps) => {
                let values = found(steps, current).into_iter().map(shown).collect::<Vec<_>>();
                out.push_str(&values.join(" "));
            }
            Node::Range(steps, body) => {
                for item in found(steps, current) {
                    render(body, item, out);
                }
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn found<'v>(steps: &[Step], value: &'v Value) -> Vec<&'v Value> {
    let mut values = vec![value];
    for step in steps {
        values = values.into_iter().flat_map(|value| next(step, value)).collect();
    }
    values
}

fn next<'v>(step: &Step, value: &'v Value) -> Vec<&'v Value> {
    let items = || value.as_array().map_or(&[][..], Vec::as_slice);
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::Index(at), Value::Array(items)) => position(*at, items.len())
            .and_then(|at| items.get(at))
            .into_iter()
            .collect(),
        (Step::Slice(from, to), Value::Array(items)) => {
            let end = |at: &Option<i64>, default| {
                at.map_or(default, |at| position(at, items.len()).unwrap_or(items.len()))
            };
            let (from, to) = (end(from, 0), end(to, items.len()));
            items
                .get(from..to)
                .map_or_else(Vec::new, |items| items.iter().collect())
        }
        (Step::Below, _) => {
            let mut all = vec![value];
            let below: Vec<&Value> = match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            };
            all.extend(below.into_iter().flat_map(|value| next(&Step::Below, value)));
            all
        }
        (Step::Filter(path, condition), _) => {
            let fits = |item: &&Value| {
                let values = found(path, item);
                match condition {
                    None => !values.is_empty(),
                    Some((op, wanted)) => values.iter().any(|value| compare(value, op, wanted)),
                }
            };
            items().iter().filter(fits).collect()
        }
        _ => Vec::new(),
    }
}

/// Negative indices count from the end.
fn position(at: i64, length: usize) -> Option<usize> {
    match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?),
    }
}

fn compare(value: &Value, op: &str, wanted: &Value) -> bool {
    let order = match (value, wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(std::cmp::Ordering::Equal),
    };
    match op {
        "==" => order.is_some_and(std::cmp::Ordering::is_eq),
        "!=" => !order.is_some_and(std::cmp::Ordering::is_eq),
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        _ => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}

/// Up to the end of the text, or `{end}` of a block.
fn nodes(rest: &mut &str, depth: usize) -> Result<Vec<Node>, String> {
    if depth > 20 {
        return Err("more than 20 ranges in each other".into());
    }
    let mut nodes = Vec::new();
    loop {
        let Some((before, after)) = rest.split_once('{') else {
            if depth > 0 {
                return Err("{range} without {end}".into());
            }
            nodes.push(Node::Text((*rest).to_owned()));
            *rest = "";
            return Ok(nodes);
        };
        nodes.push(Node::Text(before.to_owned()));
        let end = end_of(after).ok_or("a { without }")?;
        let code = after[..end].trim();
        *rest = &after[end + 1..];
        match code.split_once(char::is_whitespace) {
            Some(("range", path)) => {
                let body = self::nodes(rest, depth + 1)?;
                nodes.push(Node::Range(steps(path.trim())?, body));
            }
            _ if code == "end" && depth > 0 => return Ok(nodes),
            _ if code == "end" => return Err("{end} without {range}".into()),
            _ if code.starts_with(['"', '\'']) => nodes.push(Node::Text(quoted(code)?)),
            _ => nodes.push(Node::Path(steps(code)?)),
        }
    }
}

/// Where the brace closes, outside of texts in quotes.
fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

fn quoted(code: &str) -> Result<String, String> {
    let inner = code.get(1..code.len().saturating_sub(1)).unwrap_or_default();
    if code.len() < 2 || code.chars().next() != code.chars().next_back() {
        return Err(format!("{code} is a text in quotes that doesn't end"));
    }
    Ok(inner.replace("\\n", "\n").replace("\\t", "\t"))
}

fn steps(code: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = code.trim_start_matches(['$', '@']);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Below);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('[') {
            let end = bracket(after).ok_or_else(|| format!("a [ without ] in {code}"))?;
            steps.push(subscript(after[..end].trim())?);
            rest = &after[end + 1..];
            continue;
        }
        // A dot of a key is written with a backslash before it.
        let mut name = String::new();
        let mut characters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => name.extend(characters.next().map(|(_, character)| character)),
                '.' | '[' => {
                    end = at;
                    break;
                }
                _ => name.push(character),
            }
        }
        rest = &rest[end..];
        match name.as_str() {
            "" if rest.is_empty() && steps.is_empty() => {}
            "" => return Err(format!("{code}: a name is missing")),
            "*" => steps.push(Step::All),
            _ => steps.push(Step::Field(name)),
        }
    }
    Ok(steps)
}

fn bracket(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0_usize);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn subscript(code: &str) -> Result<Step, String> {
    if let Some(filter) = code.strip_prefix("?(").and_then(|code| code.strip_suffix(')')) {
        for op in ["==", "!=", "<=", ">=", "<", ">"] {
            if let Some((path, value)) = filter.split_once(op) {
                let value = value.trim();
                let value = match value.parse::<serde_json::Number>() {
                    Ok(number) => Value::Number(number),
                    Err(_) if value == "true" || value == "false" => Value::Bool(value == "true"),
                    Err(_) => quoted(value)?.into(),
                };
                return Ok(Step::Filter(steps(path.trim())?, Some((op.to_owned(), value))));
            }
        }
        return Ok(Step::Filter(steps(filter.trim())?, None));
    }
    if code.starts_with(['"', '\'']) {
        return quoted(code).map(Step::Field);
    }
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| format!("[{code}] is neither an index, a slice, a key nor a filter")),
    };
    match code.split_once(':') {
        _ if code == "*" => Ok(Step::All),
        Some((from, to)) => Ok(Step::Slice(number(from)?, number(to)?)),
        None => number(code)?
            .map(Step::Index)
            .ok_or_else(|| "[] is empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn render(path: &str) -> Result<String, String> {
        let data = json!({"items": [
            {"metadata": {"name": "a", "labels": {"x.y/z": "1"}}, "spec": {"order": 5, "nets": ["n1", "n2", "n3"]}},
            {"metadata": {"name": "b"}, "spec": {"order": 7}},
        ]});
        Ok(path.parse::<JsonPath>()?.render(&data))
    }

    #[test]
    fn paths_lead_where_kubectl_s_do() {
        for (path, result) in [
            ("{.items[*].metadata.name}", "a b"),
            (".items[0].metadata.name", "a"),
            ("{.items[-1:].metadata.name}", "b"),
            ("{.items[-1].metadata.name}", "b"),
            ("{.items[0].spec.nets[1:]}", "n2 n3"),
            (
                "{range .items[*]}{.metadata.name}={.spec.order}{\"\\n\"}{end}",
                "a=5\nb=7\n",
            ),
            ("{.items[?(@.spec.order>5)].metadata.name}", "b"),
            ("{.items[?(@.metadata.name==\"a\")].spec.order}", "5"),
            ("{.items[?(@.spec.nets)].metadata.name}", "a"),
            ("{.items[0].metadata.labels.x\\.y/z}", "1"),
            ("{.items[0].metadata.labels['x.y/z']}", "1"),
            ("{..name}", "a b"),
            ("{.items[0].spec.nets}", "[\"n1\",\"n2\",\"n3\"]"),
            ("{.nope}", ""),
            ("names: {.items[*]['metadata'].name}", "names: a b"),
        ] {
            assert_eq!(render(path).as_deref(), Ok(result), "{path}");
        }
        for path in ["{", "{.a[}", "{.a[x]}", "{end}", "{range .a}", "{'x}", "{.a..}"] {
            assert!(render(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_an_error(text in "[a-z.{}*?()@$'\"=:0-9\\[\\]\\\\-]{0,24}") {
            let _ = render(&text);
        }
    }

    #[test]
    fn item_by_item_it_makes_what_it_makes_of_the_list() {
        let list =
            serde_json::json!({"kind": "L", "items": [{"a": 1, "b": ["x", "y"]}, {"b": []}, {"a": "z"}]});
        let items = list["items"].as_array().unwrap();
        for text in [
            "{.items[*].a}",
            "{.items[*].c}",
            "{.items[*]}",
            "all: {.items[*].b[*]}; and {.items[*].a}.",
            "{range .items[*]}{.a}, {range .b[*]}-{end}{end}",
        ] {
            let path: JsonPath = text.parse().unwrap();
            let made = path.of_items().unwrap().into_iter().map(|part| match part {
                OfItem::Text(text) => text.to_owned(),
                part => {
                    let texts: Vec<String> = items.iter().filter_map(|item| part.render(item)).collect();
                    texts.join(part.between())
                }
            });
            assert_eq!(made.collect::<String>(), path.render(&list), "{text}");
        }
        for text in [
            "{.kind}",
            "{.items[0].a}",
            "{.items[*].a}{.kind}",
            "{..a}",
            "{range .items[*].b}x{end}",
        ] {
            assert_eq!(
                text.parse::<JsonPath>().unwrap().of_items().map(|_| ()),
                None,
                "{text}"
            );
        }
    }
}
