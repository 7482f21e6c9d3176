//! The rules for AArch64, and all that is known of this machine.

use super::{
    Code, Finding,
    image::Image,
    paths::{self, Selected},
};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand};

/// The length of every instruction.
const LEN: usize = 4;

/// The number of the stack pointer where an operand can be it, and of the zero register elsewhere.
const SP: u16 = 31;

/// Follows all paths from an address on.
pub(crate) fn analyse(image: &Image, start: u64) -> Result<Code> {
    let walk = Walk { image, code: Code::default(), pages: HashMap::new() };
    Ok(paths::follow(walk, start)?.code)
}

struct Walk<'i> {
    image: &'i Image,
    code: Code,
    /// What `adrp` gave a register last: the page of an address, to which another instruction adds the rest.
    pages: HashMap<u16, u64>,
}

impl paths::Walk for Walk<'_> {
    fn code(&self) -> &Code {
        &self.code
    }

    fn step(&mut self, address: u64, selected: Selected, left: &mut Vec<(u64, Selected)>) -> Result<()> {
        let bytes = self.image.code(address).with_context(|| format!("no code at {address:#x}"))?;
        let decoded = InstDecoder::default().decode(&mut U8Reader::new(bytes));
        let Ok(instruction) = decoded else { bail!("no instruction at {address:#x}") };
        self.note(address, &instruction);
        let next = address + LEN as u64;
        let target = instruction.operands.iter().find_map(|operand| match operand {
            Operand::PCOffset(offset) => Some(address.wrapping_add_signed(*offset)),
            _ => None,
        });
        match (instruction.opcode, target) {
            (Opcode::B, Some(target)) => left.push((target, selected)),
            (Opcode::Bcc(_) | Opcode::CBZ | Opcode::CBNZ | Opcode::TBZ | Opcode::TBNZ, Some(target)) => {
                left.extend([(next, selected), (target, selected)]);
            }
            (Opcode::BR, _) => {
                if reads(&instruction) & selected != 0 {
                    self.code.findings.insert(Finding::Select);
                }
            }
            (Opcode::RET, _) => {
                self.code.findings.insert(Finding::Return);
            }
            (Opcode::BL | Opcode::BLR, target) => {
                self.code.findings.insert(Finding::Call);
                self.code.calls.extend(target);
                left.push((next, 0));
            }
            (Opcode::BRK | Opcode::UDF | Opcode::Invalid, _) => {
                self.code.findings.insert(Finding::Trap);
            }
            _ => left.push((next, after(&instruction, selected))),
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Notes an instruction, what it does to the native stack and what other code it names.
    fn note(&mut self, address: u64, instruction: &Instruction) {
        if self.code.instructions.insert(address, (LEN, instruction.to_string())).is_some() {
            return;
        }
        let in_stack = instruction.operands.iter().any(|operand| match operand {
            Operand::RegPreIndex(base, ..)
            | Operand::RegPostIndex(base, _)
            | Operand::RegPostIndexReg(base, _)
            | Operand::RegRegOffset(base, ..) => *base == SP,
            _ => false,
        });
        let [first, second, third, _] = instruction.operands;
        let is_push = matches!(instruction.opcode, Opcode::STP | Opcode::STR)
            && instruction
                .operands
                .iter()
                .any(|operand| matches!(operand, Operand::RegPreIndex(SP, _, true)));
        let moves_stack = matches!(first, Operand::RegisterOrSP(_, SP));
        self.code.pushes += usize::from(is_push);
        if in_stack || moves_stack {
            self.code.findings.insert(Finding::Stack);
        }
        let named = match (instruction.opcode, first, second, third) {
            (Opcode::ADR, _, Operand::PCOffset(offset), _) => Some(address.wrapping_add_signed(offset)),
            (Opcode::ADRP, Operand::Register(_, register), Operand::PCOffset(offset), _) => {
                self.pages.insert(register, (address & !0xFFF).wrapping_add_signed(offset));
                None
            }
            (Opcode::ADD, _, Operand::RegisterOrSP(_, register), Operand::Immediate(rest)) => {
                self.pages.get(&register).map(|page| page + u64::from(rest))
            }
            _ => None,
        };
        self.code.cold.extend(named.filter(|&target| self.image.code(target).is_some()));
    }
}

/// The registers that depend on flags behind an instruction.
fn after(instruction: &Instruction, selected: Selected) -> Selected {
    let writes = writes(instruction);
    // What is loaded from a place that depends on flags does so, too. Tables of jumps are of distances, which are loaded
    // from a register and another one.
    let is_distance = matches!(instruction.opcode, Opcode::LDRSW | Opcode::LDRH | Opcode::LDRB)
        && instruction.operands.iter().any(|operand| matches!(operand, Operand::RegRegOffset(..)));
    let depends = reads_flags(instruction) || reads(instruction) & selected != 0 || is_distance;
    if depends { selected | writes } else { selected & !writes }
}

fn reads_flags(instruction: &Instruction) -> bool {
    matches!(
        instruction.opcode,
        Opcode::CSEL
            | Opcode::CSINC
            | Opcode::CSINV
            | Opcode::CSNEG
            | Opcode::ADC
            | Opcode::ADCS
            | Opcode::SBC
            | Opcode::SBCS
    )
}

/// How many of the first operands are written to.
fn results(instruction: &Instruction) -> usize {
    match instruction.opcode {
        Opcode::LDP | Opcode::LDPSW => 2,
        Opcode::STP
        | Opcode::STR
        | Opcode::STRB
        | Opcode::STRH
        | Opcode::STUR
        | Opcode::STURB
        | Opcode::STURH
        | Opcode::CCMP
        | Opcode::CCMN
        | Opcode::PRFM
        | Opcode::HINT
        | Opcode::BR => 0,
        _ => 1,
    }
}

fn writes(instruction: &Instruction) -> Selected {
    let results = instruction.operands[..results(instruction)].iter().map(registers);
    let bases = instruction.operands.iter().map(|operand| match *operand {
        Operand::RegPreIndex(base, _, true)
        | Operand::RegPostIndex(base, _)
        | Operand::RegPostIndexReg(base, _) => bit(base),
        _ => 0,
    });
    results.chain(bases).fold(0, |all, bits| all | bits)
}

fn reads(instruction: &Instruction) -> Selected {
    // What these do not overwrite of their result stays.
    let keeps = matches!(instruction.opcode, Opcode::MOVK | Opcode::BFM);
    let first = if keeps { 0 } else { results(instruction) };
    instruction.operands[first..].iter().map(registers).fold(0, |all, bits| all | bits)
}

/// The general registers of an operand.
fn registers(operand: &Operand) -> Selected {
    match *operand {
        Operand::Register(_, register)
        | Operand::RegisterOrSP(_, register)
        | Operand::RegShift(_, _, _, register)
        | Operand::RegPreIndex(register, ..)
        | Operand::RegPostIndex(register, _) => bit(register),
        Operand::RegisterPair(_, register) => bit(register) | bit(register + 1),
        Operand::RegRegOffset(base, index, ..) => bit(base) | bit(index),
        Operand::RegPostIndexReg(base, index) => bit(base) | bit(index),
        _ => 0,
    }
}

/// The bit of a register; none for the stack pointer and zero.
fn bit(register: u16) -> Selected {
    if register < SP { 1 << register } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in machine code.
    fn findings(code: &[u32]) -> Vec<Finding> {
        analyse(&image(code), 0x1000).unwrap().findings.into_iter().collect()
    }

    fn image(code: &[u32]) -> Image {
        Image::of_code(0x1000, code.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// `ldr x8, [x0]; br x8`
    const NEXT: [u32; 2] = [0xF940_0008, 0xD61F_0100];
    /// `add x0, x0, #16`
    const ADD: u32 = 0x9100_4000;
    const RET: u32 = 0xD65F_03C0;

    #[test]
    fn a_jump_is_a_good_end() {
        assert_eq!(findings(&[ADD, NEXT[0], NEXT[1]]), []);
        // b.ne +16; add; ldr; br; ldr x0, [x0, #8]; ldr; br
        let other = 0xF940_0400;
        assert_eq!(findings(&[0x5400_0081, ADD, NEXT[0], NEXT[1], other, NEXT[0], NEXT[1]]), []);
    }

    #[test]
    fn the_native_stack_is_seen() {
        // stp x29, x30, [sp, #-16]!; ldp x29, x30, [sp], #16
        let code = image(&[0xA9BF_7BFD, ADD, 0xA8C1_7BFD, NEXT[0], NEXT[1]]);
        let code = analyse(&code, 0x1000).unwrap();
        assert_eq!((code.findings.into_iter().collect::<Vec<_>>(), code.pushes), (vec![Finding::Stack], 1));
        // sub sp, sp, #16; add sp, sp, #16
        assert_eq!(findings(&[0xD100_43FF, 0x9100_43FF, NEXT[0], NEXT[1]]), [Finding::Stack]);
        // str x8, [sp, #8]
        assert_eq!(findings(&[0xF900_07E8, NEXT[0], NEXT[1]]), [Finding::Stack]);
    }

    #[test]
    fn calls_and_returns_are_seen_on_every_path() {
        // bl +8; ret
        assert_eq!(findings(&[0x9400_0002, RET]), [Finding::Call, Finding::Return]);
        // cbz x1, +12; ldr; br; ret
        assert_eq!(findings(&[0xB400_0061, NEXT[0], NEXT[1], RET]), [Finding::Return]);
        // tbz w1, #0, +12; ldr; br; brk #1
        assert_eq!(findings(&[0x3600_0061, NEXT[0], NEXT[1], 0xD420_0020]), [Finding::Trap]);
    }

    #[test]
    fn a_next_cell_that_is_selected_is_seen() {
        // csel x0, x1, x2, ne
        assert_eq!(findings(&[0x9A82_1020, NEXT[0], NEXT[1]]), [Finding::Select]);
        // cset w8, ne; add x0, x0, x8, lsl #3
        assert_eq!(findings(&[0x1A9F_07E8, 0x8B08_0C00, NEXT[0], NEXT[1]]), [Finding::Select]);
        // ldrsw x10, [x11, x8, lsl #2]; add x10, x10, x11; br x10
        assert_eq!(findings(&[0xB8A8_796A, 0x8B0B_014A, 0xD61F_0140]), [Finding::Select]);
        // csel x9, x1, x2, ne; mov x9, #1; add x0, x0, x9: what was selected is overwritten.
        assert_eq!(findings(&[0x9A82_1029, 0xD280_0029, 0x8B09_0000, NEXT[0], NEXT[1]]), []);
    }

    #[test]
    fn rare_paths_are_followed() {
        // b.ne +12; ldr; br; adrp x8, 0; add x8, x8, #0x18; br x8; ret
        let code = [0x5400_0061, NEXT[0], NEXT[1], 0x9000_0008, 0x9100_6108, 0xD61F_0100, RET];
        let code = analyse(&image(&code), 0x1000).unwrap();
        assert!(code.findings.is_empty());
        assert_eq!(code.cold.into_iter().collect::<Vec<_>>(), [0x1018]);
    }
}
