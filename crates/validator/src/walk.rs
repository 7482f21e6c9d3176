//! [`walk()`]: one pass over a function body that decodes, validates and drives a [`Client`].
//!
//! The algorithm is that of the specification's
//! [appendix](https://webassembly.github.io/spec/core/appendix/algorithm.html): a stack of operand types and a
//! stack of frames. Beside them lie two stacks of the client's: what it knows of operands and of frames.
//!
//! Code is in one of three states:
//! * *live*: it can be reached. The client is called, and its stacks are as high as the walk's (I-HEIGHT).
//! * *unreachable*: behind a branch in the same frame. Operands below the frame's height may be of any type, and
//!   the client's operands end at that height.
//! * in a frame that was entered in dead code: typed like live code, but the client sees none of it. Its
//!   operands and frames stay what they were where the code died.
//!
//! Without `CHECKED`, types are not compared and rules that cannot hurt a client are not enforced. Indices,
//! heights, arities and limits always are, so that a client may rely on the shape of its stacks whatever the
//! bytes are.

mod call;
mod control;
mod memory;
mod run;
mod table;
mod variable;

use self::{
    control::{Frame, Frames},
    run::Facts,
};
use crate::{
    BodyContext, Client, ControlFrame, Error, ErrorKind, FrameKind, Module, View,
    locals::Locals,
    operand_types::OperandTypes,
    packed_type::PackedType,
    reader::Reader,
    sections::unknown,
    signature::{Class, Gates, SIGNATURES, Signature},
    type_reader::{BlockType, check_limit, disabled, limit_error, require},
};
use alloc::{format, vec::Vec};
use core::{fmt, mem, ops::Range};
use rotifer_bytecode::{Kind, Operator};
use rotifer_core::{Features, FuncIdx, Limits, ValType, WasmOffset};

/// What the walks over a module's bodies share.
#[derive(Clone, Copy, Debug)]
pub struct WalkContext<'a> {
    /// The module.
    pub module: &'a Module,
    /// The bytes that the module was read from.
    pub bytes: &'a [u8],
    /// The proposals that are switched on; those that the module was read with.
    pub features: &'a Features,
    /// The limits; those that the module was read with.
    pub limits: &'a Limits,
}

impl WalkContext<'_> {
    /// Validates some bodies, counted from the first one that is defined, in order. Several threads may
    /// validate parts of a module: the error of the first part that has one is the one with the lowest offset.
    pub fn validate(&self, bodies: Range<u32>) -> Result<(), Error> {
        let mut scratch = Scratch { facts: Facts::of(self.module, bodies.clone()), ..Scratch::default() };
        for body in bodies {
            let func = FuncIdx(self.module.imported_functions + body);
            match walk::<(), true>(self, func, &mut scratch, &mut ()) {
                Ok(()) => {}
                Err(WalkError::Invalid(error)) => return Err(error),
                Err(WalkError::Client(never)) => match never {},
            }
        }
        Ok(())
    }
}

/// Why a walk ended early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WalkError<E> {
    /// The body is not valid.
    Invalid(Error),
    /// The client gave up.
    Client(E),
}

