//! Suspended calls in terms of WebAssembly: taken apart into frames, and put together again, perhaps elsewhere.
//!
//! A frame is a function, the operator it stands at, and the values of its locals and operands. Which slots and which
//! cell those are is found by walking over the function's body again ([`Points`]).

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::{fmt, ptr::NonNull};
use rotifer_bytecode::{At, Point, PointKind, Points, Recipe, Wanted, Word};
use rotifer_core::{FuncIdx, Limits, ValType, WasmOffset};
use rotifer_validator::Error;

use super::{
    HostCall, MeterKind, Suspended,
    ctx::linkage::{self, Distance},
    suspend::State,
};
use crate::{
    code::ModuleCode,
    entity::{Func, Instance},
    store::{Handle, Store, WrongStore},
};

/// A frame of a suspended call. Values are slots; references lead into the call's store.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The function.
    pub func: FuncIdx,
    /// What it is about to do.
    pub kind: PointKind,
    /// The operator that it stands at.
    pub offset: WasmOffset,
    /// Types and values of the locals, parameters first.
    pub locals: Vec<(ValType, u64)>,
    /// Types and values of the operands, lowest first; those of the call that is being made are not among them.
    pub operands: Vec<(ValType, u64)>,
}

/// Why a suspended call cannot be taken apart.
#[derive(Debug)]
pub enum NotPortable {
    /// A frame belongs to another instance.
    OtherInstance,
    /// The call has returned but for its results.
    Returned,
    /// A function's body is invalid, though it runs: it was loaded unchecked.
    Invalid(Error),
    /// Nothing is known of the place: code that was loaded unchecked, and is not what validation accepts.
    Unknown,
}

impl fmt::Display for NotPortable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherInstance => f.write_str("a frame belongs to another instance"),
            Self::Returned => f.write_str("the call has returned but for its results"),
            Self::Invalid(error) => error.fmt(f),
            Self::Unknown => f.write_str("the code is not valid"),
        }
    }
}

impl core::error::Error for NotPortable {}

/// Where a frame stands, before it is known in terms of WebAssembly.
struct Outline {
    func: FuncIdx,
    kind: PointKind,
    at: At,
    /// The slot that it begins at.
    base: usize,
}

impl Suspended {
    /// The frames, innermost first, if all of them belong to `instance`; and how deep the outermost one is nested, 0 if
    /// there is none.
    ///
    /// # Errors
    /// The call cannot be told in terms of this instance's module.
    ///
    /// # Safety
    /// I-ENTITY, I-STORE: the call and the instance belong to a store that is borrowed.
    pub unsafe fn frames(&self, instance: NonNull<Instance>) -> Result<(Vec<Frame>, u32), NotPortable> {
        let state = &*self.0;
        if state.instance != instance || !state.cross.is_empty() {
            return Err(NotPortable::OtherInstance);
        }
        // SAFETY: promised by the caller.
        let module = unsafe { &instance.as_ref().module };
        // SAFETY: promised by the caller; I-SUSPEND: the frames are as the activation left them.
        let (outlines, depth) = unsafe { outlines(state, module) }?;
        let points = find_points(module, &outlines)?;
        let frames = outlines.iter().map(|outline| {
            let (locals, points) = points.get(&outline.func).ok_or(NotPortable::Unknown)?;
            let point = points.get(&(outline.kind, outline.at)).ok_or(NotPortable::Unknown)?;
            Ok(read_frame(state, outline, locals, point, module))
        });
        Ok((frames.collect::<Result<_, _>>()?, depth))
    }
}

