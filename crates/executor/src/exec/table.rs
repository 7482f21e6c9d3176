//! The handler tables: for each op number the instance of the generic handler that executes it.
//!
//! A table is made on first use rather than in a constant: a static with thousands of addresses would have to
//! be relocated at every start of the program.

use alloc::{boxed::Box, vec};
use rotifer_bytecode::{
    BINARY_FORMS, CallPlace, DIVISION_FORMS, DIVISIONS, Destination, FIRST_SOURCES, HandlerAddr,
    HandlerTable, Kind, LATCH_COMPARES, LATCH_FORMS, LOAD_FORMS, NAN_BINARY, NAN_OPERATORS, OP_COUNT, OpCode,
    Operator, PLACED_CALLS, ReturnKind, SELECT_FORMS, STORE_FORMS, STREAM_OPS, Source, TRACKED_OPS, Target,
    UNARY_FORMS,
    semantics::{Binary, Compare, Load, Store, Unary, ops},
};

use super::{
    control, count,
    form::{A, I, S},
    fused::{LoadScaled, LoadShifted, SelectOp, fused},
    memory::{
        LoadAny, LoadDisplaced, LoadOp, LoadSum, StoreAny, StoreDisplaced, StoreOp, StoreSum, Tracked,
        Untracked, Writes,
    },
    meter::{Free, Meter, Metered},
    numeric::{
        self, AnyNan, BinaryOp, BranchOp, CanonicalNan, CompareOp, Division, DivisionOp, Latch, Nans, ToCell,
        ToLoop, UnaryOp,
    },
    regs::Dispatcher,
    stream::streams,
};

fn unary<D: Dispatcher, O: Unary, N: Nans>() -> [HandlerAddr; 4] {
    [
        D::addr::<UnaryOp<O, S, S, N>>(),
        D::addr::<UnaryOp<O, S, A, N>>(),
        D::addr::<UnaryOp<O, A, S, N>>(),
        D::addr::<UnaryOp<O, A, A, N>>(),
    ]
}

/// Applies `$op` to all forms of two sources, in the order of `BINARY_SOURCES`.
macro_rules! by_sources {
    ($one:ident) => {
        [$one!(S, S), $one!(S, I), $one!(I, S), $one!(S, A), $one!(A, S), $one!(A, I), $one!(I, A)]
    };
}

fn binary<D: Dispatcher, O: Binary, N: Nans>() -> [[HandlerAddr; 2]; 7] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [D::addr::<BinaryOp<O, $l, $r, S, N>>(), D::addr::<BinaryOp<O, $l, $r, A, N>>()]
        };
    }
    by_sources!(forms)
}

fn compare<D: Dispatcher, O: Compare>() -> [[HandlerAddr; 2]; 7] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [D::addr::<CompareOp<O, $l, $r, S>>(), D::addr::<CompareOp<O, $l, $r, A>>()]
        };
    }
    by_sources!(forms)
}

fn branch<D: Dispatcher, O: Compare, M: Meter>() -> [[HandlerAddr; 4]; 7] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [
                D::addr::<BranchOp<O, $l, $r, ToCell, M, false>>(),
                D::addr::<BranchOp<O, $l, $r, ToLoop, M, false>>(),
                D::addr::<BranchOp<O, $l, $r, ToCell, M, true>>(),
                D::addr::<BranchOp<O, $l, $r, ToLoop, M, true>>(),
            ]
        };
    }
    by_sources!(forms)
}