impl<E> From<Error> for WalkError<E> {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

impl<E: fmt::Display> fmt::Display for WalkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WalkError<E> {}

/// The stacks of a walk, kept from one walk to the next for their memory. Their contents mean nothing between
/// walks.
pub struct Scratch<C: Client> {
    types: OperandTypes,
    frames: Frames,
    locals: Locals,
    /// The labels of a `br_table`.
    depths: Vec<u32>,
    operands: Vec<C::Operand>,
    control: Vec<ControlFrame<C::Label>>,
    /// What runs know of the module, if there are many bodies to validate.
    facts: Facts,
}

impl<C: Client> Default for Scratch<C> {
    fn default() -> Self {
        Self {
            types: OperandTypes::default(),
            frames: Frames::default(),
            locals: Locals::default(),
            depths: Vec::new(),
            operands: Vec::new(),
            control: Vec::new(),
            facts: Facts::default(),
        }
    }
}

impl<C: Client> Scratch<C> {
    /// The same memory for a client of another type: of another lifetime, usually.
    pub fn for_client<D: Client<Operand = C::Operand, Label = C::Label>>(self) -> Scratch<D> {
        let Self { types, frames, locals, depths, operands, control, facts } = self;
        Scratch { types, frames, locals, depths, operands, control, facts }
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.types.size()
            + self.frames.size()
            + self.locals.size()
            + self.depths.capacity() * size_of::<u32>()
            + self.operands.capacity() * size_of::<C::Operand>()
            + self.control.capacity() * size_of::<ControlFrame<C::Label>>()
            + self.facts.size()
    }
}

impl<C: Client> fmt::Debug for Scratch<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Walks over the body of a function of the module, which must not be an import.
///
/// `CHECKED` validates the body. Without it, the caller promises that the body is valid. If it is not, the walk
/// ends with an error or calls the client with operands of wrong types, but never with stacks of wrong heights.
pub fn walk<C: Client, const CHECKED: bool>(
    cx: &WalkContext<'_>,
    func: FuncIdx,
    scratch: &mut Scratch<C>,
    client: &mut C,
) -> Result<(), WalkError<C::Error>> {
    let body = cx.module.body(func).ok_or_else(|| unknown("function body", func.0, WasmOffset(0)))?;
    let Some(bytes) = cx.bytes.get(..body.end as usize) else {
        return Err(unknown("function body", func.0, WasmOffset(body.start)).into());
    };
    let mut walk = Walk::<C, CHECKED> {
        cx,
        module: cx.module,
        reader: Reader::new(bytes, body.start as usize),
        offset: WasmOffset(body.start),
        client,
        stacks: mem::take(scratch),
        height: 0,
        unreachable: false,
        live: true,
        closed: Gates::closed(cx.features),
    };
    let result = walk.body(func);
    let max_height = walk.stacks.types.max_height() as u32;
    *scratch = walk.stacks;
    result.map_err(|error| error.in_func(func))?;
    client.finish(max_height).map_err(WalkError::Client)
}

struct Walk<'m, 's, C: Client, const CHECKED: bool> {
    cx: &'m WalkContext<'m>,
    module: &'m Module,
    reader: Reader<'m>,
    /// Where the current operator begins.
    offset: WasmOffset,
    client: &'s mut C,
    stacks: Scratch<C>,
    /// Where the current frame's operands begin on the stack of types.
    height: usize,
    /// Whether the current frame has operands of any type below its own.
    unreachable: bool,
    /// Whether the client follows.
    live: bool,
    /// The proposals that are switched off, as far as they concern operators of the table.
    closed: Gates,
}

impl<'m, C: Client, const CHECKED: bool> Walk<'m, '_, C, CHECKED> {
    /// Walks from the declarations of locals to the last `end`.
    fn body(&mut self, func: FuncIdx) -> Result<(), Error> {
        let slots = self.locals(func)?;
        let frame_slots = self.cx.limits.frame_slots.min(Limits::MAX_FRAME_SLOTS);
        let left = u64::from(frame_slots).checked_sub(slots);
        let Some(left) = left else {
            return Err(limit_error(slots, frame_slots.into(), "slots of a frame", self.offset));
        };
        let runs = CHECKED && !C::FOLLOWS;
        self.stacks.types.reset(left as usize, !runs);
        self.enter_function(func);
        if runs {
            self.run()?;
        } else {
            while !self.stacks.frames.is_empty() {
                self.operator()?;
            }
        }
        if !self.reader.is_at_end() {
            let message = "END opcode expected: operators behind the end of the function";
            return Err(Error::new(ErrorKind::Malformed, message, self.reader.offset()));
        }
        Ok(())
    }

    /// Reads the declarations of locals. Returns how many slots the locals and the linkage take.
    fn locals(&mut self, func: FuncIdx) -> Result<u64, Error> {
        let params = self.module.func_type(func).params();
        let locals = &mut self.stacks.locals;
        locals.reset(params);
        let mut slots = u64::from(Limits::LINKAGE_SLOTS);
        slots += params.iter().map(|ty| u64::from(ty.slots())).sum::<u64>();
        for _ in 0..self.reader.var_u32()? {
            let offset = self.reader.offset();
            let count = self.reader.var_u32()?;
            let total = u64::from(locals.len()) + u64::from(count);
            check_limit(total, self.cx.limits.locals.into(), "locals", offset)?;
            let ty = self.reader.val_type(self.cx.features)?;
            // The limit is a 32-bit number.
            locals.extend_to(total as u32, PackedType::new(ty));
            slots += u64::from(count) * u64::from(ty.slots());
        }
        self.stacks.locals.complete();
        Ok(slots)
    }

