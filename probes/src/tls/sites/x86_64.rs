//! x86-64, whose instructions have any length: decoded from the first to the last.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

/// Instructions of a function that are looked at for the inner call.
const WRAPPER_LENGTH: usize = 24;

/// As [`super::inner_call`], cheap or not.
pub(super) fn inner_call(code: &[u8], address: u64) -> Option<u64> {
    for instruction in Decoder::with_ip(64, code, address, DecoderOptions::NONE).iter().take(WRAPPER_LENGTH) {
        if instruction.is_invalid() {
            return None;
        }
        if instruction.code() == Code::Call_rel32_64 {
            return Some(instruction.near_branch_target());
        }
        match instruction.flow_control() {
            // The check of a negative length branches away and does not come back.
            FlowControl::Next | FlowControl::ConditionalBranch => {}
            _ => return None,
        }
        if writes_handle_or_buffer(&instruction) {
            return None;
        }
    }
    None
}

/// Whether the kernel emulates this first instruction (arch/x86/kernel/uprobes.c).
pub(super) fn is_emulated(code: &[u8], address: u64) -> bool {
    let Some(first) = Decoder::with_ip(64, code, address, DecoderOptions::NONE).iter().next() else { return false };
    match first.mnemonic() {
        Mnemonic::Push => first.op0_kind() == OpKind::Register,
        Mnemonic::Nop => true,
        Mnemonic::Call | Mnemonic::Jmp => first.op0_kind() == OpKind::NearBranch64,
        _ => first.is_jcc_short_or_near(),
    }
}

/// As [`super::stack_check`] (cmd/internal/obj/x86, `stacksplit`).
pub(super) fn stack_check(code: &[u8], address: u64) -> Option<u64> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let jump = decoder.iter().take(3).find(|instruction| !is_stack_comparison(instruction))?;
    jump.is_jcc_short_or_near().then(|| jump.ip().wrapping_sub(address))
}

/// `lea -N(%rsp),%r12` for a large frame, and the comparison with the goroutine's limit.
fn is_stack_comparison(instruction: &Instruction) -> bool {
    match instruction.mnemonic() {
        Mnemonic::Lea => instruction.op0_register() == Register::R12,
        Mnemonic::Cmp => instruction.memory_base() == Register::R14,
        _ => false,
    }
}

/// Offsets of all `ret`s; null where something is no instruction.
pub(super) fn returns(code: &[u8], address: u64) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            return None;
        }
        if instruction.mnemonic() == Mnemonic::Ret {
            found.push(instruction.ip().wrapping_sub(address));
        }
    }
    Some(found)
}

fn writes_handle_or_buffer(instruction: &Instruction) -> bool {
    let mut info = iced_x86::InstructionInfoFactory::new();
    info.info(instruction).used_registers().iter().any(|used| {
        let writes = matches!(
            used.access(),
            iced_x86::OpAccess::Write
                | iced_x86::OpAccess::ReadWrite
                | iced_x86::OpAccess::CondWrite
                | iced_x86::OpAccess::ReadCondWrite
        );
        writes && matches!(used.register().full_register(), Register::RDI | Register::RSI)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_leads_to_its_inner_function() {
        // sub $0x18,%rsp; test %edx,%edx; js +10; mov %rsp,%rcx; movslq %edx,%rdx; call +0x100
        let code =
            [0x48, 0x83, 0xec, 0x18, 0x85, 0xd2, 0x78, 0x0a, 0x48, 0x89, 0xe1, 0x48, 0x63, 0xd2, 0xe8, 0, 1, 0, 0];
        assert_eq!(inner_call(&code, 0x1000), Some(0x1000 + 19 + 0x100));
    }

    #[test]
    fn what_changes_the_arguments_first_is_no_wrapper() {
        // mov %rsi,%rdi; call +0
        assert_eq!(inner_call(&[0x48, 0x89, 0xf7, 0xe8, 0, 0, 0, 0], 0), None);
        // mov %edi,%esi writes the low half of the buffer
        assert_eq!(inner_call(&[0x89, 0xfe, 0xe8, 0, 0, 0, 0], 0), None);
    }

    #[test]
    fn cheap_and_dear_first_instructions() {
        assert!(is_emulated(&[0x41, 0x55], 0), "push %r13");
        assert!(is_emulated(&[0x90], 0), "nop");
        assert!(!is_emulated(&[0x48, 0x83, 0xec, 0x18], 0), "sub $0x18,%rsp");
        assert!(!is_emulated(&[0xf3, 0x0f, 0x1e, 0xfa], 0), "endbr64");
    }

    #[test]
    fn the_stack_check_of_a_go_function() {
        // cmp 0x10(%r14),%rsp; jbe +0x400
        assert_eq!(stack_check(&[0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0, 4, 0, 0], 0x1000), Some(4));
        // lea -0x80(%rsp),%r12; cmp 0x10(%r14),%r12; jbe +0x20
        let large = [0x4c, 0x8d, 0x64, 0x24, 0x80, 0x4d, 0x3b, 0x66, 0x10, 0x76, 0x20];
        assert_eq!(stack_check(&large, 0), Some(9));
        // push %rbp; cmp %rax,%rbx; jbe: no check
        assert_eq!(stack_check(&[0x55, 0x48, 0x39, 0xc3, 0x76, 0x20], 0), None);
        assert_eq!(stack_check(&[0x49, 0x3b, 0x66, 0x10], 0), None);
    }

    #[test]
    fn every_return_is_found_and_bytes_inside_instructions_are_not() {
        // mov $0xc3c3c3c3,%eax; ret; nop; ret
        assert_eq!(returns(&[0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0x90, 0xc3], 0x10), Some(vec![5, 7]));
        assert_eq!(returns(&[0x90], 0), Some(vec![]));
        // 0x06 was `push %es`, which 64-bit code does not have.
        assert_eq!(returns(&[0xc3, 0x06], 0), None);
    }
}
