//! JSON that is easily altered on its way.

use proptest::prelude::*;

/// JSON that a parser and printer would not give back as it was.
pub const ODD: [&str; 14] = [
    "{}",
    r#"{"n":[1.0,1.00,-0,-0.0,1e400,1E+2,0.1e-7,123456789012345678901234567890,9007199254740993]}"#,
    r#"{"a":1,"a":2,"a":{"b":[],"b":{}}}"#,
    r#"{"z":1,"y":2,"a":3,"":4}"#,
    r#"{"s":"\u00e9\u0065\/\b\f\n\r\t\\\"","é":"é"}"#,
    r#"{"s":"\ud800","t":"\udfff\ud800x","\ud800":1}"#,
    r#"{"s":"\ud83d\ude00 😀","z":"a\u200db‍c"}"#,
    "{\"s\":\"\u{2028}\u{2029}\u{feff}\u{7f}\u{85}\"}",
    r#"{ "spaced" : [ 1 , 2 ]  ,  "more" : { } }"#,
    r#"{"id":5,"method":"x","jsonrpc":"1","result":{},"error":null}"#,
    r#"{"_meta":{"progressToken":7},"params":{"_meta":{"progressToken":8}}}"#,
    r#"{"s":"data: x\n\nevent: y\r\n\r\n:"}"#,
    r#"{"s":"\u0000\u001f"}"#,
    r#"[1,"two",null,true,[[[]]]]"#,
];

/// Text of JSON in forms that printers do not choose.
pub fn any_json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let string = "\"([^\"\\\\\\p{C}]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,12}\"";
    let leaf = prop_oneof![number, string, "true|false|null"].boxed();
    let nested = leaf.prop_recursive(4, 48, 6, move |inner| {
        let member = (string, inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(", "))),
            prop::collection::vec(member, 0..6).prop_map(|all| format!("{{ {} }}", all.join(","))),
        ]
    });
    nested.prop_map(|value| format!("{{\"any\":{value}}}"))
}
