//! `()`, the client that wants nothing: a walk with it only validates.

use crate::{BodyContext, BulkOp, Client, ControlFrame, ControlStack, MemArg};
use core::convert::Infallible;
use rotifer_bytecode::Operator;
use rotifer_core::{FuncIdx, FuncType, GlobalIdx, LocalIdx, MemIdx, TableIdx, TypeIdx, ValType, WasmOffset};

impl Client for () {
    type Operand = ();
    type Label = ();
    type Error = Infallible;

    const FOLLOWS: bool = false;

    #[inline(always)]
    fn enter(&mut self, _: BodyContext<'_>) {}

    #[inline(always)]
    fn operator(&mut self, _: WasmOffset, _: u8) -> bool {
        false
    }

    #[inline(always)]
    fn finish(&mut self, _: u32) -> Result<(), Infallible> {
        Ok(())
    }

    #[inline(always)]
    fn fresh(&mut self, _: ValType, _: &[()]) {}

    #[inline(always)]
    fn constant(&mut self, _: ValType, _: u64, _: &mut [()]) {}

    #[inline(always)]
    fn unary(&mut self, _: Operator, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn binary(&mut self, _: Operator, _: (), _: (), _: &mut [()]) {}

    #[inline(always)]
    fn wide(&mut self, _: u16, _: &mut [()]) {}

    #[inline(always)]
    fn select(&mut self, _: ValType, _: (), _: (), _: (), _: &mut [()]) {}

    #[inline(always)]
    fn drop(&mut self, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn local_get(&mut self, _: LocalIdx, _: ValType, _: &mut [()]) {}

    #[inline(always)]
    fn local_set(&mut self, _: LocalIdx, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn local_tee(&mut self, _: LocalIdx, _: ValType, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn global_get(&mut self, _: GlobalIdx, _: ValType, _: &mut [()]) {}

    #[inline(always)]
    fn global_set(&mut self, _: GlobalIdx, _: ValType, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn ref_is_null(&mut self, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn ref_func(&mut self, _: FuncIdx, _: &mut [()]) {}

    #[inline(always)]
    fn load(&mut self, _: Operator, _: MemArg, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn store(&mut self, _: Operator, _: MemArg, _: (), _: (), _: &mut [()]) {}

    #[inline(always)]
    fn memory_size(&mut self, _: MemIdx, _: &mut [()]) {}

    #[inline(always)]
    fn bulk(&mut self, _: BulkOp, _: &mut [()]) {}

    #[inline(always)]
    fn unreachable(&mut self, _: &mut [()]) {}

    #[inline(always)]
    fn block(&mut self, _: u32, _: &mut [()]) {}

    #[inline(always)]
    fn loop_(&mut self, _: u32, _: &mut [()]) {}

    #[inline(always)]
    fn if_(&mut self, _: (), _: u32, _: &mut ControlStack<()>, _: &mut [()]) {}

    #[inline(always)]
    fn else_(&mut self, _: &mut ControlFrame<()>, _: bool, _: &mut [()]) {}

    #[inline(always)]
    fn end(&mut self, _: &mut ControlFrame<()>, _: bool, _: &mut [()]) {}

    #[inline(always)]
    fn br(&mut self, _: u32, _: &mut ControlStack<()>, _: &mut [()]) {}

    #[inline(always)]
    fn br_if(&mut self, _: (), _: u32, _: &mut ControlStack<()>, _: &mut [()]) {}

    #[inline(always)]
    fn br_table(&mut self, _: (), _: &[u32], _: &mut ControlStack<()>, _: &mut [()]) {}

    #[inline(always)]
    fn return_(&mut self, _: &mut ControlStack<()>, _: &mut [()]) {}

    #[inline(always)]
    fn call(&mut self, _: FuncIdx, _: &FuncType, _: &mut [()]) {}

    #[inline(always)]
    fn call_indirect(&mut self, _: TypeIdx, _: &FuncType, _: TableIdx, _: (), _: &mut [()]) {}

    #[inline(always)]
    fn return_call(&mut self, _: FuncIdx, _: &FuncType, _: &mut [()]) {}

    #[inline(always)]
    fn return_call_indirect(&mut self, _: TypeIdx, _: &FuncType, _: TableIdx, _: (), _: &mut [()]) {}
}