/// Follows the linkage of the frames, innermost first. Gives the depth of the outermost, too.
///
/// # Safety
/// I-SUSPEND: the frames are those of a suspended call; all belong to an instance of the module.
unsafe fn outlines(state: &State, module: &Arc<ModuleCode>) -> Result<(Vec<Outline>, u32), NotPortable> {
    let (mut frames, mut depth) = (Vec::new(), 0);
    let (mut pc, mut base) = (state.pc, state.sp);
    let mut returning = state.host_call.is_some();
    while pc != module.stubs().host_exit() {
        let place = module.locate(pc, returning).ok_or(NotPortable::Unknown)?;
        let is_known = returning || state.at_bulk && frames.is_empty();
        let (kind, at) = match place.point {
            Some(point) if is_known => {
                let kind = if returning { PointKind::Call } else { PointKind::Bulk };
                (kind, At::Offset(point.offset))
            }
            None if is_known => return Err(NotPortable::Unknown),
            _ => (PointKind::Next, next_operator(module, place.func, place.position, state.owed)?),
        };
        frames.push(Outline { func: place.func, kind, at, base });
        let slot = module.module.func_type(place.func).param_slots() as u16;
        let sp = state.stack.base().wrapping_add(base);
        // SAFETY: I-FRAME, promised by the caller.
        unsafe {
            pc = linkage::return_pc(sp, slot);
            base -= linkage::bytes(sp, slot) / size_of::<u64>();
            depth = linkage::depth(sp, slot);
        }
        returning = true;
    }
    if frames.is_empty() && state.host_call.is_none() {
        return Err(NotPortable::Returned);
    }
    Ok((frames, depth))
}

/// The operator at which execution goes on at the cell at a position, where a region of this cost begins.
fn next_operator(module: &ModuleCode, func: FuncIdx, position: u32, owed: u32) -> Result<At, NotPortable> {
    let wanted = Wanted { kind: PointKind::Next, at: At::Cell(position), operands: None };
    let points = module.points(func, &[wanted]).map_err(NotPortable::Invalid)?.points;
    // Several regions can begin at one cell, where operators between them have no code. Of those that cost the same, which
    // is all if fuel is not counted, the last one says the same as the others.
    let exact = || points.iter().rev().find(|point| point.cost == owed);
    let any = || points.last();
    let point = exact().or_else(any).ok_or(NotPortable::Unknown)?;
    Ok(At::Offset(point.offset))
}

type FoundPoints = BTreeMap<(PointKind, At), Point>;

/// The points of the frames, by function, with the types of its locals.
fn find_points(
    module: &ModuleCode,
    outlines: &[Outline],
) -> Result<BTreeMap<FuncIdx, (Vec<ValType>, FoundPoints)>, NotPortable> {
    let mut wanted: BTreeMap<FuncIdx, Vec<Wanted>> = BTreeMap::new();
    for outline in outlines {
        let of = Wanted { kind: outline.kind, at: outline.at, operands: None };
        wanted.entry(outline.func).or_default().push(of);
    }
    let found = wanted.into_iter().map(|(func, mut wanted)| {
        wanted.sort_unstable();
        wanted.dedup();
        let Points { locals, points, .. } = module.points(func, &wanted).map_err(NotPortable::Invalid)?;
        let by_offset = points.into_iter().map(|point| ((point.kind, At::Offset(point.offset)), point));
        Ok((func, (locals, by_offset.collect())))
    });
    found.collect()
}

/// The bits of a value of this type in a slot, of which the others mean nothing.
pub fn bits_of(ty: ValType, slot: u64) -> u64 {
    match ty {
        ValType::I32 | ValType::F32 => u64::from(slot as u32),
        _ => slot,
    }
}

/// The value of an operand of this type, given the slots of its frame.
pub fn operand_value((ty, recipe): (ValType, Recipe), slot: impl Fn(u16) -> u64) -> u64 {
    let narrow = |at: u16| slot(at) as u32;
    let bits = match recipe {
        Recipe::Own(at) | Recipe::Local(at) => slot(at),
        Recipe::Const(bits) => bits,
        Recipe::Sum(a, b) => u64::from(narrow(a).wrapping_add(narrow(b))),
        Recipe::Displaced(a, imm) => u64::from(narrow(a).wrapping_add(imm)),
    };
    bits_of(ty, bits)
}

