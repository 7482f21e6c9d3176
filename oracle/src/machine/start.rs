//! Instantiation.

use super::{Machine, Options};
use crate::{
    Module, ValueType,
    memory::Memory,
    module::{Element, SegmentKind},
    numeric,
    table::Table,
};
use rotifer_core::TrapCode;
use wasmparser::{ConstExpr, Operator};

impl<'m> Machine<'m> {
    /// Makes an instance, except that the start function is not called. Imported memories and tables have the
    /// size that they need, imported globals the value of [`Machine::imported_global`].
    ///
    /// # Errors
    /// An active segment does not fit.
    pub fn new(module: &'m Module<'m>, options: Options, fuel: u64) -> Result<Self, TrapCode> {
        let mut machine = Self {
            module,
            options,
            fuel,
            memories: module.memories.iter().map(|&ty| Memory::new(ty)).collect(),
            tables: vec![],
            globals: vec![],
            elements: vec![],
            data: module.data.iter().map(|data| data.1).collect(),
            stack: vec![],
            frames: vec![],
            results: vec![],
        };
        for global in &module.globals {
            let value = match &global.init {
                Some(init) => machine.evaluate(init),
                None => Self::imported_global(ValueType::of(global.ty.content_type)),
            };
            machine.globals.push(value);
        }
        for table in &module.tables {
            let init = table.init.as_ref().map_or(0, |init| machine.evaluate(init));
            machine.tables.push(Table::new(table.ty, init));
        }
        for (_, elements) in &module.elements {
            let elements = elements.iter().map(|element| match element {
                Element::Func(func) => u64::from(*func) + 1,
                Element::Expr(expr) => machine.evaluate(expr),
            });
            let elements = elements.collect();
            machine.elements.push(elements);
        }
        machine.init()?;
        Ok(machine)
    }

    /// The bits that an imported global has.
    pub fn imported_global(ty: ValueType) -> u64 {
        match ty {
            ValueType::I32 | ValueType::I64 => 7,
            ValueType::F32 => 7f32.to_bits().into(),
            ValueType::F64 => 7f64.to_bits(),
            ValueType::Func | ValueType::Extern => 0,
        }
    }

    /// Writes the active segments.
    fn init(&mut self) -> Result<(), TrapCode> {
        for (number, (kind, elements)) in self.module.elements.iter().enumerate() {
            if let SegmentKind::Active { index, offset } = kind {
                let to = self.evaluate(offset);
                self.init_table(*index, number as u32, [to, 0, elements.len() as u64])?;
            }
            if !matches!(kind, SegmentKind::Passive) {
                self.elements[number].clear();
            }
        }
        for (number, (kind, data)) in self.module.data.iter().enumerate() {
            if let SegmentKind::Active { index, offset } = kind {
                let to = self.evaluate(offset);
                self.init_memory(*index, number as u32, [to, 0, data.len() as u64])?;
                self.data[number] = &[];
            }
        }
        Ok(())
    }

    /// The value of a constant expression.
    fn evaluate(&mut self, expr: &ConstExpr<'_>) -> u64 {
        for operator in expr.get_operators_reader() {
            let operator = operator.expect("validation has read it");
            let is_known = match operator {
                Operator::GlobalGet { global_index } => {
                    self.stack.push(self.globals[global_index as usize]);
                    true
                }
                Operator::End => true,
                _ => {
                    self.constant(&operator)
                        || numeric::execute(&operator, &mut self.stack, self.options.canonical_nans)
                            == Ok(true)
                }
            };
            assert!(is_known, "{operator:?} is not constant");
        }
        self.pop()
    }
}
