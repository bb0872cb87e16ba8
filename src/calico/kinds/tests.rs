//! Every rule of Calico's validation: what it accepts, and what it refuses, with the field.

use crate::calico::manifest;

mod bgp;
mod defaults;
mod names;
mod others;
mod policies;
mod pools;
mod rows;

/// What is wrong with a document, a line each: the place below `spec`, and the reason.
fn problems(kind: &str, name: &str, spec: &str) -> Vec<String> {
    let text =
        format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n");
    match manifest::read("f.yaml", text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            let line = |problem: manifest::Problem| format!("{}: {}", problem.path, problem.why);
            problems.into_iter().map(line).collect()
        }
    }
}

/// All of these are right.
fn accepts(kind: &str, name: &str, specs: &[&str]) {
    for spec in specs {
        assert_eq!(problems(kind, name, spec), [""; 0], "{kind} {spec}");
    }
}

/// Each of these has one mistake, which is told with these words.
fn refuses(kind: &str, name: &str, specs: &[(&str, &str)]) {
    for (spec, why) in specs {
        let found = problems(kind, name, spec);
        assert_eq!(found.len(), 1, "{kind} {spec}: {found:?}");
        assert!(found[0].contains(why), "{kind} {spec}: {found:?}, not {why}");
    }
}
