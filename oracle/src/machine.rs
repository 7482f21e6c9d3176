//! The machine: an instance, a stack and calls, executed one instruction at a time.

mod bulk;
mod control;
mod start;

use crate::{
    Module, Place, Value, ValueType,
    memory::{self, Memory},
    module::Instruction,
    numeric, region,
    table::Table,
};
use rotifer_core::{FuelCosts, TrapCode};
use wasmparser::Operator::{self, *};

/// How a machine behaves where the specification leaves it open.
#[derive(Clone, Debug)]
pub struct Options {
    /// What instructions cost.
    pub costs: FuelCosts,
    /// How deep calls can nest. A deeper one traps.
    pub max_call_depth: usize,
    /// Whether all NaNs that arithmetic makes are the canonical one.
    pub canonical_nans: bool,
    /// How large memories may become.
    pub max_memory_bytes: u64,
    /// How large tables may become.
    pub max_table_elements: u64,
    /// Whether growth beyond these limits traps.
    pub refused_growth_traps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            costs: FuelCosts::default(),
            max_call_depth: 10_000,
            canonical_nans: true,
            max_memory_bytes: 1 << 30,
            max_table_elements: 10_000_000,
            refused_growth_traps: false,
        }
    }
}

/// A host function failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostError;

/// Imported functions.
pub trait Host {
    /// Calls the imported function with this index and returns the bits of its results.
    ///
    /// # Errors
    /// The function fails, and with it the call that led to it.
    fn call(&mut self, import: u32, args: &[Value], fuel: &mut u64) -> Result<Vec<u64>, HostError>;
}

/// How a call ended, or why it stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It returned these results.
    Returned(Vec<Value>),
    /// It trapped.
    Trapped(TrapCode, Option<Place>),
    /// It cannot pay for what comes next. It can be resumed.
    OutOfFuel {
        /// What that costs.
        required: u64,
        /// Where it is.
        place: Place,
    },
    /// A host function failed.
    HostFailed,
}

/// An instance of a module, and the call that runs in it.
#[derive(Clone)]
pub struct Machine<'m> {
    module: &'m Module<'m>,
    options: Options,
    fuel: u64,
    memories: Vec<Memory>,
    tables: Vec<Table>,
    globals: Vec<u64>,
    /// Element segments; those that were dropped are empty.
    elements: Vec<Vec<u64>>,
    data: Vec<&'m [u8]>,
    /// Operands of all calls.
    stack: Vec<u64>,
    /// Calls, the innermost last.
    frames: Vec<Frame>,
    /// What the outermost call returns.
    results: Vec<ValueType>,
}

/// A call of a function of the module.
#[derive(Clone)]
struct Frame {
    func: u32,
    /// The next instruction.
    pc: usize,
    /// Where the region ends that was paid for. If nothing, a region begins at `pc`.
    paid_to: Option<usize>,
    locals: Vec<u64>,
    /// Open blocks, innermost last; the first is the function's body.
    labels: Vec<Label>,
}

/// A block that is being executed.
#[derive(Clone)]
struct Label {
    /// Where a branch goes.
    target: usize,
    is_loop: bool,
    /// How many values a branch takes along.
    arity: usize,
    /// How many values lie below the block's.
    height: usize,
}

/// Why a step was not made.
enum Stop {
    Trap(TrapCode),
    /// Of a length.
    OutOfFuel(u64),
    HostFailed,
}

impl From<TrapCode> for Stop {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

impl<'m> Machine<'m> {
    /// The fuel that is left.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Sets the fuel.
    pub fn set_fuel(&mut self, fuel: u64) {
        self.fuel = fuel;
    }

    /// The bytes of a memory.
    pub fn memory(&self, index: u32) -> &[u8] {
        &self.memories[index as usize].bytes
    }

    /// The value of a global.
    pub fn global(&self, index: u32) -> Value {
        Value::new(self.module.global_type(index), self.globals[index as usize])
    }

    /// The size of a table.
    pub fn table_size(&self, index: u32) -> usize {
        self.tables[index as usize].elements.len()
    }

    /// Calls a function. A call that was out of fuel is forgotten.
    pub fn call(&mut self, func: u32, args: &[u64], host: &mut dyn Host) -> Outcome {
        self.frames.clear();
        self.stack = args.to_vec();
        self.results = self.module.signature(func).results.clone();
        match self.enter(func, host) {
            Ok(()) => self.resume(host),
            Err(Stop::Trap(code)) => Outcome::Trapped(code, None),
            Err(_) => Outcome::HostFailed,
        }
    }

    /// Goes on with a call that was out of fuel.
    pub fn resume(&mut self, host: &mut dyn Host) -> Outcome {
        while !self.frames.is_empty() {
            if self.frame().paid_to.is_none()
                && let Err(outcome) = self.begin_region()
            {
                return outcome;
            }
            if let Err(stop) = self.step(host) {
                return self.stop(&stop);
            }
        }
        let values = self.results.iter().zip(self.stack.drain(..));
        Outcome::Returned(values.map(|(&ty, bits)| Value::new(ty, bits)).collect())
    }

    /// The calls that lead to the function where execution stopped, innermost first.
    pub fn callers(&self) -> Vec<Place> {
        let frames = self.frames.iter().rev().skip(1);
        // They go on behind their calls.
        frames.map(|frame| Self::place_of(frame, &self.code_of(frame)[frame.pc - 1])).collect()
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a function is running")
    }

    fn code_of(&self, frame: &Frame) -> &'m [Instruction<'m>] {
        &self.module.body(frame.func).code
    }

