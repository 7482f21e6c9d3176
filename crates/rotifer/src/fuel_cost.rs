//! Costs of instructions by their names in the text format.

use rotifer_bytecode::Operator;
use rotifer_core::{FuelCostError, FuelCosts};

/// The instructions that are not in the operator table.
const OTHERS: &[(&str, u16)] = &[
    ("unreachable", 0x00),
    ("nop", 0x01),
    ("block", 0x02),
    ("loop", 0x03),
    ("if", 0x04),
    ("br", 0x0C),
    ("br_if", 0x0D),
    ("br_table", 0x0E),
    ("return", 0x0F),
    ("call", 0x10),
    ("call_indirect", 0x11),
    ("return_call", 0x12),
    ("return_call_indirect", 0x13),
    ("drop", 0x1A),
    ("select", 0x1B),
    ("local.get", 0x20),
    ("local.set", 0x21),
    ("local.tee", 0x22),
    ("global.get", 0x23),
    ("global.set", 0x24),
    ("table.get", 0x25),
    ("table.set", 0x26),
    ("memory.size", 0x3F),
    ("memory.grow", 0x40),
    ("i32.const", 0x41),
    ("i64.const", 0x42),
    ("f32.const", 0x43),
    ("f64.const", 0x44),
    ("ref.null", 0xD0),
    ("ref.is_null", 0xD1),
    ("ref.func", 0xD2),
    ("memory.init", 0xFC08),
    ("data.drop", 0xFC09),
    ("memory.copy", 0xFC0A),
    ("memory.fill", 0xFC0B),
    ("table.init", 0xFC0C),
    ("elem.drop", 0xFC0D),
    ("table.copy", 0xFC0E),
    ("table.grow", 0xFC0F),
    ("table.size", 0xFC10),
    ("table.fill", 0xFC11),
    ("i64.add128", 0xFC13),
    ("i64.sub128", 0xFC14),
    ("i64.mul_wide_s", 0xFC15),
    ("i64.mul_wide_u", 0xFC16),
];

/// Sets the cost of an instruction. `select` has two opcodes, with and without a type.
pub(crate) fn set(costs: FuelCosts, name: &str, cost: u8) -> Result<FuelCosts, FuelCostError> {
    let other = OTHERS.iter().find(|(other, _)| *other == name).map(|&(_, opcode)| opcode);
    let operator = || Operator::ALL.iter().map(|operator| operator.row()).find(|row| row.text == name);
    let Some(opcode) = other.or_else(|| operator().map(|row| row.opcode)) else {
        return Err(FuelCostError::UnknownInstruction(name.into()));
    };
    let costs = costs.opcode(opcode, cost).map_err(|error| match error {
        FuelCostError::MustNotBeFree(_) => FuelCostError::MustNotBeFree(name.into()),
        error => error,
    })?;
    if name == "select" { costs.opcode(0x1C, cost) } else { Ok(costs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_costs_by_name() {
        let mut costs = FuelCosts::default();
        for (name, opcode) in [("i64.mul", 0x7E), ("memory.fill", 0xFC0B), ("i32.trunc_sat_f32_s", 0xFC00)] {
            costs = set(costs, name, 9).unwrap();
            assert_eq!(costs.cost(opcode), 9, "{name}");
        }
        assert_eq!(set(costs.clone(), "select", 4).unwrap().cost(0x1C), 4);
        assert_eq!(
            set(costs.clone(), "i32.frobnicate", 4),
            Err(FuelCostError::UnknownInstruction("i32.frobnicate".into()))
        );
        assert_eq!(set(costs, "br", 0), Err(FuelCostError::MustNotBeFree("br".into())));
    }
}
