//! `rotifer run --profile`.

use crate::{Files, Ran};

const MODULE: &str = r#"
    (module
      (import "spectest" "print_i32" (func $print (param i32)))
      (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
          (then (local.get 0))
          (else (i32.add
            (call $fib (i32.sub (local.get 0) (i32.const 1)))
            (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
      (func $idle (result i32) (call $fib (i32.const 15)))
      (func (export "main") (result i32) (call $print (i32.const 1)) (call $idle))
      (func (export "fail") (drop (call $fib (i32.const 5))) (unreachable)))"#;

fn run(args: &[&str]) -> Ran {
    Files::new(&[("m.wat", MODULE.as_bytes())]).rotifer(&[&["run", "m.wat"], args].concat())
}

/// The table's lines after the headings, each as calls, total, self, percentage and function.
#[track_caller]
fn table(ran: &Ran) -> Vec<(u64, f64, f64, f64, String)> {
    let err = ran.err();
    let lines = err.lines().skip_while(|line| !line.starts_with("profile: "));
    let lines = lines.skip(2).take_while(|line| line.starts_with(' '));
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |place: usize| words[place].parse().unwrap();
        (words[0].parse().unwrap(), number(1), number(2), number(3), words[4..].join(" "))
    };
    lines.map(parse).collect()
}

#[test]
fn functions_are_sorted_by_their_own_time() {
    let ran = run(&["--profile"]);
    assert_eq!(ran.out(), "1\n610\n");
    assert!(ran.err().starts_with("profile: 3 functions, "), "{}", ran.err());
    let table = table(&ran);
    // Which is the first is a matter of time, which tests say nothing about.
    let mut functions: Vec<(u64, &str)> = table.iter().map(|line| (line.0, line.4.as_str())).collect();
    functions.sort();
    assert_eq!(functions, [(1, "2 `idle`"), (1, "3 `main`"), (1973, "1 `fib`")]);
    assert!(table.is_sorted_by(|a, b| a.2 >= b.2), "{table:?}");
    let all: f64 = table.iter().map(|line| line.3).sum();
    assert!((99.0..101.0).contains(&all), "{table:?}");
    // Recursive calls count once, and everything is part of `main`.
    let main = table.iter().find(|line| line.4.ends_with("`main`")).unwrap();
    assert!(table.iter().all(|line| line.1 <= main.1 && line.2 <= line.1), "{table:?}");
    ran.fails(0, &[]);
}

#[test]
fn the_number_of_functions_has_a_limit() {
    let ran = run(&["--profile", "--profile-limit", "1"]);
    assert_eq!(table(&ran).len(), 1);
    ran.fails(0, &["\nand 2 more functions: --profile-limit shows more\n"]);
    run(&["--profile", "--profile-limit", "0"]).fails(0, &["profile: 3 functions, "]);
    run(&["--profile-limit", "1"]).fails(2, &["--profile"]);
}

#[test]
fn a_program_that_fails_has_a_profile_too() {
    let ran = run(&["--profile", "--fuel-report", "--invoke", "fail"]);
    let mut functions: Vec<(u64, String)> = table(&ran).into_iter().map(|line| (line.0, line.4)).collect();
    functions.sort();
    assert_eq!(functions, [(1, "4 `fail`".to_owned()), (15, "1 `fib`".to_owned())]);
    let order = ["error: `fail` failed", "fuel: ", "profile: "].map(|text| ran.err().find(text).unwrap());
    assert!(order.is_sorted(), "{}", ran.err());
    ran.fails(134, &["unreachable"]);
}

#[test]
fn documents_have_it_as_data() {
    let ran = run(&["--profile", "--profile-limit", "3", "--format", "json"]);
    let document = ran.json();
    let lines = document["profile"].as_array().unwrap();
    assert_eq!(lines.len(), 3);
    let fib = lines.iter().find(|line| line["name"] == "fib").unwrap();
    assert_eq!((&fib["function"], &fib["calls"]), (&1.into(), &1973.into()));
    let [own, total] = ["self_ns", "total_ns"].map(|name| fib[name].as_u64().unwrap());
    assert!(own <= total && own > 0, "{document}");
    assert!(fib["percent"].as_f64().unwrap() > 0.0, "{document}");
    let limited = run(&["--profile", "--profile-limit", "2", "--format", "json"]).json();
    assert_eq!(limited["profile"].as_array().unwrap().len(), 2);
    assert_eq!(ran.err(), "");
    assert!(run(&["--format", "json"]).json().get("profile").is_none());
}

#[test]
fn fuel_is_the_same() {
    let fuel = |args: &[&str]| {
        run(&[&["--format", "json", "--fuel-report"], args].concat()).json()["fuel"]["consumed"].clone()
    };
    assert_eq!(fuel(&["--profile"]), fuel(&[]));
}
