//! Enough of XML to see that a document is well-formed.

/// The texts between tags, unescaped; or what is wrong.
pub(super) fn texts(document: &str) -> Result<Vec<String>, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut texts = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        let text = unescaped(&rest[..at])?;
        if !text.trim().is_empty() {
            if open.is_empty() {
                return Err(format!("text outside of all elements: {text}"));
            }
            texts.push(text);
        }
        let end = rest[at..].find('>').ok_or("a tag without end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if !name.chars().all(char::is_alphanumeric) || name.is_empty() {
            return Err(format!("not a name: {name}"));
        }
        each(attributes)?;
        if !closed {
            open.push(name);
        }
    }
    match open.pop() {
        Some(name) => Err(format!("<{name}> is not closed")),
        None if rest.trim().is_empty() => Ok(texts),
        None => Err("text behind the end".to_owned()),
    }
}

fn each(attributes: &str) -> Result<(), String> {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once("=\"")
            .ok_or(format!("not an attribute: {rest}"))?;
        if name.is_empty() || name.contains([' ', '"', '<', '&']) {
            return Err(format!("not an attribute's name: {name}"));
        }
        let (value, after) = after.split_once('"').ok_or(format!("{name} is not closed"))?;
        if value.contains('<') {
            return Err(format!("{name} holds a <"));
        }
        unescaped(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

fn unescaped(text: &str) -> Result<String, String> {
    if let Some(bad) = text.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("control character {bad:?}"));
    }
    let mut parts = text.split('&');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').ok_or(format!("a bare &: {part}"))?;
        whole.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => return Err(format!("no such entity: {name}")),
        });
        whole.push_str(rest);
    }
    Ok(whole)
}

#[test]
fn what_is_not_well_formed_is_seen() {
    assert_eq!(
        texts("<a b=\"1 &amp; 2\"><c/>x &lt; y</a>"),
        Ok(vec!["x < y".to_owned()])
    );
    for bad in [
        "<a>",
        "<a></b>",
        "<a>&nbsp;</a>",
        "<a>x & y</a>",
        "<a b=c></a>",
        "<a b=\"<\"></a>",
        "</a>",
    ] {
        assert!(texts(bad).is_err(), "{bad}");
    }
}