    /// Pushes the function's frame.
    fn enter_function(&mut self, func: FuncIdx) {
        self.stacks.operands.clear();
        self.stacks.control.clear();
        self.stacks.frames.reset();
        let ty = self.module.func_type(func);
        let mut label = None;
        if C::FOLLOWS {
            label = Some(self.client.enter(BodyContext { func, ty, locals: self.stacks.locals.len() }));
        }
        let ty = BlockType::Func(self.module.functions[func.index()]);
        self.push_frame(Frame::new(FrameKind::Function, ty, true, self.module), label);
    }

    /// Decodes, validates and hands on one operator.
    #[inline(always)]
    fn operator(&mut self) -> Result<(), Error> {
        self.offset = self.reader.offset();
        let opcode = self.reader.u8()?;
        let signature = &SIGNATURES[usize::from(opcode)];
        if self.follows() {
            if self.client.operator(self.offset, opcode) {
                self.look();
            }
            debug_assert_eq!(self.stacks.operands.len(), self.stacks.types.height(), "I-HEIGHT");
        }
        let height = (self.live && !self.unreachable, self.stacks.types.height());
        let result = match signature.class {
            Class::Unary(operator) => self.unary(operator, signature),
            Class::Binary(operator) => self.binary(operator, signature),
            Class::Load(operator) => self.load(operator, signature),
            Class::Store(operator) => self.store(operator, signature),
            Class::LocalGet => self.local_get(),
            Class::LocalSet => self.local_set(),
            Class::LocalTee => self.local_tee(),
            Class::I32Const => {
                let bits = self.reader.var_i32()? as u32;
                self.constant(PackedType::I32, bits.into())
            }
            Class::I64Const => {
                let bits = self.reader.var_i64()? as u64;
                self.constant(PackedType::I64, bits)
            }
            Class::End => self.end(),
            Class::Br => self.br(),
            Class::BrIf => self.br_if(),
            Class::Call => self.call(),
            class => self.other(class),
        };
        if cfg!(debug_assertions) && result.is_ok() {
            self.check_row(signature.class, height);
        }
        result
    }

    /// Shows the client the operands.
    #[cold]
    #[inline(never)]
    fn look(&mut self) {
        let Scratch { types, locals, operands, .. } = &self.stacks;
        self.client.look(View { types, locals }, operands);
    }

    /// Compares how the height has changed with what the operator's row says. (Dead code may run out of operands.)
    fn check_row(&self, class: Class, (live, before): (bool, usize)) {
        let (Class::Unary(operator)
        | Class::Binary(operator)
        | Class::Load(operator)
        | Class::Store(operator)) = class
        else {
            return;
        };
        let row = operator.row();
        let pops = match row.kind {
            Kind::Unary | Kind::Load => 1,
            Kind::Binary | Kind::Compare | Kind::Store => 2,
        };
        let pushes = usize::from(row.result.is_some());
        assert!(!live || self.stacks.types.height() + pops == before + pushes, "{}", row.text);
    }

    /// The operators that are less frequent.
    #[inline(never)]
    fn other(&mut self, class: Class) -> Result<(), Error> {
        match class {
            Class::Nop => Ok(()),
            Class::Unreachable => self.unreachable(),
            Class::Block => self.block(),
            Class::Loop => self.loop_(),
            Class::If => self.if_(),
            Class::Else => self.else_(),
            Class::BrTable => self.br_table(),
            Class::Return => self.return_(),
            Class::CallIndirect => self.call_indirect(),
            Class::ReturnCall => self.return_call(),
            Class::ReturnCallIndirect => self.return_call_indirect(),
            Class::Drop => self.drop(),
            Class::Select => self.select(),
            Class::SelectTyped => self.select_typed(),
            Class::GlobalGet => self.global_get(),
            Class::GlobalSet => self.global_set(),
            Class::TableGet => self.table_get(),
            Class::TableSet => self.table_set(),
            Class::MemorySize => self.memory_size(),
            Class::MemoryGrow => self.memory_grow(),
            Class::F32Const => self.f32_const(),
            Class::F64Const => self.f64_const(),
            Class::RefNull => self.ref_null(),
            Class::RefIsNull => self.ref_is_null(),
            Class::RefFunc => self.ref_func(),
            Class::PrefixFC => self.prefixed(),
            Class::Unsupported => {
                Err(disabled("illegal opcode: the proposal it belongs to is not supported", self.offset))
            }
            _ => {
                let opcode = self.cx.bytes[self.offset.0 as usize];
                Err(Error::new(ErrorKind::Malformed, format!("illegal opcode {opcode:02x}"), self.offset))
            }
        }
    }

