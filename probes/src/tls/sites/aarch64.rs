//! aarch64, whose instructions are words: each is known by its bits (Arm Architecture Reference Manual, C4.1).

/// `ldr x16, [x28, #16]`: the limit of the goroutine's stack (cmd/internal/obj/arm64, `stacksplit`).
const LIMIT: u32 = 0xf940_0b90;
/// Words at the beginning of a Go function among which the jump is: the limit, at most three for the comparison, the jump.
const CHECK: usize = 5;

/// As [`super::stack_check`].
pub(super) fn stack_check(code: &[u8]) -> Option<u64> {
    let mut words = words(code).take(CHECK);
    let (_, first) = words.next()?;
    let (offset, _) = words.find(|(_, word)| is_conditional_branch(*word))?;
    (first == LIMIT).then_some(offset)
}

/// Offsets of all `ret`s. Constants between the instructions would have to look like one to be taken for it.
pub(super) fn returns(code: &[u8]) -> Vec<u64> {
    words(code).filter(|(_, word)| is_return(*word)).map(|(offset, _)| offset).collect()
}

/// `ret xN`
fn is_return(word: u32) -> bool {
    word & 0xffff_fc1f == 0xd65f_0000
}

/// `b.cond`
fn is_conditional_branch(word: u32) -> bool {
    word & 0xff00_0010 == 0x5400_0000
}

fn words(code: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let words = code.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
    (0..).step_by(4).zip(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn every_return_is_found() {
        // mov x0, #1; ret; nop; ret x5; br x30
        let code = code(&[0xd280_0020, 0xd65f_03c0, 0xd503_201f, 0xd65f_00a0, 0xd61f_03c0]);
        assert_eq!(returns(&code), [4, 12]);
    }

    #[test]
    fn the_stack_check_of_a_go_function() {
        // ldr x16, [x28, #16]; cmp sp, x16; b.ls +0x400
        assert_eq!(stack_check(&code(&[LIMIT, 0xeb30_63ff, 0x5400_2009])), Some(8));
        // With a large frame: sub x17, sp, #0x80; cmp x17, x16
        assert_eq!(stack_check(&code(&[LIMIT, 0xd102_03f1, 0xeb10_023f, 0x5400_2009])), Some(12));
        // stp x29, x30, [sp, #-16]!; b.ls: no check
        assert_eq!(stack_check(&code(&[0xa9bf_7bfd, 0x5400_2009])), None);
        assert_eq!(stack_check(&code(&[LIMIT, 0xeb30_63ff])), None);
    }
}
