//! The golden files of `spec-tests/fuel/`, run by the oracle. With `BLESS=1` they are rewritten.

use rotifer_oracle::{Module, Oracle, script};
use std::{env, fs, path::Path};

#[test]
fn golden_files_say_what_the_oracle_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec-tests/fuel");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    paths.sort();
    let bless = env::var_os("BLESS").is_some();
    let mut failures = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let played = play(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if bless && played != text {
            fs::write(path, played).unwrap();
        } else if played != text {
            failures.push(format!("--- {}\n{played}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{} files differ:\n{}", failures.len(), failures.join("\n"));
    assert!(paths.len() >= 25, "only {} files", paths.len());
}

fn play(text: &str) -> Result<String, script::Error> {
    let wasm = script::wasm(text)?;
    let module = Module::read(&wasm).map_err(|error| error.to_string())?;
    let options = script::options(text, &module)?;
    script::play(text, &module, &mut Oracle::new(&module, options))
}
