//! Modules that are made of control: blocks in blocks, branches on constants, comparisons and locals, loops
//! that test at either end, code behind branches, calls of all kinds, traps and operators with lengths
//! between them.
//!
//! All values are `i32`. Nothing guarantees that a function ends: fuel does.

use crate::random::Random;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, HeapType, ImportSection, Instruction as I, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Types: of functions, of blocks with a parameter, of blocks with two, of functions without anything, and of
/// `charge`.
const FUNC: u32 = 0;
const ONE: u32 = 1;
const TWO: u32 = 2;
const NOTHING: u32 = 3;
const CHARGE: u32 = 4;
/// The imported functions with their types.
const HOST: [(&str, u32); 5] =
    [("nothing", NOTHING), ("log", ONE), ("suspend", ONE), ("charge", CHARGE), ("fail", NOTHING)];
const IMPORTS: u32 = HOST.len() as u32;
const MEMARG: MemArg = MemArg { offset: 4, align: 0, target: MemArgTarget::Memory(0), ordering: None };
const PARAMS: u32 = 2;
const LOCALS: u32 = 5;

const BINARY: [I<'static>; 8] =
    [I::I32Add, I::I32Sub, I::I32Mul, I::I32And, I::I32DivU, I::I32RemS, I::I32ShrU, I::I32Xor];
const COMPARE: [I<'static>; 6] = [I::I32Eq, I::I32Ne, I::I32LtS, I::I32LtU, I::I32GeS, I::I32GtU];

struct Body<'r> {
    random: &'r mut Random,
    code: Vec<I<'static>>,
    /// How many values a branch to each open block takes.
    labels: Vec<u32>,
    /// How many functions it may call by name.
    functions: u32,
    budget: u32,
}

/// A random module.
pub(crate) fn module(random: &mut Random) -> Vec<u8> {
    let count = random.range(1, 4) as u32;
    let functions: Vec<Function> = (0..count).map(|_| function(random, count)).collect();
    assemble(0, &functions, random.one_in(2))
}

/// A module, and the same in two: the library has the first functions, and the program imports them. State is
/// shared.
pub(crate) struct Split {
    pub(crate) whole: Vec<u8>,
    pub(crate) library: Vec<u8>,
    pub(crate) program: Vec<u8>,
}

/// A random module that can be split. Functions of the library call those of the program through the table
/// only.
pub(crate) fn split(random: &mut Random) -> Split {
    let in_library = random.range(1, 3) as u32;
    let count = in_library + random.range(1, 3) as u32;
    let body = |index| function(random, if index < in_library { in_library } else { count });
    let functions: Vec<Function> = (0..count).map(body).collect();
    let (library, program) = functions.split_at(in_library as usize);
    Split {
        whole: assemble(0, &functions, true),
        library: assemble(0, library, true),
        program: assemble(in_library, program, true),
    }
}

/// A module of these functions, before which some are imported.
fn assemble(imported: u32, functions: &[Function], imports_state: bool) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32; 2], [ValType::I32; 2]);
    types.ty().function([], []);
    types.ty().function([ValType::I64], []);
    let mut imports = ImportSection::new();
    for (name, ty) in HOST {
        imports.import("host", name, EntityType::Function(ty));
    }
    for index in 0..imported {
        imports.import("library", &format!("f{index}"), EntityType::Function(FUNC));
    }
    let (mut section, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for function in functions {
        section.function(FUNC);
        code.function(function);
    }
    let count = imported + functions.len() as u32;
    for index in 0..count {
        exports.export(&format!("f{index}"), ExportKind::Func, IMPORTS + index);
    }
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("global", ExportKind::Global, 0);
    let state = State::new(imports_state, &mut imports);
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..IMPORTS + count).collect();
    elements.active(Some(0), &ConstExpr::i32_const(1), Elements::Functions(all.into()));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&section);
    module.section(&state.tables).section(&state.memories).section(&state.globals);
    module.section(&exports).section(&elements).section(&code);
    module.finish()
}

