//! Prints the address of each handler of this program, by op: for `cargo xtask codegen`, which looks at the
//! machine code there.
//!
//! The program runs a module first, so that the whole engine is in it and was optimised with it. The first line has
//! the address of `main`, which is in the symbol table too: what lies between the two is where the program was loaded.

use rotifer::{Dispatch, Engine, Error, Instance, Module, Store};
use rotifer_bytecode::OpCode;

/// `(module (func (export "twice") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))`
const TWICE: &[u8] = b"\0asm\x01\0\0\0\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\0\
    \x07\x09\x01\x05twice\0\0\x0a\x09\x01\x07\0\x20\0\x20\0\x6a\x0b";

fn twice(number: i32) -> Result<i32, Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, TWICE)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    instance.get_typed_func::<i32, i32>(&store, "twice")?.call(&mut store, number)
}

fn main() {
    assert_eq!(twice(21).expect("the module runs"), 42);
    let dispatch = Dispatch::default();
    println!("{:#x} main {}", (main as fn() as *const ()).addr(), dispatch.name());
    let handlers = dispatch.portable_handlers().expect("the default dispatcher is there");
    let for_cpu = dispatch.handlers().expect("the default dispatcher is there");
    for (number, (handler, for_cpu)) in handlers.iter().zip(for_cpu).enumerate() {
        let op = OpCode(number as u16);
        println!("{:#x} {op}", handler.0.addr());
        if for_cpu.0 != handler.0 {
            println!("{:#x} {op}+cpu", for_cpu.0.addr());
        }
    }
}
