//! Blocks, branches and calls.

use super::{Frame, Host, Label, Machine, Stop};
use crate::{Value, module::Instruction};
use rotifer_core::TrapCode;
use wasmparser::{
    BlockType,
    Operator::{self, *},
};

/// How a function calls another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallKind {
    /// It goes on behind the call.
    Plain,
    /// It is over.
    Tail,
}

impl Machine<'_> {
    /// Executes an instruction that says where execution goes on.
    pub(super) fn control(&mut self, instruction: &Instruction<'_>, host: &mut dyn Host) -> Result<(), Stop> {
        let here = self.frame().pc;
        match &instruction.operator {
            Unreachable => return Err(TrapCode::UnreachableCodeReached.into()),
            Block { blockty } => {
                self.open(*blockty, instruction.end + 1, false);
                self.frame().pc += 1;
            }
            Loop { blockty } => {
                self.open(*blockty, here + 1, true);
                self.frame().pc += 1;
            }
            If { blockty } => {
                let condition = self.pop();
                self.open(*blockty, instruction.end + 1, false);
                // Without `else`, the other arm is empty: it begins at `end`.
                let other = instruction.else_.map_or(instruction.end, |else_| else_ + 1);
                self.go(if condition != 0 { here + 1 } else { other });
            }
            Else => {
                self.frame().labels.pop();
                self.go(instruction.end + 1);
            }
            End => {
                self.frame().labels.pop();
                self.frame().pc += 1;
                self.leave_if_done();
            }
            Br { relative_depth } => self.branch(*relative_depth),
            BrIf { relative_depth } => match self.pop() {
                0 => self.go(here + 1),
                _ => self.branch(*relative_depth),
            },
            BrTable { targets } => {
                let index = self.pop();
                self.branch(label(targets, index));
            }
            Return => {
                let outermost = self.frame().labels.len() - 1;
                self.branch(outermost as u32);
            }
            operator => self.call_operator(operator, host)?,
        }
        Ok(())
    }

    fn call_operator(&mut self, operator: &Operator<'_>, host: &mut dyn Host) -> Result<(), Stop> {
        match *operator {
            Call { function_index } => self.call_func(function_index, CallKind::Plain, host),
            ReturnCall { function_index } => self.call_func(function_index, CallKind::Tail, host),
            CallIndirect { type_index, table_index } => {
                let func = self.indirect(type_index, table_index)?;
                self.call_func(func, CallKind::Plain, host)
            }
            ReturnCallIndirect { type_index, table_index } => {
                let func = self.indirect(type_index, table_index)?;
                self.call_func(func, CallKind::Tail, host)
            }
            ref other => unreachable!("the oracle has no {other:?}"),
        }
    }

    /// Goes to an instruction that begins a region.
    fn go(&mut self, pc: usize) {
        let frame = self.frame();
        frame.pc = pc;
        frame.paid_to = None;
    }

    fn open(&mut self, ty: BlockType, target: usize, is_loop: bool) {
        let signature = self.module.block_signature(ty);
        let (params, results) = (signature.params.len(), signature.results.len());
        let height = self.stack.len() - params;
        let arity = if is_loop { params } else { results };
        self.frame().labels.push(Label { target, is_loop, arity, height });
    }

    fn branch(&mut self, depth: u32) {
        let labels = &mut self.frame().labels;
        let index = labels.len() - 1 - depth as usize;
        let label = labels[index].clone();
        // A loop is not left by a branch to it.
        labels.truncate(if label.is_loop { index + 1 } else { index });
        self.keep(label.arity, label.height);
        self.go(label.target);
        self.leave_if_done();
    }

    /// Drops operands down to `height`, but for the top `count`.
    fn keep(&mut self, count: usize, height: usize) {
        let kept = self.stack.split_off(self.stack.len() - count);
        self.stack.truncate(height);
        self.stack.extend(kept);
    }

    /// Returns to the caller if the function's last label is gone.
    fn leave_if_done(&mut self) {
        if self.frame().labels.is_empty() {
            self.frames.pop();
        }
    }

    fn indirect(&mut self, ty: u32, table: u32) -> Result<u32, TrapCode> {
        let index = self.pop();
        match self.tables[table as usize].get(index) {
            None => Err(TrapCode::UndefinedElement),
            Some(0) => Err(TrapCode::IndirectCallToNull),
            Some(reference) => {
                let func = (reference - 1) as u32;
                let is_right = *self.module.signature(func) == self.module.types[ty as usize];
                if is_right { Ok(func) } else { Err(TrapCode::BadSignature) }
            }
        }
    }

    fn call_func(&mut self, func: u32, kind: CallKind, host: &mut dyn Host) -> Result<(), Stop> {
        match kind {
            CallKind::Plain => {
                self.enter(func, host)?;
                // The callee, if it is not the host's, is the last frame now.
                let is_import = (func as usize) < self.module.imported_funcs().len();
                let caller = self.frames.len() - if is_import { 1 } else { 2 };
                let caller = &mut self.frames[caller];
                caller.pc += 1;
                caller.paid_to = None;
            }
            CallKind::Tail => {
                let params = self.module.signature(func).params.len();
                let height = self.frame().labels[0].height;
                self.keep(params, height);
                self.frames.pop();
                self.enter(func, host)?;
            }
        }
        Ok(())
    }

    /// Calls the host, or begins a function of the module. The arguments are on the stack.
    pub(super) fn enter(&mut self, func: u32, host: &mut dyn Host) -> Result<(), Stop> {
        let signature = self.module.signature(func);
        let height = self.stack.len() - signature.params.len();
        if (func as usize) < self.module.imported_funcs().len() {
            let args = signature.params.iter().zip(self.stack.drain(height..));
            let args: Vec<Value> = args.map(|(&ty, bits)| Value::new(ty, bits)).collect();
            let results = host.call(func, &args, &mut self.fuel).map_err(|_| Stop::HostFailed)?;
            self.stack.extend(results);
            return Ok(());
        }
        if self.frames.len() >= self.options.max_call_depth {
            return Err(TrapCode::StackOverflow.into());
        }
        let body = self.module.body(func);
        let mut locals = self.stack.split_off(height);
        locals.resize(locals.len() + body.locals, 0);
        let arity = signature.results.len();
        let label = Label { target: body.code.len(), is_loop: false, arity, height };
        self.frames.push(Frame { func, pc: 0, paid_to: None, locals, labels: vec![label] });
        Ok(())
    }
}

/// The label that a `br_table` selects.
fn label(targets: &wasmparser::BrTable<'_>, index: u64) -> u32 {
    let mut labels = targets.targets().map(|label| label.expect("validation has read it"));
    labels.nth(index as usize).unwrap_or(targets.default())
}