/// What a module has beside functions: all its own, or all imported, so that instances can share it.
struct State {
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
}

impl State {
    fn new(is_imported: bool, imports: &mut ImportSection) -> Self {
        let (mut tables, mut memories) = (TableSection::new(), MemorySection::new());
        let mut globals = GlobalSection::new();
        let element_type = RefType::FUNCREF;
        let table = TableType { element_type, table64: false, minimum: 12, maximum: Some(30), shared: false };
        let (minimum, maximum) = (1, Some(3));
        let memory = MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None };
        let global = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        if is_imported {
            imports.import("twin", "table", EntityType::Table(table));
            imports.import("twin", "memory", EntityType::Memory(memory));
            imports.import("twin", "global", EntityType::Global(global));
        } else {
            tables.table(table);
            memories.memory(memory);
            globals.global(global, &ConstExpr::i32_const(3));
        }
        Self { tables, memories, globals }
    }
}

fn function(random: &mut Random, functions: u32) -> Function {
    let budget = random.pick(&[5, 15, 40, 100]);
    let mut body = Body { random, code: vec![], labels: vec![1], functions, budget };
    body.statements(4);
    body.value(3);
    let mut function = Function::new([(LOCALS - PARAMS, ValType::I32)]);
    for instruction in &body.code {
        function.instruction(instruction);
    }
    function.instruction(&I::End);
    function
}