    /// The operators behind the prefix 0xFC.
    fn prefixed(&mut self) -> Result<(), Error> {
        use crate::signature::SATURATING_SIGNATURES;
        let number = self.reader.var_u32()?;
        if self.follows() {
            self.client.prefixed(number);
        }
        match number {
            opcode @ 0..=7 => {
                let signature = &SATURATING_SIGNATURES[opcode as usize];
                match signature.class {
                    Class::Unary(operator) => self.unary(operator, signature),
                    _ => Err(Error::new(ErrorKind::Malformed, "illegal opcode", self.offset)),
                }
            }
            8 => self.memory_init(),
            9 => self.data_drop(),
            10 => self.memory_copy(),
            11 => self.memory_fill(),
            12 => self.table_init(),
            13 => self.elem_drop(),
            14 => self.table_copy(),
            15 => self.table_grow(),
            16 => self.table_size(),
            17 => self.table_fill(),
            opcode @ 19..=22 => self.wide(0xFC00 | opcode as u16),
            opcode => {
                Err(Error::new(ErrorKind::Malformed, format!("illegal opcode fc {opcode:02x}"), self.offset))
            }
        }
    }

    /// An operator of kind unary.
    #[inline(always)]
    fn unary(&mut self, operator: Operator, signature: &Signature) -> Result<(), Error> {
        self.check_gates(signature)?;
        if !self.stacks.types.replace_one::<CHECKED>(signature.a, signature.result) {
            self.pop(signature.a)?;
            self.push(signature.result)?;
        }
        if self.follows() {
            let a = self.take()?;
            let result = self.client.unary(operator, a, &mut self.stacks.operands);
            self.stacks.operands.push(result);
        }
        Ok(())
    }

    /// An operator of kind binary or compare.
    #[inline(always)]
    fn binary(&mut self, operator: Operator, signature: &Signature) -> Result<(), Error> {
        self.check_gates(signature)?;
        if !self.stacks.types.replace_two::<CHECKED>([signature.a, signature.b], signature.result) {
            self.pop(signature.b)?;
            self.pop(signature.a)?;
            self.push(signature.result)?;
        }
        if self.follows() {
            let b = self.take()?;
            let a = self.take()?;
            let result = self.client.binary(operator, a, b, &mut self.stacks.operands);
            self.stacks.operands.push(result);
        }
        Ok(())
    }

    #[inline(always)]
    fn check_gates(&self, signature: &Signature) -> Result<(), Error> {
        if CHECKED && signature.gates.intersects(self.closed) {
            return Err(self.gate_closed());
        }
        Ok(())
    }

    #[cold]
    fn gate_closed(&self) -> Error {
        disabled("illegal opcode: the proposal it belongs to is switched off", self.offset)
    }

    /// Checks that a proposal is switched on.
    fn require(&self, enabled: bool, message: &'static str) -> Result<(), Error> {
        if CHECKED { require(enabled, message, self.offset) } else { Ok(()) }
    }

    #[cold]
    fn unknown(&self, what: &str, index: u32) -> Error {
        unknown(what, index, self.offset)
    }

    #[cold]
    fn invalid(&self, message: &'static str) -> Error {
        Error::new(ErrorKind::Invalid, message, self.offset)
    }

    /// Whether the client is to be called.
    #[inline(always)]
    fn follows(&self) -> bool {
        C::FOLLOWS && self.live
    }

    // Operand types.

