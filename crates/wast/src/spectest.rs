//! The host module `spectest`, which scripts import.

use crate::Print;
use rotifer::{
    Error, F32, F64, Global, Linker, Memory, MemoryType, Mutability, Ref, RefType, Store, Table, TableType,
    Val,
};
use std::sync::Arc;

/// Defines the module `spectest` of the specification's test suite: constants, a table, a memory and functions
/// that hand their arguments to `print`
/// ([contents](https://github.com/WebAssembly/spec/tree/main/interpreter#spectest-host-module)).
///
/// `table64` needs no proposal here: only a module that imports it does.
///
/// # Errors
/// The linker has definitions of these names already, or the store's limiter refuses the memory or a table.
pub fn define_spectest<T: 'static>(
    linker: &mut Linker<T>,
    store: &mut Store<T>,
    print: &Print,
) -> Result<(), Error> {
    const MODULE: &str = "spectest";
    let globals = [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(F32::from_float(666.6))),
        ("global_f64", Val::F64(F64::from_float(666.6))),
    ];
    for (name, value) in globals {
        let global = Global::new(&mut *store, value, Mutability::Const);
        linker.define(MODULE, name, global)?;
    }
    let null = Ref::null(RefType::FUNCREF);
    let table = Table::new(&mut *store, TableType::new(RefType::FUNCREF, 10, Some(20)), null)?;
    linker.define(MODULE, "table", table)?;
    let table64 = Table::new(&mut *store, TableType::new64(RefType::FUNCREF, 10, Some(20)), null)?;
    linker.define(MODULE, "table64", table64)?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(MODULE, "memory", memory)?;

    let printer = || Arc::clone(print);
    let print = printer();
    linker.func_wrap(MODULE, "print", move || print(&[]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_i32", move |a: i32| print(&[a.into()]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_i64", move |a: i64| print(&[a.into()]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_f32", move |a: F32| print(&[a.into()]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_f64", move |a: F64| print(&[a.into()]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_i32_f32", move |a: i32, b: F32| print(&[a.into(), b.into()]))?;
    let print = printer();
    linker.func_wrap(MODULE, "print_f64_f64", move |a: F64, b: F64| print(&[a.into(), b.into()]))?;
    Ok(())
}
