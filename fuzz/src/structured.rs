//! Modules that look like compiled code.
//!
//! wasm-smith draws from all of WebAssembly, but what it makes rarely runs long: it traps, or returns, or its
//! loops do not loop. The modules made here are trees of expressions over locals, with loops that count,
//! branches that compare, and addresses that are mostly in bounds, so that the operators that a translator
//! combines stand beside each other and are executed with many values.
//!
//! All payloads of NaNs stay out of integers and memories: a float is made canonical before it goes there.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

mod body;

use self::body::Body;
use crate::{
    case::{Case, FUEL_GLOBAL},
    generate::FUEL,
    random::Random,
    value::Type,
};

const NUMBERS: [Type; 4] = [Type::I32, Type::I64, Type::F32, Type::F64];

fn val_type(ty: Type) -> ValType {
    match ty {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
        Type::F32 => ValType::F32,
        Type::F64 => ValType::F64,
        Type::Func => ValType::FUNCREF,
        Type::Extern => ValType::EXTERNREF,
    }
}

#[derive(Clone, Debug)]
struct Signature {
    params: Vec<Type>,
    results: Vec<Type>,
}

/// What all functions of a module see.
struct World {
    signatures: Vec<Signature>,
    /// The signature of each function, imports first.
    functions: Vec<usize>,
    imports: usize,
    /// Type and whether mutable.
    globals: Vec<(Type, bool)>,
    /// Whether each memory has 64-bit addresses.
    memories: Vec<bool>,
    table64: bool,
    /// Whether functions count fuel, and so may recurse.
    fuel: Option<u32>,
    traps: bool,
}

fn body(world: &World, random: &mut Random, index: usize, types: &mut TypeSection) -> Function {
    let signature = &world.signatures[world.functions[index]];
    let mut locals = signature.params.clone();
    for _ in 0..random.range(0, 6) {
        locals.push(match random.below(12) {
            0 => Type::Func,
            1 => Type::Extern,
            _ => random.pick(&NUMBERS),
        });
    }
    let depth = random.range(1, 5) as u32;
    let budget = random.pick(&[10, 30, 80, 200]);
    let mut body = Body {
        world,
        index,
        types,
        reserved: vec![false; locals.len()],
        locals,
        results: signature.results.clone(),
        labels: vec![signature.results.clone()],
        code: vec![],
        budget,
        loops: 0,
        random,
    };
    if let Some(fuel) = world.fuel {
        body.emit(I::GlobalGet(fuel));
        body.emit(I::I32Eqz);
        body.emit(I::If(BlockType::Empty));
        body.emit(I::Unreachable);
        body.emit(I::End);
        body.emit(I::GlobalGet(fuel));
        body.emit(I::I32Const(1));
        body.emit(I::I32Sub);
        body.emit(I::GlobalSet(fuel));
    }
    for _ in 0..body.random.range(1, 6) {
        body.statement(depth);
    }
    for ty in signature.results.clone() {
        body.expr(ty, depth);
    }
    body.emit(I::End);
    let locals = body.locals[signature.params.len()..].iter().map(|ty| (1, val_type(*ty)));
    let mut function = Function::new(locals);
    function.raw(body.code);
    function
}

/// The module of a seed and an input, and whether it counts its fuel.
pub fn module(seed: u64, input: &[u8]) -> (Case, bool) {
    let random = &mut Random::with_input(seed ^ 0x57ac, input);
    let some = |random: &mut Random, most: u64| -> Vec<Type> {
        (0..random.range(0, most))
            .map(|_| if random.one_in(12) { Type::Extern } else { random.pick(&NUMBERS) })
            .collect()
    };
    let signatures: Vec<Signature> = (0..random.range(1, 5))
        .map(|_| Signature { params: some(random, 4), results: some(random, 2) })
        .collect();
    let imports = random.pick(&[0, 0, 1, 3]);
    let count = imports + random.range(1, 6) as usize;
    let functions: Vec<usize> = (0..count).map(|_| random.below(signatures.len() as u64) as usize).collect();
    let mut globals: Vec<(Type, bool)> =
        (0..random.range(0, 5)).map(|_| (random.pick(&NUMBERS), !random.one_in(5))).collect();
    let fuel = random.one_in(2).then_some(globals.len() as u32);
    if fuel.is_some() {
        globals.push((Type::I32, true));
    }
    let memories = (0..random.pick(&[1, 1, 1, 2])).map(|_| random.one_in(6)).collect();
    let world = World {
        signatures,
        functions,
        imports,
        globals,
        memories,
        table64: random.one_in(8),
        fuel,
        traps: random.one_in(2),
    };

    let mut types = TypeSection::new();
    let val_types = |types: &[Type]| types.iter().map(|ty| val_type(*ty)).collect::<Vec<_>>();
    for signature in &world.signatures {
        types.ty().function(val_types(&signature.params), val_types(&signature.results));
    }
    let mut import_section = ImportSection::new();
    let mut function_section = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    for (i, &signature) in world.functions.iter().enumerate() {
        if i < imports {
            import_section.import("host", &format!("h{i}"), EntityType::Function(signature as u32));
        } else {
            function_section.function(signature as u32);
            exports.export(&format!("f{i}"), ExportKind::Func, i as u32);
            code.function(&body(&world, random, i, &mut types));
        }
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: world.table64,
        minimum: 8,
        maximum: Some(20),
        shared: false,
    });
    exports.export("table", ExportKind::Table, 0);
    let mut memory_section = MemorySection::new();
    for (i, &memory64) in world.memories.iter().enumerate() {
        let maximum = Some(random.range(1, 3));
        memory_section.memory(MemoryType {
            minimum: 1,
            maximum,
            memory64,
            shared: false,
            page_size_log2: None,
        });
        exports.export(&format!("m{i}"), ExportKind::Memory, i as u32);
    }
    let mut global_section = GlobalSection::new();
    for (i, &(ty, mutable)) in world.globals.iter().enumerate() {
        let is_fuel = world.fuel == Some(i as u32);
        let number = random.below(1_000) as i32 - 100;
        let init = match ty {
            Type::I32 if is_fuel => ConstExpr::i32_const(FUEL as i32),
            Type::I32 => ConstExpr::i32_const(number),
            Type::I64 => ConstExpr::i64_const(number.into()),
            Type::F32 => ConstExpr::f32_const((number as f32).into()),
            _ => ConstExpr::f64_const(f64::from(number).into()),
        };
        global_section.global(GlobalType { val_type: val_type(ty), mutable, shared: false }, &init);
        let name = if is_fuel { FUEL_GLOBAL.to_string() } else { format!("g{i}") };
        exports.export(&name, ExportKind::Global, i as u32);
    }
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..world.functions.len() as u32).collect();
    let offset = if world.table64 { ConstExpr::i64_const(0) } else { ConstExpr::i32_const(0) };
    let listed: Vec<u32> = (0..random.range(0, 8)).map(|_| random.pick(&all)).collect();
    elements.active(Some(0), &offset, Elements::Functions(listed.into()));
    elements.declared(Elements::Functions(all.into()));

    let mut module = Module::new();
    module
        .section(&types)
        .section(&import_section)
        .section(&function_section)
        .section(&tables)
        .section(&memory_section)
        .section(&global_section)
        .section(&exports)
        .section(&elements)
        .section(&code);
    (Case { wasm: module.finish(), seed }, fuel.is_some())
}