    /// Pushes a type.
    #[inline(always)]
    fn push(&mut self, ty: PackedType) -> Result<(), Error> {
        let pushed = if CHECKED && !C::FOLLOWS {
            self.stacks.types.push::<false>(ty, true)
        } else {
            self.stacks.types.push::<true>(ty, self.live)
        };
        match pushed {
            Ok(()) => Ok(()),
            Err(_) => Err(self.too_high()),
        }
    }

    #[cold]
    fn too_high(&self) -> Error {
        let limit = self.cx.limits.frame_slots.min(Limits::MAX_FRAME_SLOTS);
        limit_error(u64::from(limit) + 1, limit.into(), "slots of a frame", self.offset)
    }

    /// Pops an operand of a known type.
    #[inline(always)]
    fn pop(&mut self, expected: PackedType) -> Result<(), Error> {
        if self.stacks.types.pop_one::<CHECKED>(expected) {
            return Ok(());
        }
        self.pop_slow(Some(expected)).map(drop)
    }

    /// Pops an operand of any type.
    #[inline]
    fn pop_any(&mut self) -> Result<PackedType, Error> {
        match self.stacks.types.top() {
            Some(ty) if self.stacks.types.len() > self.height => {
                self.stacks.types.truncate(self.stacks.types.len() - 1);
                Ok(ty)
            }
            _ => self.pop_slow(None),
        }
    }

    /// Pops an operand the way the specification says it: the obvious version, for dead code and errors.
    #[cold]
    fn pop_slow(&mut self, expected: Option<PackedType>) -> Result<PackedType, Error> {
        let len = self.stacks.types.len();
        let found = self.stacks.types.top().filter(|_| len > self.height);
        let mismatch = |found: &dyn fmt::Display| {
            let message = match expected {
                Some(expected) => format!("type mismatch: expected {expected}, found {found}"),
                None => format!("type mismatch: expected an operand, found {found}"),
            };
            Error::new(ErrorKind::Invalid, message, self.offset)
        };
        match (found, expected) {
            (None, _) if self.unreachable => Ok(PackedType::BOTTOM),
            (None, _) => Err(mismatch(&"nothing")),
            (Some(found), Some(expected)) if CHECKED && found != expected && found != PackedType::BOTTOM => {
                Err(mismatch(&found))
            }
            (Some(found), _) => {
                self.stacks.types.truncate(len - 1);
                Ok(found)
            }
        }
    }

    /// Pops operands of known types, the last of which is on top.
    #[inline(always)]
    fn pop_list(&mut self, types: &[ValType]) -> Result<(), Error> {
        match types {
            [] => Ok(()),
            [ty] => self.pop(PackedType::new(*ty)),
            _ => self.pop_several(types),
        }
    }

    #[inline(never)]
    fn pop_several(&mut self, types: &[ValType]) -> Result<(), Error> {
        let fits = {
            let above = self.stacks.types.above(self.height);
            let equals = |(found, ty): (PackedType, &ValType)| found == PackedType::new(*ty);
            above.len() >= types.len() && (!CHECKED || above.rev().zip(types.iter().rev()).all(equals))
        };
        if fits {
            self.stacks.types.truncate(self.stacks.types.len() - types.len());
            return Ok(());
        }
        types.iter().rev().try_for_each(|&ty| self.pop(PackedType::new(ty)))
    }

    /// Pushes types in order.
    #[inline]
    fn push_list(&mut self, types: &[ValType]) -> Result<(), Error> {
        types.iter().try_for_each(|&ty| self.push(PackedType::new(ty)))
    }

    // The client's operands. To be used in live code only.

    /// Takes the operand on top.
    #[inline(always)]
    fn take(&mut self) -> Result<C::Operand, Error> {
        match self.stacks.operands.pop() {
            Some(operand) => Ok(operand),
            // I-HEIGHT: a type was popped just now, so there is an operand.
            None => Err(self.invalid("type mismatch")),
        }
    }

    /// Removes operands from the top.
    #[inline]
    fn discard(&mut self, count: usize) {
        let operands = &mut self.stacks.operands;
        operands.truncate(operands.len().saturating_sub(count));
    }

    /// Adds new operands.
    #[inline]
    fn push_fresh(&mut self, types: &[ValType]) {
        for &ty in types {
            let operand = self.client.fresh(ty, &self.stacks.operands);
            self.stacks.operands.push(operand);
        }
    }
}
