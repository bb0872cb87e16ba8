use super::*;
use serde_json::json;

static RULE: Shape = Shape::Object(&[
    Field::required("action", Shape::AnyText),
    Field::always(
        "side",
        Shape::Object(&[Field::always("port", Shape::Any, Zero::Number)]),
        Zero::Object,
    ),
]);
static SHAPE: Shape = Shape::Object(&[
    Field::optional("zone", Shape::AnyText),
    Field::always("level", Shape::AnyText, Zero::Text),
    Field::optional("rules", Shape::List(&RULE)),
    Field::always("ready", Shape::Bool, Zero::False),
    Field::always("time", Shape::Any, Zero::Null),
]);

#[test]
fn fields_that_are_always_there_are_added_at_every_level_and_others_are_not() {
    let mut value = json!({"rules": [{"action": "a"}, {"action": "b", "side": {"port": 5}}]});
    complete(&SHAPE, &mut value);
    assert_eq!(
        value,
        json!({"level": "", "ready": false, "time": null,
            "rules": [{"action": "a", "side": {"port": 0}}, {"action": "b", "side": {"port": 5}}]})
    );
}

#[test]
fn fields_are_written_in_the_order_of_the_shape_and_unknown_ones_last() {
    let value = json!({"alien": {"z": 1, "a": 2}, "ready": true, "rules": [{"side": {}, "action": "a"}], "zone": "x"});
    let ordered = Ordered {
        shape: &SHAPE,
        value: &value,
    };
    assert_eq!(
        serde_json::to_string(&ordered).unwrap(),
        r#"{"zone":"x","rules":[{"action":"a","side":{}}],"ready":true,"alien":{"a":2,"z":1}}"#
    );
}
