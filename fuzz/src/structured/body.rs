//! [`Body`]: the body of a function, made from the leaves of its expressions to its loops.

use wasm_encoder::{BlockType, Instruction as I, TypeSection};

use super::{NUMBERS, Signature, World, val_type};
use crate::{
    random::Random,
    value::{Type, Value},
};

/// Opcodes by what they take and give.
const UNARY: [(Type, &[u8]); 4] = [
    (Type::I32, &[0x67, 0x68, 0x69, 0xc0, 0xc1]),
    (Type::I64, &[0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4]),
    (Type::F32, &[0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91]),
    (Type::F64, &[0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f]),
];
/// First and last opcode of the operators with two operands. Division and remainder are apart.
const BINARY: [(Type, u8, u8); 4] =
    [(Type::I32, 0x6a, 0x78), (Type::I64, 0x7c, 0x8a), (Type::F32, 0x92, 0x98), (Type::F64, 0xa0, 0xa6)];
const COMPARE: [(Type, u8, u8); 4] =
    [(Type::I32, 0x46, 0x4f), (Type::I64, 0x51, 0x5a), (Type::F32, 0x5b, 0x60), (Type::F64, 0x61, 0x66)];
/// Conversions: from, to, opcode. The truncations that trap are apart.
const CONVERT: [(Type, Type, u8); 17] = [
    (Type::I64, Type::I32, 0xa7),
    (Type::I32, Type::I64, 0xac),
    (Type::I32, Type::I64, 0xad),
    (Type::I32, Type::F32, 0xb2),
    (Type::I32, Type::F32, 0xb3),
    (Type::I64, Type::F32, 0xb4),
    (Type::I64, Type::F32, 0xb5),
    (Type::F64, Type::F32, 0xb6),
    (Type::I32, Type::F64, 0xb7),
    (Type::I32, Type::F64, 0xb8),
    (Type::I64, Type::F64, 0xb9),
    (Type::I64, Type::F64, 0xba),
    (Type::F32, Type::F64, 0xbb),
    (Type::F32, Type::I32, 0xbc),
    (Type::F64, Type::I64, 0xbd),
    (Type::I32, Type::F32, 0xbe),
    (Type::I64, Type::F64, 0xbf),
];
/// Loads: type and opcode.
const LOADS: [(Type, u8); 14] = [
    (Type::I32, 0x28),
    (Type::I64, 0x29),
    (Type::F32, 0x2a),
    (Type::F64, 0x2b),
    (Type::I32, 0x2c),
    (Type::I32, 0x2d),
    (Type::I32, 0x2e),
    (Type::I32, 0x2f),
    (Type::I64, 0x30),
    (Type::I64, 0x31),
    (Type::I64, 0x32),
    (Type::I64, 0x33),
    (Type::I64, 0x34),
    (Type::I64, 0x35),
];
const STORES: [(Type, u8); 9] = [
    (Type::I32, 0x36),
    (Type::I64, 0x37),
    (Type::F32, 0x38),
    (Type::F64, 0x39),
    (Type::I32, 0x3a),
    (Type::I32, 0x3b),
    (Type::I64, 0x3c),
    (Type::I64, 0x3d),
    (Type::I64, 0x3e),
];

/// What stands for a label that is not branched to.
fn hidden() -> Vec<Type> {
    vec![Type::Extern; 99]
}

pub(super) struct Body<'a> {
    pub(super) world: &'a World,
    pub(super) random: &'a mut Random,
    pub(super) index: usize,
    pub(super) types: &'a mut TypeSection,
    pub(super) locals: Vec<Type>,
    /// Locals that only their loop writes.
    pub(super) reserved: Vec<bool>,
    pub(super) results: Vec<Type>,
    /// What a branch to each label carries, outermost first.
    pub(super) labels: Vec<Vec<Type>>,
    pub(super) code: Vec<u8>,
    pub(super) budget: i32,
    pub(super) loops: u32,
}

