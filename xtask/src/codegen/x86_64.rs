//! The rules for x86-64, and all that is known of this machine.

use super::{
    Code, Finding,
    image::Image,
    paths::{self, Selected},
};
use anyhow::{Context, Result, ensure};
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, Instruction, InstructionInfoFactory, IntelFormatter,
    Mnemonic, OpAccess, OpKind, Register,
};

/// Follows all paths from an address on.
pub(crate) fn analyse(image: &Image, start: u64) -> Result<Code> {
    let walk = Walk { image, code: Code::default(), info: InstructionInfoFactory::new() };
    Ok(paths::follow(walk, start)?.code)
}

struct Walk<'i> {
    image: &'i Image,
    code: Code,
    info: InstructionInfoFactory,
}

impl paths::Walk for Walk<'_> {
    fn code(&self) -> &Code {
        &self.code
    }

    fn step(&mut self, address: u64, selected: Selected, left: &mut Vec<(u64, Selected)>) -> Result<()> {
        let bytes = self.image.code(address).with_context(|| format!("no code at {address:#x}"))?;
        let instruction = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
        ensure!(!instruction.is_invalid(), "no instruction at {address:#x}");
        self.note(&instruction);
        let next = instruction.next_ip();
        match instruction.flow_control() {
            FlowControl::Next => left.push((next, self.after(&instruction, selected))),
            FlowControl::UnconditionalBranch => left.push((instruction.near_branch_target(), selected)),
            FlowControl::ConditionalBranch => {
                left.extend([(next, selected), (instruction.near_branch_target(), selected)]);
            }
            FlowControl::IndirectBranch => {
                let registers =
                    [instruction.op0_register(), instruction.memory_base(), instruction.memory_index()];
                if registers.into_iter().any(|register| selected & bit(register) != 0) {
                    self.code.findings.insert(Finding::Select);
                }
            }
            FlowControl::Return => {
                self.code.findings.insert(Finding::Return);
            }
            FlowControl::Call | FlowControl::IndirectCall => {
                self.code.findings.insert(Finding::Call);
                if instruction.op0_kind() == OpKind::NearBranch64 {
                    self.code.calls.insert(instruction.near_branch_target());
                }
                left.push((next, 0));
            }
            FlowControl::Exception | FlowControl::Interrupt | FlowControl::XbeginXabortXend => {
                self.code.findings.insert(Finding::Trap);
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Notes an instruction and what it does to the native stack.
    fn note(&mut self, instruction: &Instruction) {
        let mut text = String::new();
        IntelFormatter::new().format(instruction, &mut text);
        if self.code.instructions.insert(instruction.ip(), (instruction.len(), text)).is_some() {
            return;
        }
        let is_push = instruction.mnemonic() == Mnemonic::Push;
        let moves_stack =
            instruction.mnemonic() == Mnemonic::Sub && instruction.op0_register() == Register::RSP;
        self.code.pushes += usize::from(is_push);
        let in_stack = instruction.memory_base() == Register::RSP && instruction.mnemonic() != Mnemonic::Lea;
        if is_push || moves_stack || in_stack {
            self.code.findings.insert(Finding::Stack);
        }
        if instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand() {
            let target = instruction.ip_rel_memory_address();
            if self.image.code(target).is_some() {
                self.code.cold.insert(target);
            }
        }
    }

    /// The registers that depend on flags behind an instruction.
    fn after(&mut self, instruction: &Instruction, selected: Selected) -> Selected {
        let info = self.info.info(instruction);
        let (mut reads, mut writes) = (0, 0);
        for used in info.used_registers() {
            let bit = bit(used.register());
            match used.access() {
                OpAccess::Read | OpAccess::CondRead => reads |= bit,
                OpAccess::Write | OpAccess::CondWrite => writes |= bit,
                OpAccess::ReadWrite | OpAccess::ReadCondWrite => {
                    reads |= bit;
                    writes |= bit;
                }
                _ => {}
            }
        }
        // What is loaded from a place that depends on flags does so, too. Tables of jumps are of distances, which are
        // loaded so.
        let is_distance =
            instruction.mnemonic() == Mnemonic::Movsxd && instruction.memory_base() != Register::None;
        let depends = instruction.rflags_read() != 0 || reads & selected != 0 || is_distance;
        if depends { selected | writes } else { selected & !writes }
    }
}

/// The bit of a general register, whatever part of it is named; none for others.
fn bit(register: Register) -> Selected {
    let full = register.full_register();
    if full.is_gpr64() && full != Register::RSP { 1 << full.number() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in machine code.
    fn findings(code: &[&[u8]]) -> Vec<Finding> {
        let image = Image::of_code(0x1000, code.concat());
        analyse(&image, 0x1000).unwrap().findings.into_iter().collect()
    }

    /// `jmp [rdi]`
    const NEXT: &[u8] = &[0xFF, 0x27];
    /// `add rdi, 16`
    const ADD: &[u8] = &[0x48, 0x83, 0xC7, 0x10];

    #[test]
    fn a_jump_is_a_good_end() {
        assert_eq!(findings(&[ADD, NEXT]), []);
        // jne +6; add; jmp; mov rdi, [rdi + 8]; jmp
        let other = [0x48, 0x8B, 0x7F, 0x08];
        assert_eq!(findings(&[&[0x75, 0x06], ADD, NEXT, &other, NEXT]), []);
    }

    #[test]
    fn the_native_stack_is_seen() {
        // push rbx; pop rbx
        assert_eq!(findings(&[&[0x53], ADD, &[0x5B], NEXT]), [Finding::Stack]);
        // sub rsp, 8; add rsp, 8
        assert_eq!(findings(&[&[0x48, 0x83, 0xEC, 8, 0x48, 0x83, 0xC4, 8], NEXT]), [Finding::Stack]);
        // mov [rsp - 8], rax
        assert_eq!(findings(&[&[0x48, 0x89, 0x44, 0x24, 0xF8], NEXT]), [Finding::Stack]);
    }

    #[test]
    fn calls_and_returns_are_seen_on_every_path() {
        // call +0; ret
        assert_eq!(findings(&[&[0xE8, 0, 0, 0, 0, 0xC3]]), [Finding::Call, Finding::Return]);
        // jne +2; jmp; ret
        assert_eq!(findings(&[&[0x75, 0x02], NEXT, &[0xC3]]), [Finding::Return]);
        // jne +2; jmp; ud2
        assert_eq!(findings(&[&[0x75, 0x02], NEXT, &[0x0F, 0x0B]]), [Finding::Trap]);
    }

    #[test]
    fn a_next_cell_that_is_selected_is_seen() {
        // cmovne rdi, rax
        assert_eq!(findings(&[&[0x48, 0x0F, 0x45, 0xF8], NEXT]), [Finding::Select]);
        // setne al; movzx eax, al; lea rdi, [rdi + 8 * rax]
        let set = [0x0F, 0x95, 0xC0, 0x0F, 0xB6, 0xC0, 0x48, 0x8D, 0x3C, 0xC7];
        assert_eq!(findings(&[&set, NEXT]), [Finding::Select]);
        // movsxd r10, [r11 + 4 * rax]; add r10, r11; jmp r10
        let table = [0x4D, 0x63, 0x14, 0x83, 0x4D, 0x01, 0xDA, 0x41, 0xFF, 0xE2];
        assert_eq!(findings(&[&table]), [Finding::Select]);
        // cmovne rax, r8; mov rax, 1: what was selected is overwritten.
        let other = [0x49, 0x0F, 0x45, 0xC0, 0xB8, 1, 0, 0, 0, 0x48, 0x8D, 0x3C, 0xC7];
        assert_eq!(findings(&[&other, NEXT]), []);
    }

    #[test]
    fn rare_paths_are_followed() {
        // jne +6; add; jmp; lea rax, [rip + 2]; jmp rax; ret
        let rare = [0x48, 0x8D, 0x05, 2, 0, 0, 0, 0xFF, 0xE0];
        let code = [&[0x75, 0x06], ADD, NEXT, &rare, &[0xC3]].concat();
        let image = Image::of_code(0x1000, code);
        let code = analyse(&image, 0x1000).unwrap();
        assert!(code.findings.is_empty());
        assert_eq!(code.cold.into_iter().collect::<Vec<_>>(), [0x1011]);
    }
}
