use proptest::prelude::*;

use super::*;
use crate::state::netfilter::{Dir, Expr, Hook, Key, Match, Op, Statement, Verdict};

#[test]
fn chains_rules_counters_and_quoted_words_are_read() {
    let text = "# Generated\n*filter\n:INPUT ACCEPT [7:420]\n:cali-x - [0:0]\n\
        [3:180] -A INPUT -p tcp -m tcp --dport 179 -m comment --comment \"no \\\"BGP\\\" here\" -j DROP\n\
        -A cali-x -j RETURN\nCOMMIT\n";
    let ruleset = iptables_save(text, Dialect::IptablesNft).unwrap();
    let input = ruleset.tables[0].chain("INPUT").unwrap();
    let base = input.base.as_ref().unwrap();
    assert_eq!(
        (
            base.policy,
            base.hook,
            base.priority,
            base.counters.unwrap().bytes
        ),
        (Policy::Accept, Hook::Input, 0, 420)
    );
    let rule = &input.rules[0];
    assert_eq!((rule.counters.unwrap().packets, rule.line), (3, 5));
    assert_eq!(rule.comment(), Some("no \"BGP\" here"));
    assert_eq!(rule.statements.len(), 6);
    let port = Match {
        key: Expr::Key(Key::Port {
            dir: Dir::Dst,
            proto: None,
        }),
        op: Op::Eq,
        value: Expr::Number(179),
    };
    assert_eq!(rule.statements[2], Statement::Match(port));
    assert_eq!(ruleset.tables[0].chain("cali-x").unwrap().base, None);
}

#[test]
fn a_foreign_line_is_an_error_with_its_number() {
    let error = iptables_save("*filter\nhello\n", Dialect::IptablesNft).unwrap_err();
    assert_eq!(error, ParseError::new(2, "not a rule: \"hello\""));
    assert!(iptables_save(":INPUT ACCEPT\n", Dialect::IptablesNft).is_err());
}

#[test]
fn what_is_not_understood_stays_in_its_place() {
    let text = "*filter\n:x - [0:0]\n-A INPUT -s 10.0.0.1 -m new --thing a \"b c\" ! --other -m mark --mark 1 \
        -j NEW --way \"x y\"\n";
    let ruleset = iptables_save(text, Dialect::IptablesNft).unwrap();
    let rule = &ruleset.tables[0].chain("INPUT").unwrap().rules[0];
    let unknown: Vec<(usize, &str, bool)> = rule
        .statements
        .iter()
        .enumerate()
        .filter_map(|(at, statement)| match statement {
            Statement::Unknown { text, acts } => Some((at, &**text, *acts)),
            _ => None,
        })
        .collect();
    assert_eq!(
        unknown,
        [
            (2, "--thing a \"b c\"", false),
            (3, "! --other", false),
            (6, "-j NEW --way \"x y\"", true)
        ]
    );
}

#[test]
fn a_target_that_is_a_chain_is_a_jump() {
    let text = "*filter\n:LOG - [0:0]\n-A INPUT -j LOG\n-A INPUT -g LOG\n-A INPUT -j NFLOG\n";
    let ruleset = iptables_save(text, Dialect::IptablesNft).unwrap();
    let rules = &ruleset.tables[0].chain("INPUT").unwrap().rules;
    assert_eq!(
        rules[0].statements,
        [Statement::Verdict(Verdict::Jump("LOG".into()))]
    );
    assert_eq!(
        rules[1].statements,
        [Statement::Verdict(Verdict::Goto("LOG".into()))]
    );
    assert!(matches!(rules[2].statements[..], [Statement::Log(_)]));
}

#[test]
fn old_forms_are_read_as_new_ones() {
    let one = |rule: &str| {
        let text = format!("*filter\n-A INPUT {rule} -j ACCEPT\n");
        let ruleset = iptables_save(&text, Dialect::IptablesLegacy).unwrap();
        ruleset.tables[0].chains[0].rules[0].statements.clone()
    };
    assert_eq!(
        one("-s ! 10.0.0.0/8 -i ! eth0"),
        one("! -s 10.0.0.0/255.0.0.0 ! -i eth0")
    );
    assert_eq!(
        one("-p tcp --dport bgp"),
        one("--protocol 6 --destination-port 179")
    );
    assert_eq!(
        one("-p tcp -m tcp --syn")[2..],
        one("-p 6 -m tcp --tcp-flags SYN,RST,ACK,FIN SYN")[2..]
    );
    assert_eq!(one("-m mark --mark 16"), one("-m mark --mark 0x10/0xffffffff"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", lines in "(\\*filter\n|:[A-Z ]{0,8}\n|\\[|\\]|-A |\"|\\\\|[a-z0-9 :\n-]){0,40}") {
        let _ = iptables_save(&text, Dialect::IptablesNft);
        let _ = iptables_save(&lines, Dialect::IptablesNft);
    }

    #[test]
    fn no_options_make_it_panic(words in "( !| -m (set|tcp|mark|icmp|statistic|limit|addrtype|comment)| -[sdipjgf]| --(mark|dport|match-set|src-type|comment|limit|probability|to-destination|set-xmark)| (DNAT|MARK|CT|SET|\\[::1\\]:8|1/2|src|a,b|:|/|\"| ))+") {
        let text = format!("*filter\n-A INPUT{words}\n");
        let _ = iptables_save(&text, Dialect::IptablesNft);
        let _ = iptables_save(&text, Dialect::Ip6tablesNft);
    }
}