    fn place_of(frame: &Frame, instruction: &Instruction<'_>) -> Place {
        Place { func: frame.func, offset: instruction.offset }
    }

    /// "A region is charged when it begins, whole."
    fn begin_region(&mut self) -> Result<(), Outcome> {
        let frame = self.frames.last().expect("a function is running");
        let code = self.code_of(frame);
        let end = region::end(code, frame.pc);
        let region = &code[frame.pc..end];
        let required = region::cost(region, &self.options.costs);
        match self.fuel.checked_sub(required) {
            Some(left) => self.fuel = left,
            None => {
                let first = region::first(region, &self.options.costs)
                    .expect("what costs something has instructions");
                return Err(Outcome::OutOfFuel { required, place: Self::place_of(frame, first) });
            }
        }
        self.frame().paid_to = Some(end);
        Ok(())
    }

    /// Ends the call, unless it can be resumed. "A trap gives back what the region's instructions behind the
    /// trapping one cost."
    fn stop(&mut self, stop: &Stop) -> Outcome {
        // A function that ended with a tail call of the host has no frame.
        let Some(frame) = self.frames.last() else {
            return Outcome::HostFailed;
        };
        let code = self.code_of(frame);
        let place = Self::place_of(frame, &code[frame.pc]);
        match *stop {
            Stop::OutOfFuel(required) => Outcome::OutOfFuel { required, place },
            Stop::HostFailed => Outcome::HostFailed,
            Stop::Trap(trap) => {
                let paid_to = frame.paid_to.expect("what is executed was paid for");
                self.fuel += region::cost(&code[frame.pc + 1..paid_to], &self.options.costs);
                // What the embedder refuses is the embedder's error, which has no place.
                let is_refusal = trap == TrapCode::GrowthOperationLimited;
                Outcome::Trapped(trap, (!is_refusal).then_some(place))
            }
        }
    }

    /// Executes one instruction.
    fn step(&mut self, host: &mut dyn Host) -> Result<(), Stop> {
        let frame = self.frames.last().expect("a function is running");
        let instruction = &self.code_of(frame)[frame.pc];
        let operator = &instruction.operator;
        self.pay_for_length(operator)?;
        if self.simple(operator)? {
            let ends_region = region::ends_region(operator);
            let frame = self.frame();
            frame.pc += 1;
            if ends_region {
                frame.paid_to = None;
            }
            return Ok(());
        }
        self.control(instruction, host)
    }

    /// Executes an instruction behind which the next is executed, if this is one.
    fn simple(&mut self, operator: &Operator<'_>) -> Result<bool, TrapCode> {
        Ok(numeric::execute(operator, &mut self.stack, self.options.canonical_nans)?
            || memory::load(operator, &mut self.memories, &mut self.stack)?
            || memory::store(operator, &mut self.memories, &mut self.stack)?
            || self.constant(operator)
            || self.variable(operator)
            || self.reference(operator)?
            || self.bulk_memory(operator)?
            || self.bulk_table(operator)?)
    }

    fn pop(&mut self) -> u64 {
        self.stack.pop().expect("validation counted the operands")
    }

    /// The top `N` operands, the top one last.
    fn pop_all<const N: usize>(&mut self) -> [u64; N] {
        let operands = self.stack.split_off(self.stack.len() - N);
        operands.try_into().expect("there are so many")
    }

    fn constant(&mut self, operator: &Operator<'_>) -> bool {
        let value = match operator {
            I32Const { value } => u64::from(*value as u32),
            I64Const { value } => *value as u64,
            F32Const { value } => value.bits().into(),
            F64Const { value } => value.bits(),
            RefNull { .. } => 0,
            RefFunc { function_index } => u64::from(*function_index) + 1,
            _ => return false,
        };
        self.stack.push(value);
        true
    }

    fn variable(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Nop => {}
            Drop => {
                self.pop();
            }
            Select | TypedSelect { .. } => {
                let [a, b, condition] = self.pop_all();
                self.stack.push(if condition == 0 { b } else { a });
            }
            LocalGet { local_index } => {
                let value = self.frame().locals[local_index as usize];
                self.stack.push(value);
            }
            LocalSet { local_index } => {
                let value = self.pop();
                self.frame().locals[local_index as usize] = value;
            }
            LocalTee { local_index } => {
                let value = self.pop();
                self.frame().locals[local_index as usize] = value;
                self.stack.push(value);
            }
            GlobalGet { global_index } => self.stack.push(self.globals[global_index as usize]),
            GlobalSet { global_index } => self.globals[global_index as usize] = self.pop(),
            MemorySize { mem } => self.stack.push(self.memories[mem as usize].pages()),
            TableSize { table } => self.stack.push(self.table_size(table) as u64),
            DataDrop { data_index } => self.data[data_index as usize] = &[],
            ElemDrop { elem_index } => self.elements[elem_index as usize].clear(),
            _ => return false,
        }
        true
    }

    fn reference(&mut self, operator: &Operator<'_>) -> Result<bool, TrapCode> {
        match *operator {
            RefIsNull => {
                let is_null = self.pop() == 0;
                self.stack.push(is_null.into());
            }
            TableGet { table } => {
                let index = self.pop();
                let element = self.tables[table as usize].get(index);
                self.stack.push(element.ok_or(TrapCode::TableOutOfBounds)?);
            }
            TableSet { table } => {
                let [index, value] = self.pop_all();
                self.tables[table as usize].set(index, value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
