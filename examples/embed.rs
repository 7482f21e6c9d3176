//! Embedding Rotifer: a host function with state, a typed call, the guest's memory, and a trap that says where.
//!
//!     cargo run --release --example embed

use rotifer::{Caller, Engine, Error, Linker, Module, Store};

const GUEST: &str = r#"
    (module $greeter
      (import "host" "say" (func $say (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 8) "Hello, ")

      ;; Says "Hello, " and the name that the host has written behind it.
      (func (export "greet") (param $name_len i32)
        (call $say (i32.const 8) (i32.add (i32.const 7) (local.get $name_len))))

      (func $average (export "average") (param $sum i32) (param $count i32) (result i32)
        (i32.div_s (local.get $sum) (local.get $count))))
"#;

/// Where the guest leaves room for a name: behind "Hello, ".
const NAME_ADDRESS: usize = 15;

/// What belongs to one store: here, everything that the guest said.
#[derive(Default)]
struct Host {
    said: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;

    // A linker knows what modules can import. It belongs to no store and can serve many.
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "say", |mut caller: Caller<'_, Host>, address: i32, len: i32| {
        let memory = caller.get_export("memory").and_then(|item| item.into_memory());
        let memory = memory.ok_or_else(|| Error::new("the guest exports no memory"))?;
        // Memory and host state at once, though both belong to the store.
        let (bytes, host) = memory.data_and_store_mut(&mut caller);
        // The numbers come from the guest: they may be anything.
        let text = bytes.get(address as u32 as usize..).and_then(|rest| rest.get(..len as u32 as usize));
        let text = text.ok_or_else(|| Error::new("the text is not in the guest's memory"))?;
        host.said.push(String::from_utf8_lossy(text).into_owned());
        Ok(())
    })?;

    let mut store = Store::new(&engine, Host::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let memory = instance.get_memory(&store, "memory").ok_or("the guest exports no memory")?;
    let greet = instance.get_typed_func::<i32, ()>(&store, "greet")?;
    for name in ["world", "embedder"] {
        memory.write(&mut store, NAME_ADDRESS, name.as_bytes())?;
        greet.call(&mut store, name.len() as i32)?;
    }
    for line in &store.data().said {
        println!("{line}");
    }

    let average = instance.get_typed_func::<(i32, i32), i32>(&store, "average")?;
    println!("The average is {}.", average.call(&mut store, (84, 2))?);
    // A trap is an error like any other, and says where it happened.
    match average.call(&mut store, (84, 0)) {
        Ok(average) => println!("The average is {average}."),
        Err(error) => println!("There is no average: {error}"),
    }
    Ok(())
}
