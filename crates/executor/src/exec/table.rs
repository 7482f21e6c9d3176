//! The handler tables: for each op number the instance of the generic handler that executes it.
//!
//! A table is made on first use rather than in a constant: a static with thousands of addresses would have to
//! be relocated at every start of the program.

use rotifer_bytecode::{
    HandlerAddr, HandlerTable, LATCH_COMPARES, LATCH_FORMS, OP_COUNT, OpCode, ReturnKind,
    semantics::{Binary, Compare, Load, Store, Unary, ops},
};

use super::{
    control,
    form::{A, I, S},
    memory::{LoadAny, LoadOp, LoadSum, StoreAny, StoreOp, StoreSum},
    numeric::{BinaryOp, BranchOp, CompareOp, Latch, ToCell, ToLoop, UnaryOp},
    regs::Dispatcher,
};

fn unary<D: Dispatcher, O: Unary>() -> [HandlerAddr; 4] {
    [
        D::addr::<UnaryOp<O, S, S>>(),
        D::addr::<UnaryOp<O, S, A>>(),
        D::addr::<UnaryOp<O, A, S>>(),
        D::addr::<UnaryOp<O, A, A>>(),
    ]
}

/// Applies `$op` to all forms of two sources, in the order of `BINARY_SOURCES`.
macro_rules! by_sources {
    ($one:ident) => {
        [$one!(S, S), $one!(S, I), $one!(I, S), $one!(S, A), $one!(A, S), $one!(A, I), $one!(I, A)]
    };
}

fn binary<D: Dispatcher, O: Binary>() -> [[HandlerAddr; 2]; 7] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [D::addr::<BinaryOp<O, $l, $r, S>>(), D::addr::<BinaryOp<O, $l, $r, A>>()]
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

fn branch<D: Dispatcher, O: Compare>() -> [[HandlerAddr; 4]; 7] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [
                D::addr::<BranchOp<O, $l, $r, ToCell, false>>(),
                D::addr::<BranchOp<O, $l, $r, ToLoop, false>>(),
                D::addr::<BranchOp<O, $l, $r, ToCell, true>>(),
                D::addr::<BranchOp<O, $l, $r, ToLoop, true>>(),
            ]
        };
    }
    by_sources!(forms)
}

fn load<D: Dispatcher, O: Load>() -> [HandlerAddr; 9] {
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
    ]
}

fn store<D: Dispatcher, O: Store>() -> [HandlerAddr; 9] {
    [
        D::addr::<StoreOp<O, S, S>>(),
        D::addr::<StoreOp<O, S, I>>(),
        D::addr::<StoreOp<O, S, A>>(),
        D::addr::<StoreOp<O, A, S>>(),
        D::addr::<StoreOp<O, A, I>>(),
        D::addr::<StoreAny<O>>(),
        D::addr::<StoreSum<O, S>>(),
        D::addr::<StoreSum<O, I>>(),
        D::addr::<StoreSum<O, A>>(),
    ]
}

fn latch<D: Dispatcher, O: Compare>() -> [HandlerAddr; LATCH_FORMS as usize] {
    [
        D::addr::<Latch<O, S, ToCell, false>>(),
        D::addr::<Latch<O, S, ToLoop, false>>(),
        D::addr::<Latch<O, S, ToCell, true>>(),
        D::addr::<Latch<O, S, ToLoop, true>>(),
        D::addr::<Latch<O, I, ToCell, false>>(),
        D::addr::<Latch<O, I, ToLoop, false>>(),
        D::addr::<Latch<O, I, ToCell, true>>(),
        D::addr::<Latch<O, I, ToLoop, true>>(),
    ]
}

/// The latches, for the i32 compares in the order of the table.
fn latches<D: Dispatcher>() -> [[HandlerAddr; LATCH_FORMS as usize]; LATCH_COMPARES as usize] {
    [
        latch::<D, ops::I32Eq>(),
        latch::<D, ops::I32Ne>(),
        latch::<D, ops::I32LtS>(),
        latch::<D, ops::I32LtU>(),
        latch::<D, ops::I32GtS>(),
        latch::<D, ops::I32GtU>(),
        latch::<D, ops::I32LeS>(),
        latch::<D, ops::I32LeU>(),
        latch::<D, ops::I32GeS>(),
        latch::<D, ops::I32GeU>(),
    ]
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
            $( put(&unary::<X, ops::$U>()); )*
            $( put(&unary::<X, ops::$V>()); )*
            $( put(binary::<X, ops::$B>().as_flattened()); )*
            $( put(binary::<X, ops::$D>().as_flattened()); )*
            $( put(compare::<X, ops::$C>().as_flattened()); put(branch::<X, ops::$C>().as_flattened()); )*
            $( put(&load::<X, ops::$L>()); )*
            $( put(&store::<X, ops::$S>()); )*
        }
    };
}

rotifer_bytecode::for_each_operator!(define);

/// Makes the table of a dispatcher.
pub(crate) fn build<D: Dispatcher>() -> HandlerTable {
    let mut table = [HandlerAddr(core::ptr::null()); OP_COUNT];
    let mut next = 0;
    operators::<D>(&mut |handlers: &[HandlerAddr]| {
        table[next..next + handlers.len()].copy_from_slice(handlers);
        next += handlers.len();
    });
    control::special::<D>(&mut |op, handler| {
        let OpCode(number) = op.code();
        table[number as usize] = handler;
        next += 1;
    });
    for (kind, handlers) in ReturnKind::ALL.into_iter().zip(control::returns::<D>()) {
        for (slot, handler) in handlers.into_iter().enumerate() {
            table[OpCode::return_(kind, slot as u16).0 as usize] = handler;
            next += 1;
        }
    }
    // They come last.
    for handler in latches::<D>().as_flattened() {
        table[next] = *handler;
        next += 1;
    }
    assert_eq!(next, OP_COUNT, "every op has a handler");
    table
}