fn read_frame(
    state: &State,
    outline: &Outline,
    locals: &[ValType],
    point: &Point,
    module: &ModuleCode,
) -> Frame {
    let slot = |at: u16| state.stack.get(outline.base + usize::from(at));
    let params = module.module.func_type(outline.func).params().len() as u32;
    let local = |(index, &ty): (u32, &ValType)| {
        let is_zero = point.is_entry && index >= params;
        let at = Limits::local_slot(index, params) as u16;
        (ty, if is_zero { 0 } else { bits_of(ty, slot(at)) })
    };
    Frame {
        func: outline.func,
        kind: point.kind,
        offset: point.offset,
        locals: (0..).zip(locals).map(local).collect(),
        operands: point.operands.iter().map(|&operand| (operand.0, operand_value(operand, slot))).collect(),
    }
}

/// A frame that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewFrame<'a> {
    /// The function.
    pub func: FuncIdx,
    /// Where it stands.
    pub point: &'a Point,
    /// How many slots it has.
    pub slots: u32,
    /// The values of the locals, parameters first.
    pub locals: &'a [u64],
    /// The values of the operands, lowest first.
    pub operands: &'a [u64],
}

/// A call that is to be made as a suspended one.
#[derive(Clone, Debug)]
pub struct NewCall<'a> {
    /// Its frames, innermost first.
    pub frames: Vec<NewFrame<'a>>,
    /// How deep the outermost one is nested.
    pub depth: u32,
    /// The host function that has been called, with its arguments.
    pub host: Option<(Handle<Func>, &'a [u64])>,
}

/// Why a suspended call cannot be made.
#[derive(Debug)]
pub enum NewCallError {
    /// The instance belongs to another store.
    WrongStore,
    /// There is no room for its frames.
    StackOverflow,
    /// A function's body is invalid.
    Invalid(Error),
}

impl From<WrongStore> for NewCallError {
    fn from(_: WrongStore) -> Self {
        Self::WrongStore
    }
}

impl Store {
    /// Makes a suspended call of an instance's functions.
    ///
    /// # Errors
    /// There is no room for it.
    ///
    /// # Safety
    /// I-REF: values have the types of the locals and operands, and operands that are not in slots of their own the
    /// values that they have by their recipes. I-FRAME: points and numbers of slots are those of the functions in the
    /// instance's module; all frames but the innermost are at calls, and it, too, if and only if a host function was
    /// called; what a frame calls has the results of the frame or the host function above it.
    pub unsafe fn new_suspended(
        &mut self,
        instance: Handle<Instance>,
        call: &NewCall<'_>,
    ) -> Result<Suspended, NewCallError> {
        let instance = self.check(instance)?;
        let host =
            call.host.map(|(func, args)| Ok::<_, WrongStore>((self.check(func)?, args))).transpose()?;
        // Its pin is raised before code is looked for.
        let mut state = self.spare_call();
        // SAFETY: promised by the caller; I-ENTITY for the instance.
        match unsafe { fill(&mut state, instance, call, host, self) } {
            Ok(()) => Ok(Suspended(state)),
            Err(error) => {
                self.keep_spare_call(state);
                Err(error)
            }
        }
    }
}