impl Body<'_> {
    pub(super) fn emit(&mut self, instruction: I<'_>) {
        wasm_encoder::Encode::encode(&instruction, &mut self.code);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    pub(super) fn constant(&mut self, value: Value) {
        match value {
            Value::I32(value) => self.emit(I::I32Const(value)),
            Value::I64(value) => self.emit(I::I64Const(value)),
            Value::F32(bits) => self.emit(I::F32Const(f32::from_bits(bits).into())),
            Value::F64(bits) => self.emit(I::F64Const(f64::from_bits(bits).into())),
            Value::Func(_) => self.emit(I::RefNull(wasm_encoder::HeapType::FUNC)),
            Value::Extern(_) => self.emit(I::RefNull(wasm_encoder::HeapType::EXTERN)),
        }
    }

    pub(super) fn random_constant(&mut self, ty: Type) {
        if ty == Type::Func && self.random.one_in(2) {
            let func = self.random.below(self.world.functions.len() as u64);
            return self.emit(I::RefFunc(func as u32));
        }
        let mut value = Value::random(ty, self.random);
        // Payloads of constants would come through to memories.
        match &mut value {
            Value::F32(bits) if f32::from_bits(*bits).is_nan() => *bits = f32::NAN.to_bits(),
            Value::F64(bits) if f64::from_bits(*bits).is_nan() => *bits = f64::NAN.to_bits(),
            _ => {}
        }
        self.constant(value);
    }

    pub(super) fn local_of(&mut self, ty: Type) -> Option<u32> {
        let all: Vec<u32> =
            (0..self.locals.len() as u32).filter(|&i| self.locals[i as usize] == ty).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    pub(super) fn writable_local(&mut self) -> Option<u32> {
        let all: Vec<u32> = (0..self.locals.len() as u32).filter(|&i| !self.reserved[i as usize]).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    pub(super) fn writable_local_of(&mut self, ty: Type) -> Option<u32> {
        let usable = |&i: &u32| !self.reserved[i as usize] && self.locals[i as usize] == ty;
        let all: Vec<u32> = (0..self.locals.len() as u32).filter(usable).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    pub(super) fn new_local(&mut self, ty: Type, reserved: bool) -> u32 {
        self.locals.push(ty);
        self.reserved.push(reserved);
        self.locals.len() as u32 - 1
    }

    pub(super) fn block_type(&mut self, params: &[Type], results: &[Type]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Result(val_type(*result)),
            _ => {
                let index = self.types.len();
                let val_types = |types: &[Type]| types.iter().map(|ty| val_type(*ty)).collect::<Vec<_>>();
                self.types.ty().function(val_types(params), val_types(results));
                BlockType::FunctionType(index)
            }
        }
    }

    /// A value of a type.
    pub(super) fn expr(&mut self, ty: Type, depth: u32) {
        self.budget -= 1;
        if depth == 0 || self.budget < 0 || self.random.one_in(5) {
            return self.leaf(ty);
        }
        let d = depth - 1;
        if matches!(ty, Type::Func | Type::Extern) {
            match self.random.below(4) {
                0 => {
                    let other = self.random.one_in(2);
                    self.expr(ty, d);
                    self.expr(ty, if other { 0 } else { d });
                    self.expr(Type::I32, d);
                    return self.emit(I::TypedSelect(val_type(ty)));
                }
                1 if ty == Type::Func => {
                    self.table_index(d);
                    return self.emit(I::TableGet(0));
                }
                2 => return self.block_expr(ty, d),
                _ => return self.leaf(ty),
            }
        }
        match self.random.below(32) {
            0..=9 => self.binary(ty, d),
            10..=11 => {
                let (_, opcodes) = UNARY[ty as usize];
                let opcode = self.random.pick(opcodes);
                self.expr(ty, d);
                self.raw(&[opcode]);
            }
            12..=14 if ty == Type::I32 => self.condition(d),
            12..=15 => self.convert(ty, d),
            16..=18 => self.load(ty, d),
            19..=20 => {
                self.expr(ty, d);
                self.expr(ty, d);
                if self.random.one_in(2) {
                    self.condition(d)
                } else {
                    self.expr(Type::I32, d)
                }
                self.emit(I::Select);
            }
            21..=22 => {
                let Some(local) = self.writable_local_of(ty) else { return self.leaf(ty) };
                self.expr(ty, d);
                self.emit(I::LocalTee(local));
            }
            23..=24 => self.block_expr(ty, d),
            25 => self.if_expr(ty, d),
            26..=27 => self.call_expr(ty, d),
            28 => {
                // A pending operand, and a local that changes behind its back.
                let Some(local) = self.writable_local_of(ty) else { return self.leaf(ty) };
                self.emit(I::LocalGet(local));
                self.expr(ty, d);
                self.emit(I::LocalSet(local));
                if self.random.one_in(2) {
                    self.emit(I::LocalGet(local));
                    self.binary_opcode(ty);
                }
            }
            29 if ty == Type::I32 => {
                if self.random.one_in(3) {
                    self.expr(Type::Func, d);
                    self.emit(I::RefIsNull);
                } else {
                    let memory = self.random.below(self.world.memories.len() as u64) as u32;
                    self.emit(I::MemorySize(memory));
                    if self.world.memories[memory as usize] {
                        self.emit(I::I32WrapI64);
                    }
                }
            }
            29 if ty == Type::I64 => {
                for _ in 0..4 {
                    self.expr(Type::I64, d.min(1));
                }
                let op = self.random.pick(&[19, 20]);
                self.raw(&[0xfc, op]);
                self.binary_opcode(Type::I64);
            }
            30 if ty == Type::I64 => {
                self.expr(Type::I64, d);
                self.expr(Type::I64, d);
                let op = self.random.pick(&[21, 22]);
                self.raw(&[0xfc, op]);
                let Some(local) = self.writable_local_of(Type::I64) else { return self.emit(I::Drop) };
                self.emit(I::LocalSet(local));
            }
            _ => self.leaf(ty),
        }
    }

    pub(super) fn leaf(&mut self, ty: Type) {
        match self.random.below(8) {
            0..=1 => self.random_constant(ty),
            2 => {
                let of = |(i, global): (usize, &(Type, bool))| (global.0 == ty).then_some(i as u32);
                let all: Vec<u32> = self.world.globals.iter().enumerate().filter_map(of).collect();
                if all.is_empty() {
                    return self.random_constant(ty);
                }
                let global = self.random.pick(&all);
                self.emit(I::GlobalGet(global));
            }
            _ => match self.local_of(ty) {
                Some(local) => self.emit(I::LocalGet(local)),
                None => self.random_constant(ty),
            },
        }
    }

    /// An operator with two operands that never traps.
    pub(super) fn binary_opcode(&mut self, ty: Type) {
        let (_, first, last) = BINARY[ty as usize];
        loop {
            let opcode = self.random.range(first.into(), last.into()) as u8;
            // Division and remainder; `copysign` shows the sign of NaN.
            let traps = matches!(opcode, 0x6d..=0x70 | 0x7f..=0x82 | 0x98 | 0xa6);
            if !traps {
                return self.raw(&[opcode]);
            }
        }
    }

    pub(super) fn binary(&mut self, ty: Type, d: u32) {
        let (_, first, last) = BINARY[ty as usize];
        let opcode = self.random.range(first.into(), last.into()) as u8;
        self.expr(ty, d);
        match opcode {
            0x6d..=0x70 | 0x7f..=0x82 => {
                let constant = self.random.one_in(3);
                if constant {
                    let divisor = self.random.pick(&[1, 2, 3, 7, 10, 16, 255, -1, -3, 1000, i32::MIN, 0]);
                    let divisor = if divisor == 0 && !self.world.traps { 5 } else { divisor };
                    let divisor =
                        if ty == Type::I32 { Value::I32(divisor) } else { Value::I64(divisor.into()) };
                    self.constant(divisor);
                } else {
                    self.expr(ty, d);
                    if !self.world.traps || !self.random.one_in(10) {
                        let mask = if ty == Type::I32 { Value::I32(1) } else { Value::I64(1) };
                        self.constant(mask);
                        self.raw(&[if ty == Type::I32 { 0x72 } else { 0x84 }]);
                    }
                }
            }
            0x98 | 0xa6 => {
                self.expr(ty, d);
                self.canonical(ty);
            }
            _ if self.random.one_in(3) => self.random_constant(ty),
            _ => self.expr(ty, d),
        }
        self.raw(&[opcode]);
    }

    /// Makes the float on top canonical if it is NaN.
    pub(super) fn canonical(&mut self, ty: Type) {
        let local = match self.writable_local_of(ty) {
            Some(local) if self.random.one_in(2) => local,
            _ => self.new_local(ty, false),
        };
        self.emit(I::LocalTee(local));
        self.constant(if ty == Type::F32 {
            Value::F32(f32::NAN.to_bits())
        } else {
            Value::F64(f64::NAN.to_bits())
        });
        self.emit(I::LocalGet(local));
        self.emit(I::LocalGet(local));
        self.emit(if ty == Type::F32 { I::F32Eq } else { I::F64Eq });
        self.emit(I::Select);
    }

    /// A comparison.
    pub(super) fn condition(&mut self, d: u32) {
        let ty = self.random.pick(&[Type::I32, Type::I32, Type::I64, Type::F32, Type::F64]);
        match self.random.below(8) {
            0 if matches!(ty, Type::I32 | Type::I64) => {
                self.expr(ty, d);
                self.emit(if ty == Type::I32 { I::I32Eqz } else { I::I64Eqz });
            }
            1 => {
                self.condition(d.saturating_sub(1));
                self.emit(I::I32Eqz);
            }
            _ => {
                let (_, first, last) = COMPARE[ty as usize];
                let opcode = self.random.range(first.into(), last.into()) as u8;
                self.expr(ty, d);
                if self.random.one_in(2) {
                    self.random_constant(ty)
                } else {
                    self.expr(ty, d)
                }
                self.raw(&[opcode]);
            }
        }
    }

    pub(super) fn convert(&mut self, ty: Type, d: u32) {
        if matches!(ty, Type::I32 | Type::I64) && self.random.one_in(3) {
            // Truncations.
            let from = self.random.pick(&[Type::F32, Type::F64]);
            self.expr(from, d);
            let op = self.random.below(2) as u8 + if from == Type::F64 { 2 } else { 0 };
            if self.world.traps && self.random.one_in(6) {
                self.raw(&[if ty == Type::I32 { 0xa8 } else { 0xae } + op]);
            } else {
                self.raw(&[0xfc, if ty == Type::I32 { op } else { op + 4 }]);
            }
            return;
        }
        let all: Vec<(Type, Type, u8)> = CONVERT.iter().filter(|(_, to, _)| *to == ty).copied().collect();
        let (from, _, opcode) = self.random.pick(&all);
        self.expr(from, d);
        if matches!(opcode, 0xbc | 0xbd) {
            self.canonical(from);
        }
        self.raw(&[opcode]);
        // An integer may be any NaN.
        if matches!(opcode, 0xbe | 0xbf) {
            self.canonical(ty);
        }
    }

    /// An address, and the memory and the offset that go with it.
    pub(super) fn address(&mut self, d: u32) -> (u32, u64) {
        let memory = self.random.below(self.world.memories.len() as u64) as u32;
        let is_64 = self.world.memories[memory as usize];
        let ty = if is_64 { Type::I64 } else { Type::I32 };
        match self.random.below(12) {
            0 if self.world.traps => self.expr(ty, d),
            1..=3 => {
                let at = self.random.below(0x800);
                self.constant(if is_64 { Value::I64(at as i64) } else { Value::I32(at as i32) });
            }
            _ => {
                self.expr(ty, d);
                let mask = self.random.pick(&[0xf, 0xff, 0x7f8, 0xfff]);
                self.constant(if is_64 { Value::I64(mask) } else { Value::I32(mask as i32) });
                self.raw(&[if is_64 { 0x83 } else { 0x71 }]);
            }
        }
        let offset = match self.random.below(12) {
            0 if self.world.traps => self.random.pick(&[0xfff0, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff]),
            0..=5 => 0,
            _ => self.random.below(0x100),
        };
        (memory, offset)
    }

    pub(super) fn mem_arg(&mut self, memory: u32, offset: u64) {
        let mut bytes = vec![];
        if memory == 0 {
            bytes.push(0);
        } else {
            bytes.push(0x40);
            wasm_encoder::Encode::encode(&memory, &mut bytes);
        }
        wasm_encoder::Encode::encode(&offset, &mut bytes);
        self.raw(&bytes);
    }

    pub(super) fn load(&mut self, ty: Type, d: u32) {
        let all: Vec<u8> = LOADS.iter().filter(|(of, _)| *of == ty).map(|(_, opcode)| *opcode).collect();
        let opcode = self.random.pick(&all);
        let (memory, offset) = self.address(d);
        self.raw(&[opcode]);
        self.mem_arg(memory, offset);
        if matches!(ty, Type::F32 | Type::F64) {
            self.canonical(ty);
        }
    }

    pub(super) fn store(&mut self, d: u32) {
        let (ty, opcode) = self.random.pick(&STORES);
        let (memory, offset) = self.address(d);
        self.expr(ty, d);
        if matches!(ty, Type::F32 | Type::F64) {
            self.canonical(ty);
        }
        self.raw(&[opcode]);
        self.mem_arg(memory, offset);
    }

    pub(super) fn table_index(&mut self, d: u32) {
        if self.random.one_in(2) {
            let at = self.random.below(12) as i32;
            self.constant(if self.world.table64 { Value::I64(at.into()) } else { Value::I32(at) });
        } else {
            let ty = if self.world.table64 { Type::I64 } else { Type::I32 };
            self.expr(ty, d);
            if !self.random.one_in(10) {
                self.constant(if self.world.table64 { Value::I64(7) } else { Value::I32(7) });
                self.raw(&[if self.world.table64 { 0x83 } else { 0x71 }]);
            }
        }
    }

    /// Some results, of which the first has a type.
    pub(super) fn results_with(&mut self, ty: Type) -> Vec<Type> {
        let mut results = vec![ty];
        if self.random.one_in(4) {
            for _ in 0..self.random.range(1, 3) {
                results.push(self.random.pick(&NUMBERS));
            }
        }
        results
    }

    /// Takes all values but the first from the stack.
    pub(super) fn keep_first(&mut self, types: &[Type]) {
        for ty in types[1..].iter().rev() {
            match self.writable_local_of(*ty) {
                Some(local) if self.random.one_in(2) => self.emit(I::LocalSet(local)),
                _ => self.emit(I::Drop),
            }
        }
    }

    pub(super) fn block_expr(&mut self, ty: Type, d: u32) {
        let results = self.results_with(ty);
        let params: Vec<Type> = if self.random.one_in(4) { vec![self.random.pick(&NUMBERS)] } else { vec![] };
        for param in &params {
            self.expr(*param, d);
        }
        let block_type = self.block_type(&params, &results);
        let is_loop = self.random.one_in(4);
        self.emit(if is_loop { I::Loop(block_type) } else { I::Block(block_type) });
        // A loop's label is not branched to from here: nothing would end it.
        self.labels.push(if is_loop { hidden() } else { results.clone() });
        for param in params.iter().rev() {
            match self.writable_local_of(*param) {
                Some(local) => self.emit(I::LocalSet(local)),
                None => self.emit(I::Drop),
            }
        }
        self.statements(d);
        if !is_loop && self.random.one_in(2) {
            for result in &results {
                self.expr(*result, d);
            }
            if self.random.one_in(2) {
                self.condition(d)
            } else {
                self.expr(Type::I32, d)
            }
            self.emit(I::BrIf(0));
            self.keep_first(&results);
            for result in &results[1..] {
                self.expr(*result, d.min(1));
            }
        } else {
            for result in &results {
                self.expr(*result, d);
            }
        }
        self.labels.pop();
        self.emit(I::End);
        self.keep_first(&results);
    }

    pub(super) fn if_expr(&mut self, ty: Type, d: u32) {
        let results = self.results_with(ty);
        self.condition(d);
        let block_type = self.block_type(&[], &results);
        self.emit(I::If(block_type));
        self.labels.push(results.clone());
        for arm in 0..2 {
            if arm == 1 {
                self.emit(I::Else);
            }
            if self.random.one_in(3) {
                self.statements(d);
            }
            for result in &results {
                self.expr(*result, d);
            }
        }
        self.labels.pop();
        self.emit(I::End);
        self.keep_first(&results);
    }

    /// A function that may be called from here.
    pub(super) fn callee(&mut self) -> Option<u32> {
        let imports = self.world.imports;
        let all = self.world.functions.len();
        let first = if self.world.fuel.is_some() { imports } else { (self.index + 1).max(imports) };
        if imports > 0 && (first >= all || self.random.one_in(4)) {
            return Some(self.random.below(imports as u64) as u32);
        }
        (first < all).then(|| self.random.range(first as u64, all as u64 - 1) as u32)
    }

    /// The call of a function, whose results stay.
    pub(super) fn call(&mut self, d: u32) -> Option<Vec<Type>> {
        // Calls in nested loops would take too long.
        if self.loops > 1 {
            return None;
        }
        if self.world.fuel.is_some() && self.random.one_in(4) {
            let signature = self.random.below(self.world.signatures.len() as u64) as usize;
            let Signature { params, results } = self.world.signatures[signature].clone();
            for param in &params {
                self.expr(*param, d);
            }
            self.table_index(d);
            self.emit(I::CallIndirect { type_index: signature as u32, table_index: 0 });
            return Some(results);
        }
        let callee = self.callee()?;
        let Signature { params, results } =
            self.world.signatures[self.world.functions[callee as usize]].clone();
        for param in &params {
            self.expr(*param, d);
        }
        self.emit(I::Call(callee));
        Some(results)
    }

    pub(super) fn call_expr(&mut self, ty: Type, d: u32) {
        let Some(results) = self.call(d) else { return self.leaf(ty) };
        if results.first() == Some(&ty) {
            return self.keep_first(&results);
        }
        for result in results.iter().rev() {
            match self.writable_local_of(*result) {
                Some(local) => self.emit(I::LocalSet(local)),
                None => self.emit(I::Drop),
            }
        }
        self.leaf(ty);
    }

    pub(super) fn statements(&mut self, d: u32) {
        for _ in 0..self.random.below(4) {
            self.statement(d);
        }
    }

    pub(super) fn statement(&mut self, depth: u32) {
        self.budget -= 1;
        if self.budget < 0 {
            return;
        }
        let d = depth.saturating_sub(1);
        match self.random.below(30) {
            0..=9 => {
                let Some(local) = self.writable_local() else { return };
                self.expr(self.locals[local as usize], depth);
                self.emit(I::LocalSet(local));
            }
            10..=12 => self.store(depth),
            13..=14 => {
                let all: Vec<u32> = (0..self.world.globals.len() as u32)
                    .filter(|i| self.world.globals[*i as usize].1 && Some(*i) != self.world.fuel)
                    .collect();
                if all.is_empty() {
                    return;
                }
                let global = self.random.pick(&all);
                self.expr(self.world.globals[global as usize].0, depth);
                self.emit(I::GlobalSet(global));
            }
            15..=17 if depth > 0 => self.counting_loop(d),
            18 if depth > 0 => self.filling_loop(d),
            19..=20 if depth > 0 => {
                self.condition(d);
                self.emit(I::If(BlockType::Empty));
                self.labels.push(vec![]);
                self.statements(d);
                if self.random.one_in(3) {
                    self.branch(d);
                }
                if self.random.one_in(2) {
                    self.emit(I::Else);
                    self.statements(d);
                }
                self.labels.pop();
                self.emit(I::End);
            }
            21 if depth > 0 => {
                self.emit(I::Block(BlockType::Empty));
                self.labels.push(vec![]);
                self.statements(d);
                self.conditional_branch(d);
                self.statements(d);
                self.labels.pop();
                self.emit(I::End);
            }
            22 => self.conditional_branch(d),
            23 if depth > 0 => self.switch(d),
            24..=25 => {
                let Some(results) = self.call(d) else { return };
                for result in results.iter().rev() {
                    match self.writable_local_of(*result) {
                        Some(local) if !self.random.one_in(3) => self.emit(I::LocalSet(local)),
                        _ => self.emit(I::Drop),
                    }
                }
            }
            26 => self.bulk(d),
            27 => {
                let ty = self.random.pick(&NUMBERS);
                self.expr(ty, d);
                self.emit(I::Drop);
            }
            28 if self.random.one_in(4) => {
                // Two locals exchange their values.
                let Some(a) = self.writable_local() else { return };
                let Some(b) = self.writable_local_of(self.locals[a as usize]) else { return };
                self.emit(I::LocalGet(a));
                self.emit(I::LocalGet(b));
                self.emit(I::LocalSet(a));
                self.emit(I::LocalSet(b));
            }
            _ => {}
        }
    }

    /// A loop that ends after some iterations because only it writes its counter.
    pub(super) fn counting_loop(&mut self, d: u32) {
        if self.loops >= 3 {
            return;
        }
        let ty = self.random.pick(&[Type::I32, Type::I32, Type::I64]);
        let is_32 = ty == Type::I32;
        let counter = self.new_local(ty, true);
        let number = |value: i64| if is_32 { Value::I32(value as i32) } else { Value::I64(value) };
        let count = self.random.range(1, 9) as i64;
        let step = self.random.range(1, 3) as i64;
        let down = self.random.one_in(2);
        self.constant(number(if down { count * step } else { 0 }));
        self.emit(I::LocalSet(counter));
        let guarded = self.random.one_in(3);
        if guarded {
            self.emit(I::Block(BlockType::Empty));
            self.labels.push(vec![]);
        }
        self.emit(I::Loop(BlockType::Empty));
        // Nobody else branches to the loop: only this knows that it ends.
        self.labels.push(hidden());
        self.loops += 1;
        self.statements(d + 1);
        self.statements(d);
        if guarded && self.random.one_in(2) {
            self.condition(d);
            self.emit(I::BrIf(1));
        }
        self.loops -= 1;
        self.labels.pop();
        self.emit(I::LocalGet(counter));
        let (add, sub) = if is_32 { (0x6a, 0x6b) } else { (0x7c, 0x7d) };
        let subtracts = self.random.one_in(2);
        self.constant(number(if down == subtracts { step } else { -step }));
        self.raw(&[if subtracts { sub } else { add }]);
        let (tee, set) = (I::LocalTee(counter), I::LocalSet(counter));
        let bound = number(if down { 0 } else { count * step });
        if self.random.one_in(2) {
            self.emit(tee);
        } else {
            self.emit(set);
            self.emit(I::LocalGet(counter));
        }
        if down && self.random.one_in(2) {
            if !is_32 {
                self.emit(I::I64Eqz);
                self.emit(I::I32Eqz);
            }
        } else {
            self.constant(bound);
            // ne; or lt_s, lt_u going up, gt_s, gt_u going down
            let ne = if is_32 { 0x47 } else { 0x52 };
            let less = if is_32 { 0x48 } else { 0x53 };
            let opcode = match self.random.below(3) {
                0 => ne,
                k => less + if down { 2 } else { 0 } + (k as u8 - 1),
            };
            self.raw(&[opcode]);
        }
        self.emit(I::BrIf(0));
        self.emit(I::End);
        if guarded {
            self.labels.pop();
            self.emit(I::End);
        }
    }

    /// A loop that writes to one place after the other, as programs fill and copy memory.
    pub(super) fn filling_loop(&mut self, d: u32) {
        if self.loops >= 3 || self.world.memories.first() != Some(&false) {
            return;
        }
        let (add, and, ne, lt_s, gt_s) = (0x6a, 0x71, 0x47, 0x48, 0x4a);
        let counter = self.new_local(Type::I32, true);
        let bases = [(); 2].map(|()| self.new_local(Type::I32, true));
        for base in bases {
            self.expr(Type::I32, d);
            self.constant(Value::I32(0xfff));
            self.raw(&[and]);
            self.emit(I::LocalSet(base));
        }
        let step = self.random.pick(&[1, 1, 2, 4, 8]);
        let length = step * self.random.range(1, 40) as i32;
        let start = self.random.pick(&[0, 0, 5, 0x80]);
        let down = self.random.one_in(2);
        self.constant(Value::I32(if down { start + length } else { start }));
        self.emit(I::LocalSet(counter));
        self.emit(I::Loop(BlockType::Empty));
        let counts_first = self.random.one_in(2);
        let count = |body: &mut Self, end: I<'static>| {
            body.emit(I::LocalGet(counter));
            body.constant(Value::I32(if down { -step } else { step }));
            body.raw(&[add]);
            body.emit(end);
        };
        if counts_first {
            count(self, I::LocalSet(counter));
        }
        let place = |body: &mut Self, base: u32| {
            // Now and then the counter alone is the address.
            if body.random.one_in(4) {
                return body.emit(I::LocalGet(counter));
            }
            let exchanged = body.random.one_in(2);
            let (a, b) = if exchanged { (counter, base) } else { (base, counter) };
            body.emit(I::LocalGet(a));
            body.emit(I::LocalGet(b));
            body.raw(&[add]);
        };
        place(self, bases[0]);
        let offset = self.random.below(0x100);
        let (store, offset) = if self.random.one_in(2) {
            let (load, store) = self.random.pick(&[(0x2d, 0x3a), (0x2f, 0x3b), (0x28, 0x36), (0x29, 0x37)]);
            place(self, bases[1]);
            self.raw(&[load]);
            self.mem_arg(0, offset);
            (store, self.random.below(0x40))
        } else {
            let (ty, store) = self.random.pick(&STORES);
            self.leaf(ty);
            if matches!(ty, Type::F32 | Type::F64) {
                self.canonical(ty);
            }
            (store, offset)
        };
        self.raw(&[store]);
        self.mem_arg(0, offset);
        if counts_first {
            self.emit(I::LocalGet(counter));
        } else {
            count(self, I::LocalTee(counter));
        }
        if !(down && start == 0 && self.random.one_in(2)) {
            self.constant(Value::I32(if down { start } else { start + length }));
            let compares = if down { [ne, gt_s, gt_s + 1] } else { [ne, lt_s, lt_s + 1] };
            let compare = self.random.pick(&compares);
            self.raw(&[compare]);
        }
        self.emit(I::BrIf(0));
        self.emit(I::End);
    }

    /// The labels that may be branched to, and how deep they are.
    pub(super) fn targets(&self) -> Vec<(u32, Vec<Type>)> {
        let all = self.labels.iter().rev().enumerate();
        all.filter(|(_, types)| **types != hidden())
            .map(|(depth, types)| (depth as u32, types.clone()))
            .collect()
    }

    pub(super) fn branch(&mut self, d: u32) {
        match self.random.below(8) {
            0 => {
                for ty in self.results.clone() {
                    self.expr(ty, d);
                }
                self.emit(I::Return);
            }
            1 if self.world.traps => self.emit(I::Unreachable),
            2 => {
                // A tail call, if some function has our results.
                let same =
                    |f: &usize| self.world.signatures[self.world.functions[*f]].results == self.results;
                let first = if self.world.fuel.is_some() { 0 } else { self.index + 1 };
                let all: Vec<usize> = (first..self.world.functions.len()).filter(same).collect();
                if all.is_empty() || self.loops > 1 {
                    return;
                }
                let callee = self.random.pick(&all);
                for param in self.world.signatures[self.world.functions[callee]].params.clone() {
                    self.expr(param, d);
                }
                self.emit(I::ReturnCall(callee as u32));
            }
            _ => {
                let targets = self.targets();
                if targets.is_empty() {
                    return;
                }
                let (label, types) = targets[self.random.below(targets.len() as u64) as usize].clone();
                for ty in types {
                    self.expr(ty, d);
                }
                self.emit(I::Br(label));
            }
        }
        // What follows is dead.
        if self.random.one_in(3) {
            self.statement(d);
        }
    }

    pub(super) fn conditional_branch(&mut self, d: u32) {
        let targets = self.targets();
        if targets.is_empty() {
            return;
        }
        let (label, types) = targets[self.random.below(targets.len() as u64) as usize].clone();
        for ty in &types {
            self.expr(*ty, d);
        }
        if self.random.one_in(4) {
            self.expr(Type::I32, d)
        } else {
            self.condition(d)
        }
        self.emit(I::BrIf(label));
        for ty in types.iter().rev() {
            match self.writable_local_of(*ty) {
                Some(local) => self.emit(I::LocalSet(local)),
                None => self.emit(I::Drop),
            }
        }
    }

    pub(super) fn switch(&mut self, d: u32) {
        let cases = self.random.range(1, 4) as u32;
        // A value that each case may use, or nothing.
        let carried: Vec<Type> =
            if self.random.one_in(2) { vec![self.random.pick(&NUMBERS)] } else { vec![] };
        let block_type = self.block_type(&[], &carried);
        for _ in 0..cases {
            self.emit(I::Block(block_type));
            self.labels.push(carried.clone());
        }
        for ty in &carried {
            self.expr(*ty, d);
        }
        self.expr(Type::I32, d);
        if !self.random.one_in(3) {
            self.emit(I::I32Const(7));
            self.emit(I::I32And);
        }
        let labels: Vec<u32> =
            (0..self.random.below(7)).map(|_| self.random.below(cases.into()) as u32).collect();
        let default = self.random.below(cases.into()) as u32;
        self.emit(I::BrTable(labels.into(), default));
        for case in 0..cases {
            self.labels.pop();
            self.emit(I::End);
            for ty in carried.iter().rev() {
                match self.writable_local_of(*ty) {
                    Some(local) => self.emit(I::LocalSet(local)),
                    None => self.emit(I::Drop),
                }
            }
            self.statements(d);
            if case + 1 < cases {
                for ty in &carried {
                    self.expr(*ty, d);
                }
            }
        }
    }

    pub(super) fn bulk(&mut self, d: u32) {
        let memory = self.random.below(self.world.memories.len() as u64) as u32;
        let is_64 = self.world.memories[memory as usize];
        let number = |value: u64| if is_64 { Value::I64(value as i64) } else { Value::I32(value as i32) };
        match self.random.below(6) {
            0 => {
                let (at, len) = (self.random.below(0x1000), self.random.below(40));
                self.constant(number(at));
                self.expr(Type::I32, d);
                self.constant(number(len));
                self.emit(I::MemoryFill(memory));
            }
            1 => {
                let (to, from, len) =
                    (self.random.below(0x1000), self.random.below(0x1000), self.random.below(0x100));
                self.constant(number(to));
                self.constant(number(from));
                self.constant(number(len));
                self.emit(I::MemoryCopy { src_mem: memory, dst_mem: memory });
            }
            2 if self.random.one_in(3) => {
                let pages = self.random.below(3);
                self.constant(number(pages));
                self.emit(I::MemoryGrow(memory));
                self.emit(I::Drop);
            }
            3 => {
                self.table_index(d);
                self.expr(Type::Func, d);
                self.emit(I::TableSet(0));
            }
            4 if self.random.one_in(3) => {
                self.expr(Type::Func, d);
                let delta = self.random.below(3) as i32;
                self.constant(if self.world.table64 { Value::I64(delta.into()) } else { Value::I32(delta) });
                self.emit(I::TableGrow(0));
                self.emit(I::Drop);
            }
            _ => {}
        }
    }
}
