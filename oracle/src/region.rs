//! Regions of fuel, by the words of `docs/FUEL.md`.

use crate::module::Instruction;
use rotifer_core::FuelCosts;
use wasmparser::Operator::{self, *};

/// "It ends with the next `br`, `br_if`, `br_table`, `if`, `return`, `unreachable`, call or tail call of any
/// kind, or instruction of the list above; that instruction belongs to the region."
pub(crate) fn ends_region(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Br { .. }
            | BrIf { .. }
            | BrTable { .. }
            | If { .. }
            | Return
            | Unreachable
            | Call { .. }
            | CallIndirect { .. }
            | ReturnCall { .. }
            | ReturnCallIndirect { .. }
    ) || costs_by_length(operator)
}

/// The list: `memory.fill`, its like, and growth.
pub(crate) fn costs_by_length(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        MemoryGrow { .. }
            | MemoryFill { .. }
            | MemoryCopy { .. }
            | MemoryInit { .. }
            | TableGrow { .. }
            | TableFill { .. }
            | TableCopy { .. }
            | TableInit { .. }
    )
}

/// Where the region that begins at `start` ends: the index of the first instruction that is not part of it.
pub(crate) fn end(code: &[Instruction<'_>], start: usize) -> usize {
    let last = code.len() - 1;
    for (index, instruction) in code.iter().enumerate().skip(start) {
        match &instruction.operator {
            // "Before an `else` that is reached from above, and before the end of the function."
            Else => return index,
            End if index == last => return index,
            operator if ends_region(operator) => return index + 1,
            // "`block`, `loop` and `end` that are reached from above end no region."
            _ => {}
        }
    }
    unreachable!("a function ends with `end`")
}

/// What instructions cost that are executed one after the other.
pub(crate) fn cost(code: &[Instruction<'_>], costs: &FuelCosts) -> u64 {
    code.iter().map(|instruction| u64::from(costs.cost(instruction.opcode))).sum()
}

/// The first instruction that costs something, perhaps by its length.
pub(crate) fn first<'a, 'm>(code: &'a [Instruction<'m>], costs: &FuelCosts) -> Option<&'a Instruction<'m>> {
    code.iter()
        .find(|instruction| costs.cost(instruction.opcode) > 0 || costs_by_length(&instruction.operator))
}

/// Tells each `block`, `loop`, `if` and `else` where its `end` is, and each `if` where its `else` is.
pub(crate) fn match_ends(code: &mut [Instruction<'_>]) {
    let mut open = Vec::new();
    for index in 0..code.len() {
        match code[index].operator {
            Block { .. } | Loop { .. } | If { .. } => open.push(vec![index]),
            Else => {
                if let Some(block) = open.last_mut() {
                    code[block[0]].else_ = Some(index);
                    block.push(index);
                }
            }
            End => {
                for opener in open.pop().unwrap_or_default() {
                    code[opener].end = index;
                }
            }
            _ => {}
        }
    }
}
