use super::*;
use proptest::prelude::*;
use serde_json::json;

fn data() -> Value {
    json!([{"kind": "NodeList", "metadata": {"resourceVersion": "7"}, "items": [
        {"metadata": {"name": "node-1", "labels": {"rack": "r1", "a/b": "c"}}, "spec": {"bgp": {"ipv4Address": "10.0.0.1/24", "asNumber": 65001}, "nets": ["a", "b"]}},
        {"metadata": {"name": "node-2"}, "spec": {}},
    ]}])
}

fn render(text: &str) -> Result<String, String> {
    let known = |name: &str| {
        ["labels", "spec", "bgp", "ipv4Address", "asnumber", "nets"]
            .iter()
            .any(|field| field.eq_ignore_ascii_case(name))
    };
    let config = |name: &str| (name == "asnumber").then(|| "64512".to_owned());
    let template = text.parse::<Template>()?;
    let data = data();
    let whole = template.render(&Data::Value(&data), &known, &config);
    // Lists that are read item by item give the same.
    let lists: Vec<(Map<String, Value>, Vec<Value>)> = data
        .as_array()
        .unwrap()
        .iter()
        .map(|list| {
            let mut fields = list.as_object().unwrap().clone();
            let items = fields.remove("items").unwrap();
            (fields, items.as_array().unwrap().clone())
        })
        .collect();
    let lists: Vec<List<'_>> = lists
        .iter()
        .map(|(fields, items)| List {
            fields: fields.clone(),
            items,
        })
        .collect();
    assert_eq!(
        template.render(&Data::Lists(&lists), &known, &config),
        whole,
        "{text}"
    );
    whole
}

impl Items for Vec<Value> {
    fn each(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        Box::new(self.iter().cloned())
    }
}

#[test]
fn what_users_of_calicoctl_write_is_rendered() {
    for (text, result) in [
        ("plain", "plain"),
        (
            "{{range .}}{{range .Items}}{{.ObjectMeta.Name}},{{end}}{{end}}",
            "node-1,node-2,",
        ),
        (
            "{{range .}}{{range .Items}}{{.Name}} {{.Spec.BGP.IPv4Address}};{{end}}{{end}}",
            "node-1 10.0.0.1/24;node-2 ;",
        ),
        (
            "{{range .}}{{range .Items}}{{if .Spec.BGP}}{{if .Spec.BGP.ASNumber}}{{.Spec.BGP.ASNumber}}{{else}}({{config \"asnumber\"}}){{end}}{{else}}-{{end}} {{end}}{{end}}",
            "65001 - ",
        ),
        ("{{range .}}{{len .Items}}{{end}}", "2"),
        ("{{(index . 0).Kind}}", ""),
        (
            "{{with index . 0}}{{.Kind}} {{.ResourceVersion}}{{end}}",
            "NodeList 7",
        ),
        (
            "{{with index . 0}}{{range .Items}}{{index .Labels \"a/b\"}}|{{end}}{{end}}",
            "c||",
        ),
        (
            "{{with index . 0}}{{with index .Items 0}}{{join .Spec.nets \",\"}} {{.Spec.nets | len}} {{printf \"%-8s|%5d|%q\" .Name 7 .Name}}{{end}}{{end}}",
            "a,b 2 node-1  |    7|\"node-1\"",
        ),
        (
            "{{with index . 0}}{{range .Items}}{{if eq .Name \"node-2\"}}yes{{else if eq .Name \"x\" `node-1`}}no{{end}} {{end}}{{end}}",
            "no yes ",
        ),
        ("a {{- /* nothing */ -}} b\n{{- \"c\" -}}\n d", "abcd"),
        (
            "{{range .}}{{range .Items}}{{range .Spec.nets}}{{.}}{{else}}none{{end}};{{end}}{{end}}",
            "ab;none;",
        ),
        (
            "{{range .}}{{with index .Items 0}}{{joinAndTruncate .Labels \",\" 6}}{{end}}{{end}}",
            "a/b...",
        ),
        (
            "{{len $}} {{not true}} {{or \"\" \"x\"}} {{and 1 \"\"}}{{printf \"%d%%\" 5}}",
            "1 false x 5%",
        ),
    ] {
        if text == "{{(index . 0).Kind}}" {
            assert!(render(text).is_err(), "{text}");
            continue;
        }
        assert_eq!(render(text).as_deref(), Ok(result), "{text}");
    }
}

#[test]
fn what_is_not_supported_or_wrong_says_so() {
    for (text, why) in [
        ("{{", "line 1: unclosed action"),
        ("a\n{{range .}}", "line 2: a block without {{end}}"),
        ("{{end}}", "line 1: unexpected {{end}}"),
        ("{{.Bogus}}", "can't evaluate field Bogus in a list: use range"),
        (
            "{{range .}}{{.Bogus}}{{end}}",
            "can't evaluate field Bogus in this object",
        ),
        (
            "{{config \"mtu\"}}",
            "error calling config: unhandled config type",
        ),
        ("{{template \"x\"}}", "line 1: template is not supported"),
        (
            "{{range $i, $v := .}}{{end}}",
            "line 1: variables are not supported",
        ),
        ("{{index . 5}}", "error calling index: index out of range: 5"),
        ("{{len 5}}", "wrong arguments for len: len LIST"),
        ("{{\"x}}", "line 1: unclosed action"),
        ("{{range 5}}{{end}}", "range can't iterate over 5"),
    ] {
        assert_eq!(render(text), Err(why.to_owned()), "{text}");
    }
    assert!(
        render("{{html .}}")
            .unwrap_err()
            .starts_with("function \"html\" is not supported")
    );
    let deep = "{{if true}}".repeat(10_000);
    assert!(render(&deep).is_err());
}

proptest! {
    #[test]
    fn any_text_is_rendered_or_refused(text in "([a-z .\"`(){}|$-]|\\{\\{|\\}\\}|range|end|if ){0,30}") {
        let _ = render(&text);
    }
}