fn load<D: Dispatcher, O: Load>() -> [HandlerAddr; LOAD_FORMS as usize] {
    [
        D::addr::<LoadOp<O, S, S>>(),
        D::addr::<LoadOp<O, S, A>>(),
        D::addr::<LoadOp<O, A, S>>(),
        D::addr::<LoadOp<O, A, A>>(),
        D::addr::<LoadAny<O>>(),
        D::addr::<LoadSum<O, S, S>>(),
        D::addr::<LoadSum<O, S, A>>(),
        D::addr::<LoadSum<O, A, S>>(),
        D::addr::<LoadSum<O, A, A>>(),
        D::addr::<LoadDisplaced<O, S, S>>(),
        D::addr::<LoadDisplaced<O, S, A>>(),
        D::addr::<LoadDisplaced<O, A, S>>(),
        D::addr::<LoadDisplaced<O, A, A>>(),
        D::addr::<LoadScaled<O, S, S>>(),
        D::addr::<LoadScaled<O, S, A>>(),
        D::addr::<LoadScaled<O, A, S>>(),
        D::addr::<LoadScaled<O, A, A>>(),
        D::addr::<LoadShifted<O, S, S>>(),
        D::addr::<LoadShifted<O, S, A>>(),
        D::addr::<LoadShifted<O, A, S>>(),
        D::addr::<LoadShifted<O, A, A>>(),
    ]
}

fn store<D: Dispatcher, O: Store, W: Writes>() -> [HandlerAddr; STORE_FORMS as usize] {
    [
        D::addr::<StoreOp<O, S, S, W>>(),
        D::addr::<StoreOp<O, S, I, W>>(),
        D::addr::<StoreOp<O, S, A, W>>(),
        D::addr::<StoreOp<O, A, S, W>>(),
        D::addr::<StoreOp<O, A, I, W>>(),
        D::addr::<StoreAny<O, W>>(),
        D::addr::<StoreSum<O, S, W>>(),
        D::addr::<StoreSum<O, I, W>>(),
        D::addr::<StoreSum<O, A, W>>(),
        D::addr::<StoreDisplaced<O, S, W>>(),
        D::addr::<StoreDisplaced<O, A, W>>(),
    ]
}

fn latch<D: Dispatcher, O: Compare, M: Meter>() -> [HandlerAddr; LATCH_FORMS as usize] {
    macro_rules! all {
        ($( $l:ident, $r:ident; )*) => {
            [$(
                D::addr::<Latch<O, $l, $r, ToCell, M, false>>(),
                D::addr::<Latch<O, $l, $r, ToLoop, M, false>>(),
                D::addr::<Latch<O, $l, $r, ToCell, M, true>>(),
                D::addr::<Latch<O, $l, $r, ToLoop, M, true>>(),
            )*]
        };
    }
    // The order of `LATCH_SOURCES`.
    all! { I, S; I, I; S, S; }
}

fn pinned<D: Dispatcher, O: Compare, M: Meter>() -> [HandlerAddr; LATCH_FORMS as usize / 2] {
    macro_rules! all {
        ($( $l:ident, $r:ident; )*) => {
            [$(
                D::addr::<Latch<O, $l, $r, ToLoop, M, false, true>>(),
                D::addr::<Latch<O, $l, $r, ToLoop, M, true, true>>(),
            )*]
        };
    }
    // The order of `LATCH_SOURCES`.
    all! { I, S; I, I; S, S; }
}

/// In the order of `FIRST_SOURCES`.
fn select<D: Dispatcher, O: Compare>() -> [HandlerAddr; SELECT_FORMS as usize] {
    [
        D::addr::<SelectOp<O, S, S>>(),
        D::addr::<SelectOp<O, S, I>>(),
        D::addr::<SelectOp<O, A, S>>(),
        D::addr::<SelectOp<O, A, I>>(),
    ]
}

fn division<D: Dispatcher, O: Division>() -> [HandlerAddr; DIVISION_FORMS as usize] {
    [
        D::addr::<DivisionOp<O, S, S>>(),
        D::addr::<DivisionOp<O, S, A>>(),
        D::addr::<DivisionOp<O, A, S>>(),
        D::addr::<DivisionOp<O, A, A>>(),
    ]
}

/// The divisions by a constant, in the order of `DIVISIONS`.
fn divisions<D: Dispatcher>() -> [[HandlerAddr; DIVISION_FORMS as usize]; DIVISIONS.len()] {
    [
        division::<D, numeric::DivS32>(),
        division::<D, numeric::DivU32>(),
        division::<D, numeric::RemS32>(),
        division::<D, numeric::RemU32>(),
        division::<D, numeric::DivS64>(),
        division::<D, numeric::DivU64>(),
        division::<D, numeric::RemS64>(),
        division::<D, numeric::RemU64>(),
    ]
}