impl Body<'_> {
    fn emit(&mut self, instruction: I<'static>) {
        self.code.push(instruction);
    }

    fn local(&mut self) -> u32 {
        self.random.below(LOCALS.into()) as u32
    }

    fn label(&mut self) -> u32 {
        self.random.below(self.labels.len() as u64) as u32
    }

    /// How many values a branch takes.
    fn arity(&self, depth: u32) -> u32 {
        self.labels[self.labels.len() - 1 - depth as usize]
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..self.random.below(5) {
            self.statement(depth);
        }
    }

    fn values(&mut self, count: u32, depth: u32) {
        for _ in 0..count {
            self.value(depth);
        }
    }

    /// A block around something; `inside` leaves as many values as a branch to it takes.
    fn block(&mut self, opener: I<'static>, arity: u32, inside: impl FnOnce(&mut Self)) {
        self.emit(opener);
        self.labels.push(arity);
        inside(self);
        self.labels.pop();
        self.emit(I::End);
    }

    /// Leaves the stack as it was.
    fn statement(&mut self, depth: u32) {
        if self.budget == 0 || depth == 0 {
            return self.emit(I::Nop);
        }
        self.budget -= 1;
        let depth = depth - 1;
        match self.random.below(19) {
            0 | 1 => self.block(I::Block(BlockType::Empty), 0, |body| body.statements(depth)),
            2 => self.block(I::Loop(BlockType::Empty), 0, |body| body.statements(depth)),
            3 | 4 => self.if_else(depth),
            5 => self.counting_loop(depth),
            6 => self.inverted_loop(depth),
            7..=9 => self.branch_if(depth),
            10 => self.branch(depth),
            11 => {
                self.value(depth);
                let local = self.local();
                self.emit(I::LocalSet(local));
            }
            12 => {
                self.value(depth);
                self.emit(I::GlobalSet(0));
            }
            13 => {
                self.address(depth);
                self.value(depth);
                self.emit(I::I32Store(MEMARG));
            }
            14 => self.call_host(),
            15 => self.length(),
            _ => {
                self.value(depth);
                self.emit(I::Drop);
            }
        }
    }

    fn call_host(&mut self) {
        match self.random.below(20) {
            0 => self.emit(I::Call(4)),
            1..=5 => {
                let fuel = self.random.below(40) as i64;
                self.emit(I::I64Const(fuel));
                self.emit(I::Call(3));
            }
            _ => self.emit(I::Call(0)),
        }
    }

    fn if_else(&mut self, depth: u32) {
        self.condition(depth);
        self.block(I::If(BlockType::Empty), 0, |body| {
            body.statements(depth);
            if !body.random.one_in(3) {
                body.emit(I::Else);
                body.statements(depth);
            }
        });
    }

    fn counting_loop(&mut self, depth: u32) {
        let local = self.local();
        let times = self.random.range(1, 5) as i32;
        self.emit(I::I32Const(times));
        self.emit(I::LocalSet(local));
        self.block(I::Loop(BlockType::Empty), 0, |body| {
            body.statements(depth);
            body.emit(I::LocalGet(local));
            body.emit(I::I32Const(1));
            body.emit(I::I32Sub);
            body.emit(I::LocalTee(local));
            body.emit(I::BrIf(0));
        });
    }

    fn inverted_loop(&mut self, depth: u32) {
        self.block(I::Block(BlockType::Empty), 0, |body| {
            body.block(I::Loop(BlockType::Empty), 0, |body| {
                body.condition(depth);
                body.emit(I::BrIf(1));
                body.statements(depth);
                body.emit(I::Br(0));
            });
        });
    }

    fn branch_if(&mut self, depth: u32) {
        let label = self.label();
        let arity = self.arity(label);
        self.values(arity, depth);
        self.condition(depth);
        self.emit(I::BrIf(label));
        for _ in 0..arity {
            self.emit(I::Drop);
        }
    }

    /// Behind it comes code that is never reached.
    fn branch(&mut self, depth: u32) {
        match self.random.below(8) {
            0 => {
                self.value(depth);
                self.emit(I::Return);
            }
            1 => self.emit(I::Unreachable),
            2 => self.tail_call(depth),
            3 | 4 => {
                let label = self.label();
                let arity = self.arity(label);
                let mut labels: Vec<u32> = (0..self.labels.len() as u32).collect();
                labels.retain(|&label| self.arity(label) == arity);
                self.values(arity, depth);
                self.value(depth);
                let count = self.random.below(5);
                let targets: Vec<u32> = (0..count).map(|_| self.random.pick(&labels)).collect();
                self.emit(I::BrTable(targets.into(), label));
            }
            _ => {
                let label = self.label();
                self.values(self.arity(label), depth);
                self.emit(I::Br(label));
            }
        }
    }

    fn tail_call(&mut self, depth: u32) {
        match self.random.below(5) {
            0 => {
                self.value(depth);
                let host = self.random.range(1, 2) as u32;
                self.emit(I::ReturnCall(host));
            }
            1 => {
                self.value(depth);
                self.index(depth, 1, 2);
                self.emit(I::ReturnCallIndirect { type_index: ONE, table_index: 0 });
            }
            2 => {
                self.values(2, depth);
                self.index(depth, IMPORTS.into(), self.functions.into());
                self.emit(I::ReturnCallIndirect { type_index: FUNC, table_index: 0 });
            }
            _ => {
                self.values(2, depth);
                let func = IMPORTS + self.random.below(self.functions.into()) as u32;
                self.emit(I::ReturnCall(func));
            }
        }
    }

    /// An index of a function with this type in the table, mostly.
    fn index(&mut self, depth: u32, first: u64, count: u64) {
        if self.random.one_in(4) {
            self.value(depth);
        } else {
            let index = 1 + first + self.random.below(count);
            self.emit(I::I32Const(index as i32));
        }
    }

    /// An operator that costs by its length.
    fn length(&mut self) {
        let kind = self.random.below(5);
        let numbers = match kind {
            0 | 1 => [self.random.below(100), self.random.below(100), self.random.pick(&[0, 1, 64, 65, 300])],
            2 => [0, 0, self.random.pick(&[0, 1, 1, 3])],
            _ => [self.random.below(4), self.random.below(4), self.random.pick(&[0, 1, 2, 4, 9])],
        };
        let [a, b, c] = numbers.map(|number| I::I32Const(number as i32));
        let instructions = match kind {
            0 => vec![a, b, c, I::MemoryFill(0)],
            1 => vec![a, b, c, I::MemoryCopy { src_mem: 0, dst_mem: 0 }],
            2 => vec![c, I::MemoryGrow(0), I::Drop],
            3 => vec![a, I::RefNull(HeapType::FUNC), c, I::TableFill(0)],
            _ => vec![a, b, c, I::TableCopy { src_table: 0, dst_table: 0 }],
        };
        self.code.extend(instructions);
    }

    fn address(&mut self, depth: u32) {
        if self.random.one_in(4) {
            self.value(depth);
        } else {
            let address = self.random.pick(&[0, 8, 16, 65_528, 65_529]);
            self.emit(I::I32Const(address));
        }
    }

    /// Leaves something to branch on.
    fn condition(&mut self, depth: u32) {
        match self.random.below(8) {
            0 => {
                let constant = self.random.below(2) as i32;
                self.emit(I::I32Const(constant));
            }
            1 => {
                let local = self.local();
                self.emit(I::LocalGet(local));
            }
            2 => {
                self.value(depth);
                self.emit(I::I32Eqz);
            }
            3 => self.value(depth),
            _ => {
                self.values(2, depth);
                let compare = self.random.below(COMPARE.len() as u64) as usize;
                self.emit(COMPARE[compare].clone());
            }
        }
    }

    /// Leaves a value.
    fn value(&mut self, depth: u32) {
        if self.budget == 0 || depth == 0 || self.random.one_in(4) {
            let local = self.local();
            let constant = self.random.below(10) as i32 - 2;
            let is_local = self.random.one_in(2);
            return self.emit(if is_local { I::LocalGet(local) } else { I::I32Const(constant) });
        }
        self.budget -= 1;
        let depth = depth - 1;
        match self.random.below(16) {
            0..=2 => {
                self.values(2, depth);
                let operator = self.random.below(BINARY.len() as u64) as usize;
                self.emit(BINARY[operator].clone());
            }
            3 => self.condition(depth),
            4 => {
                self.address(depth);
                self.emit(I::I32Load(MEMARG));
            }
            5 => self.block(I::Block(BlockType::Result(ValType::I32)), 1, |body| {
                body.statements(depth);
                body.value(depth);
            }),
            6 | 7 => {
                self.condition(depth);
                self.block(I::If(BlockType::Result(ValType::I32)), 1, |body| {
                    body.statements(depth);
                    body.value(depth);
                    body.emit(I::Else);
                    body.statements(depth);
                    body.value(depth);
                });
            }
            8 => self.with_parameters(depth),
            9 => {
                self.value(depth);
                let local = self.local();
                self.emit(I::LocalTee(local));
            }
            10 => {
                self.values(2, depth);
                self.condition(depth);
                self.emit(I::Select);
            }
            11 => {
                self.value(depth);
                let host = self.random.range(1, 2) as u32;
                self.emit(I::Call(host));
            }
            12 => {
                self.values(2, depth);
                self.index(depth, IMPORTS.into(), self.functions.into());
                self.emit(I::CallIndirect { type_index: FUNC, table_index: 0 });
            }
            13 => {
                self.value(depth);
                self.index(depth, 1, 2);
                self.emit(I::CallIndirect { type_index: ONE, table_index: 0 });
            }
            _ => {
                self.values(2, depth);
                let func = IMPORTS + self.random.below(self.functions.into()) as u32;
                self.emit(I::Call(func));
            }
        }
    }

    /// A block or a loop with parameters.
    fn with_parameters(&mut self, depth: u32) {
        let count = self.random.range(1, 2) as u32;
        let ty = BlockType::FunctionType(if count == 1 { ONE } else { TWO });
        self.values(count, depth);
        let opener = if self.random.one_in(2) { I::Block(ty) } else { I::Loop(ty) };
        self.block(opener, count, |body| {
            body.statements(depth);
            body.condition(depth);
            body.emit(I::BrIf(0));
        });
        if count == 2 {
            self.emit(I::I32Add);
        }
    }
}