/// # Safety
/// As for [`Store::new_suspended`].
unsafe fn fill(
    state: &mut Box<State>,
    instance: NonNull<Instance>,
    call: &NewCall<'_>,
    host: Option<(NonNull<Func>, &[u64])>,
    store: &Store,
) -> Result<(), NewCallError> {
    // SAFETY: I-ENTITY.
    let module = unsafe { &instance.as_ref().module };
    let stubs = module.stubs();
    let deepest = u64::from(call.depth) + (call.frames.len() as u64).saturating_sub(1);
    if deepest > state.stack.limits().max_depth as u64 {
        return Err(NewCallError::StackOverflow);
    }
    let (mut base, mut distance, mut next) = (0, 0, 0);
    let (mut pc, mut depth) = (stubs.host_exit(), call.depth);
    (state.acc, state.facc, state.lp, state.owed) = (0, 0, stubs.host_exit(), 0);
    (state.l0, state.fl0) = (0, 0);
    for frame in call.frames.iter().rev() {
        base = next;
        let bytes = frame.slots as usize * size_of::<u64>();
        state.stack.ensure(base, bytes).map_err(|_| NewCallError::StackOverflow)?;
        let first = module.translated(frame.func).map_err(NewCallError::Invalid)?;
        // SAFETY: promised by the caller; there is room for the frame.
        unsafe { write_frame(state, base, frame, module) };
        let slot = module.module.func_type(frame.func).param_slots() as u16;
        let sp = state.stack.base().wrapping_add(base);
        // SAFETY: I-FRAME: there is room for the frame.
        unsafe { linkage::write(sp, slot, pc, Distance { bytes: distance as u32, depth }) };
        pc = first.wrapping_add(frame.point.position as usize);
        registers(state, base, frame.point, first);
        next = base + usize::from(frame.point.frame);
        distance = usize::from(frame.point.frame) * size_of::<u64>();
        depth += 1;
    }
    state.host_call = None;
    state.at_bulk = call.frames.first().is_some_and(|frame| frame.point.kind == PointKind::Bulk);
    if let Some((func, args)) = host {
        // SAFETY: I-ENTITY.
        let slots = store.host_slots(unsafe { func.as_ref() }.host());
        state.stack.reserve(next + slots.max(args.len())).map_err(|_| NewCallError::StackOverflow)?;
        for (index, &arg) in args.iter().enumerate() {
            // SAFETY: I-REF: above the frames; promised by the caller.
            unsafe { state.stack.set(next + index, arg) };
        }
        state.host_call = Some(HostCall { func, base: next });
    } else if let Some(frame) = call.frames.first() {
        // Without fuel the host is asked as soon as the call goes on.
        let is_fuel = MeterKind::from(stubs.metering()) == MeterKind::Fuel;
        state.owed = if is_fuel { frame.point.cost } else { u32::from(!state.at_bulk) };
    }
    (state.pc, state.sp, state.instance) = (pc, base, instance);
    state.cross.clear();
    Ok(())
}

/// Gives the registers what the code at a point relies on.
fn registers(state: &mut State, base: usize, point: &Point, first: *const Word) {
    let mirrored = |slot: Option<u16>| slot.map_or(0, |slot| state.stack.get(base + usize::from(slot)));
    (state.acc, state.facc) = (mirrored(point.acc), mirrored(point.facc));
    if let Some(body) = point.loop_body {
        state.lp = first.wrapping_add(body as usize);
        // SAFETY: I-CODE: the loop's header is before what the register leads to, in code that is pinned.
        let header = unsafe { (*state.lp.sub(1)).operands };
        state.l0 = state.stack.get(base + usize::from(header.a));
        state.fl0 = state.stack.get(base + header.c as usize);
        if point.acc.is_none() {
            // What the loop carries, if control is at its start.
            state.acc = state.stack.get(base + usize::from(header.b));
        }
    }
}

/// Writes the values of a frame.
///
/// # Safety
/// I-REF, I-FRAME: the values are those of the function's locals and operands, and there is room for its frame at
/// `base`.
unsafe fn write_frame(state: &mut State, base: usize, frame: &NewFrame<'_>, module: &ModuleCode) {
    let params = module.module.func_type(frame.func).params().len() as u32;
    let locals = (0..).zip(frame.locals);
    let locals = locals.map(|(index, &value)| (Limits::local_slot(index, params) as usize, value));
    let operands = frame.operands.iter().zip(&frame.point.operands);
    let own = operands.filter_map(|(&value, &(_, recipe))| match recipe {
        Recipe::Own(slot) => Some((usize::from(slot), value)),
        _ => None,
    });
    for (slot, value) in locals.chain(own) {
        // SAFETY: promised by the caller.
        unsafe { state.stack.set(base + slot, value) };
    }
}