/// Applies a function to the compares of integers, in the order of the table.
macro_rules! by_compares {
    ($make:ident $(, $more:ident)*) => {
        [
            $make::<D, ops::I32Eq $(, $more)*>(),
            $make::<D, ops::I32Ne $(, $more)*>(),
            $make::<D, ops::I32LtS $(, $more)*>(),
            $make::<D, ops::I32LtU $(, $more)*>(),
            $make::<D, ops::I32GtS $(, $more)*>(),
            $make::<D, ops::I32GtU $(, $more)*>(),
            $make::<D, ops::I32LeS $(, $more)*>(),
            $make::<D, ops::I32LeU $(, $more)*>(),
            $make::<D, ops::I32GeS $(, $more)*>(),
            $make::<D, ops::I32GeU $(, $more)*>(),
            $make::<D, ops::I64Eq $(, $more)*>(),
            $make::<D, ops::I64Ne $(, $more)*>(),
            $make::<D, ops::I64LtS $(, $more)*>(),
            $make::<D, ops::I64LtU $(, $more)*>(),
            $make::<D, ops::I64GtS $(, $more)*>(),
            $make::<D, ops::I64GtU $(, $more)*>(),
            $make::<D, ops::I64LeS $(, $more)*>(),
            $make::<D, ops::I64LeU $(, $more)*>(),
            $make::<D, ops::I64GeS $(, $more)*>(),
            $make::<D, ops::I64GeU $(, $more)*>(),
        ]
    };
}

/// The latches, by compare.
fn latches<D: Dispatcher, M: Meter>() -> [[HandlerAddr; LATCH_FORMS as usize]; LATCH_COMPARES as usize] {
    by_compares!(latch, M)
}

/// The latches whose local is pinned, by compare.
fn pinned_latches<D: Dispatcher, M: Meter>()
-> [[HandlerAddr; LATCH_FORMS as usize / 2]; LATCH_COMPARES as usize] {
    by_compares!(pinned, M)
}

/// The selects, by compare.
fn selects<D: Dispatcher>() -> [[HandlerAddr; SELECT_FORMS as usize]; LATCH_COMPARES as usize] {
    by_compares!(select)
}

