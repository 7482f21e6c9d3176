//! `rotifer bytecode`.

use crate::program;
use serde_json::json;

#[test]
fn stands_beside_the_operators() {
    let files = program();
    let all = files.rotifer(&["bytecode", "program.wasm"]).out();
    assert_eq!(all.matches("\nfunction ").count() + 1, 6, "{all}");
    let by_name = files.rotifer(&["bytecode", "program.wasm", "add"]).out();
    assert!(by_name.starts_with("function 1: (func"), "{by_name}");
    // The operator, and somewhere beside or below it the op with the forms of its operands.
    assert!(by_name.contains("  i32.add") && by_name.contains(": i32.add."), "{by_name}");
    assert_eq!(files.rotifer(&["bytecode", "program.wasm", "1"]).out(), by_name);
    assert!(files.rotifer(&["bytecode", "program.wasm", "inner"]).out().contains("unreachable"));
    files.rotifer(&["bytecode", "program.wasm", "0"]).fails(2, &["imported"]);
    files.rotifer(&["bytecode", "program.wasm", "77"]).fails(2, &["no function 77"]);
    files.rotifer(&["bytecode", "program.wasm", "nobody"]).fails(2, &["`nobody`"]);
}

#[test]
fn json_has_both_columns() {
    let files = program();
    let document = files.rotifer(&["bytecode", "program.wasm", "add", "--format", "json"]).json();
    let func = &document["functions"][0];
    assert_eq!((&func["index"], &func["name"]), (&json!(1), &json!(null)));
    let texts = |list: &str| -> Vec<String> {
        let list = func[list].as_array().unwrap();
        list.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("operators"), ["local.get 0", "local.get 1", "i32.add", "end"]);
    let cells = texts("cells");
    assert!(cells[0].starts_with("i32.add."), "{cells:?}");
    let mut offsets = func["operators"].as_array().unwrap().iter().map(|operator| &operator["offset"]);
    assert!(offsets.any(|offset| *offset == func["cells"][0]["offset"]), "{func}");
    assert_eq!(func["cells"][0]["position"], json!(0));
    let all = files.rotifer(&["bytecode", "program.wasm", "--format", "json"]).json();
    assert_eq!(all["functions"].as_array().unwrap().len(), 6);
    assert_eq!(all["functions"][3]["name"], json!("inner"));
}