macro_rules! define {
    (
        unary { $( #[doc = $ud:literal] $uo:literal $ut:literal $U:ident: ($ua:ty) -> $ur:ty = $uf:expr; )* }
        unary_try { $( #[doc = $vd:literal] $vo:literal $vt:literal $V:ident: ($va:ty) -> $vr:ty = $vf:expr; )* }
        binary { $( #[doc = $bd:literal] $bo:literal $bt:literal $B:ident: ($ba:ty, $bb:ty) -> $br:ty = $bf:expr; )* }
        binary_try { $( #[doc = $dd:literal] $do:literal $dt:literal $D:ident: ($da:ty, $db:ty) -> $dr:ty = $df:expr; )* }
        compare { $( #[doc = $cd:literal] $co:literal $ct:literal $C:ident: ($ca:ty, $cb:ty) = $cf:expr; )* }
        load { $( #[doc = $ld:literal] $lo:literal $lt:literal $L:ident: ($lm:ty) -> $lr:ty = $lf:expr; )* }
        store { $( #[doc = $sd:literal] $so:literal $st:literal $S:ident: ($sv:ty) -> $sm:ty = $sf:expr; )* }
    ) => {
        fn operators<X: Dispatcher>(put: &mut impl FnMut(&[HandlerAddr])) {
            $( put(&unary::<X, ops::$U, AnyNan>()); )*
            $( put(&unary::<X, ops::$V, AnyNan>()); )*
            $( put(binary::<X, ops::$B, AnyNan>().as_flattened()); )*
            $( put(binary::<X, ops::$D, AnyNan>().as_flattened()); )*
            $( put(compare::<X, ops::$C>().as_flattened()); put(branch::<X, ops::$C, Free>().as_flattened()); )*
            $( put(&load::<X, ops::$L>()); )*
            $( put(&store::<X, ops::$S, Untracked>()); )*
        }

        fn tracked_stores<X: Dispatcher>(put: &mut impl FnMut(&[HandlerAddr])) {
            $( put(&store::<X, ops::$S, Tracked>()); )*
        }

        fn metered_branches<X: Dispatcher>(put: &mut impl FnMut(&[HandlerAddr])) {
            $( put(branch::<X, ops::$C, Metered>().as_flattened()); )*
        }
    };
}

rotifer_bytecode::for_each_operator!(define);

/// Makes the table of a dispatcher, with handlers for what this CPU has if `by_cpu`.
///
/// It is filled where it stays: copies on the stack would be memory that a process keeps.
pub(crate) fn build<D: Dispatcher>(by_cpu: bool) -> Box<HandlerTable> {
    let unknown = vec![HandlerAddr(core::ptr::null()); OP_COUNT].into_boxed_slice();
    let mut table = Table(unknown.try_into().expect("the length is that of a table"));
    // The ops of operators come first, in the order of the table.
    let mut next = 0;
    operators::<D>(&mut |handlers: &[HandlerAddr]| {
        table.0[next..next + handlers.len()].copy_from_slice(handlers);
        next += handlers.len();
    });
    control::special::<D>(&mut |op, handler| table.put(op, handler));
    fused::<D>(&mut |op, handler| table.put(op, handler));
    let returns = control::returns::<D, Free>().into_iter().zip(control::returns::<D, Metered>());
    for (kind, (free, metered)) in ReturnKind::ALL.into_iter().zip(returns) {
        for (slot, twins) in free.into_iter().zip(metered).enumerate() {
            table.put_twins(OpCode::return_(kind, slot as u16), twins);
        }
    }
    let calls = control::placed_calls::<D, Free>().into_iter().zip(control::placed_calls::<D, Metered>());
    for (call, (free, metered)) in PLACED_CALLS.into_iter().zip(calls) {
        for (place, twins) in CallPlace::ALL.into_iter().zip(free.into_iter().zip(metered)) {
            table.put_twins(OpCode::call(call, place), twins);
        }
    }
    let compares = Operator::ALL.iter().filter(|operator| operator.row().kind == Kind::Compare);
    let latches = latches::<D, Free>().into_iter().zip(latches::<D, Metered>());
    for (&compare, (free, metered)) in compares.clone().zip(latches) {
        let first = OpCode::latch(compare, Source::Imm, Source::Slot, false, Destination::Cell);
        for (form, twins) in free.into_iter().zip(metered).enumerate() {
            let first = first.expect("the first compares are those of latches");
            table.put_twins(OpCode(first.0 + form as u16), twins);
        }
    }
    for (&compare, handlers) in compares.clone().zip(selects::<D>()) {
        for (sources, handler) in FIRST_SOURCES.into_iter().zip(handlers) {
            table.put(
                OpCode::select(compare, sources).expect("the first compares are those of selects"),
                handler,
            );
        }
    }
    for (operator, handlers) in DIVISIONS.into_iter().zip(divisions::<D>()) {
        let first = OpCode::division(operator, Source::Slot, Target::Slot).expect("it is one of them");
        for (form, handler) in handlers.into_iter().enumerate() {
            table.put(OpCode(first.0 + form as u16), handler);
        }
    }
    let loops = (0..OP_COUNT as u16).filter_map(|number| OpCode(number).pinned());
    let latches = pinned_latches::<D, Free>().into_iter().zip(pinned_latches::<D, Metered>());
    let latches = latches.flat_map(|(free, metered)| free.into_iter().zip(metered));
    for (op, twins) in loops.zip(latches) {
        table.put_twins(op, twins);
    }
    let mut compares = compares;
    metered_branches::<D>(&mut |handlers: &[HandlerAddr]| {
        let compare = *compares.next().expect("there are as many compares as rows");
        let first = OpCode::branch(compare, Source::Slot, Source::Slot, false, Destination::Cell);
        for (form, handler) in handlers.iter().enumerate() {
            table.put_twin(OpCode(first.0 + form as u16), *handler);
        }
    });
    // The twins that make NaNs canonical, those that track writes and the streams come last.
    let mut next = OP_COUNT - CANONICAL_OPS - TRACKED_OPS - STREAM_OPS;
    let mut put = |handlers: &[HandlerAddr]| {
        table.0[next..next + handlers.len()].copy_from_slice(handlers);
        next += handlers.len();
    };
    canonical::<D>(&mut put);
    tracked_stores::<D>(&mut put);
    for (place, handler) in table.0[OP_COUNT - STREAM_OPS..].iter_mut().zip(streams::<D>()) {
        *place = handler;
    }
    if by_cpu {
        put_for_cpu::<D>(&mut table);
    }
    assert!(table.0.iter().all(|handler| !handler.0.is_null()), "every op has a handler");
    for (number, handler) in table.0.iter_mut().enumerate() {
        *handler = count::tag(OpCode(number as u16), *handler);
    }
    table.0
}

/// The operators whose handlers exist a second time, for what the CPU has ([`super::cpu`]).
macro_rules! by_cpu {
    ($callback:ident) => {
        $callback! {
            I32Ctz I32Popcnt I64Ctz I64Popcnt
            F32Ceil F32Floor F32Trunc F32Nearest F64Ceil F64Floor F64Trunc F64Nearest
        }
    };
}

/// Replaces the handlers that exist for what this CPU has.
fn put_for_cpu<D: Dispatcher>(table: &mut Table) {
    macro_rules! all {
        ($( $name:ident )*) => {$(
            let handlers = [
                D::addr_for_cpu::<UnaryOp<ops::$name, S, S>>(),
                D::addr_for_cpu::<UnaryOp<ops::$name, S, A>>(),
                D::addr_for_cpu::<UnaryOp<ops::$name, A, S>>(),
                D::addr_for_cpu::<UnaryOp<ops::$name, A, A>>(),
            ];
            let first = OpCode::unary(Operator::$name, Source::Slot, Target::Slot);
            for (form, handler) in handlers.into_iter().enumerate() {
                table.put(OpCode(first.0 + form as u16), handler);
            }
        )*};
    }
    by_cpu!(all);
}

const CANONICAL_OPS: usize =
    (NAN_BINARY * BINARY_FORMS + (NAN_OPERATORS.len() as u16 - NAN_BINARY) * UNARY_FORMS) as usize;

/// The handlers of [`NAN_OPERATORS`] that give the canonical NaN.
fn canonical<D: Dispatcher>(put: &mut impl FnMut(&[HandlerAddr])) {
    macro_rules! all {
        ($( $make:ident $name:ident; )*) => {
            // The order of the list that the numbers are made from.
            const _: () = {
                let names = [$( Operator::$name ),*];
                let mut i = 0;
                while i < names.len() {
                    assert!(names[i] as u8 == NAN_OPERATORS[i] as u8);
                    i += 1;
                }
            };
            $( put($make::<D, ops::$name, CanonicalNan>().as_flat()); )*
        };
    }
    all! {
        binary F32Add; binary F32Sub; binary F32Mul; binary F32Div;
        binary F64Add; binary F64Sub; binary F64Mul; binary F64Div;
        unary F32DemoteF64; unary F64PromoteF32;
    }
}

/// Handlers in an array, or in an array of arrays.
trait Flat {
    fn as_flat(&self) -> &[HandlerAddr];
}

impl<const N: usize> Flat for [HandlerAddr; N] {
    fn as_flat(&self) -> &[HandlerAddr] {
        self
    }
}

impl<const M: usize, const N: usize> Flat for [[HandlerAddr; M]; N] {
    fn as_flat(&self) -> &[HandlerAddr] {
        self.as_flattened()
    }
}

/// A table that is being filled.
struct Table(Box<HandlerTable>);

impl Table {
    fn put(&mut self, op: OpCode, handler: HandlerAddr) {
        self.0[op.0 as usize] = handler;
    }

    fn put_twin(&mut self, op: OpCode, handler: HandlerAddr) {
        self.put(op.metered().expect("the op has a metered twin"), handler);
    }

    fn put_twins(&mut self, op: OpCode, (free, metered): (HandlerAddr, HandlerAddr)) {
        self.put(op, free);
        self.put_twin(op, metered);
    }
}
