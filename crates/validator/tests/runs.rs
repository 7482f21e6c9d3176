//! Runs, the fast path of walks that only validate, at their edges: the end of their chunks and of the body, the
//! room of their stacks, and the limits. A walk that a client follows has no runs and must say the same.

mod common;

use common::{Random, recorder::Recorder};
use rotifer_core::{Features, FuncIdx, Limits};
use rotifer_validator::{Module, Scratch, Trust, WalkContext, WalkError, walk};

/// Types `(i32 i64) -> (i32)` and `() -> ()`, a function of each, a global, a table and a memory; the body of the
/// second function is `body`, with four locals. `behind` follows the code section.
fn module(body: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let mut section = |id: u8, content: &[u8]| {
        bytes.push(id);
        leb128(&mut bytes, content.len());
        bytes.extend_from_slice(content);
    };
    section(1, &[2, 0x60, 2, 0x7F, 0x7E, 1, 0x7F, 0x60, 0, 0]);
    section(3, &[2, 0, 1]);
    section(4, &[1, 0x70, 0, 1]);
    section(5, &[1, 0, 1]);
    section(6, &[1, 0x7F, 1, 0x41, 0, 0x0B]);
    let mut code = vec![2, 4, 0, 0x20, 0, 0x0B];
    let locals = [4, 1, 0x7F, 1, 0x7E, 1, 0x7D, 1, 0x7C];
    leb128(&mut code, locals.len() + body.len());
    code.extend_from_slice(&locals);
    code.extend_from_slice(body);
    section(10, &code);
    bytes.extend_from_slice(behind);
    bytes
}

fn leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Validates with and without runs; both must say the same. Gives whether the body is valid.
#[track_caller]
fn check(body: &[u8], behind: &[u8], features: &Features, limits: &Limits) -> bool {
    let bytes = module(body, behind);
    let module = Module::read(&bytes, features, limits, Trust::Checked).unwrap();
    let fast = module.validate_bodies(&bytes, features, limits);
    let cx = WalkContext { module: &module, bytes: &bytes, features, limits };
    let (func, mut scratch) = (FuncIdx(1), Scratch::default());
    let followed = walk::<_, true>(&cx, func, &mut scratch, &mut Recorder::default());
    assert_eq!(followed, fast.clone().map_err(WalkError::Invalid), "{body:x?}");
    // Without what is known of all bodies.
    let alone = walk::<(), true>(&cx, func, &mut Scratch::default(), &mut ());
    assert_eq!(alone, fast.clone().map_err(WalkError::Invalid), "{body:x?}");
    fast.is_ok()
}

/// A custom section whose content looks like operators.
const BEHIND: [u8; 22] =
    [0, 20, 1, b'n', 0x0B, 0x0B, 0x0B, 0x1A, 0x20, 0, 0x6A, 1, 1, 1, 1, 0x0B, 0x0B, 1, 1, 1, 1, 0x0B];

/// Operators that runs know, each leaving the stack as it was, with numbers of all lengths.
const PARTS: [&[u8]; 22] = [
    &[0x01],
    &[0x20, 0, 0x20, 0, 0x6A, 0x21, 0],
    &[0x20, 1, 0x42, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x7C, 0x22, 1, 0x1A],
    &[0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x1A],
    &[0x41, 0xFF, 0x7F, 0x45, 0x1A],
    &[0x43, 1, 2, 3, 4, 0x22, 2, 0x21, 2],
    &[0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x21, 3],
    &[0x20, 0, 0x28, 2, 0x80, 0x80, 0x04, 0x1A],
    &[0x20, 0, 0x20, 1, 0x37, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
    &[0x23, 0, 0x24, 0x80, 0x00],
    &[0x20, 0, 0x20, 1, 0x10, 0x80, 0x00, 0x1A],
    &[0x20, 0, 0x20, 1, 0x41, 0, 0x11, 0, 0, 0x1A],
    &[0x02, 0x40, 0x20, 0, 0x0D, 0, 0x0B],
    &[0x02, 0x7F, 0x41, 1, 0x20, 0, 0x0D, 0, 0x0B, 0x1A],
    &[0x03, 0x40, 0x20, 0, 0x0D, 0x80, 0x00, 0x0B],
    &[0x20, 0, 0x04, 0x7E, 0x42, 1, 0x05, 0x42, 2, 0x0B, 0x1A],
    &[0x02, 0x7F, 0x00, 0x0B, 0x1A],
    &[0x02, 0x40, 0x0C, 0, 0x1A, 0x0B],
    &[0x20, 0, 0x04, 0x40, 0x0F, 0x0B],
    &[0x20, 1, 0x42, 3, 0x20, 0, 0x1B, 0x1A],
    &[0x20, 2, 0x20, 2, 0x92, 0xA8, 0x1A],
    &[0x20, 0, 0xC0, 0x1A],
];

#[test]
fn bodies_of_every_length_and_cut_anywhere() {
    let (features, limits) = (Features::default(), Limits::default());
    let mut random = Random(5);
    for round in 0..40 {
        let mut body = Vec::new();
        for _ in 0..round * 4 {
            body.extend_from_slice(PARTS[random.below(PARTS.len())]);
        }
        body.push(0x0B);
        for behind in [&[][..], &BEHIND] {
            assert!(check(&body, behind, &features, &limits), "{body:x?}");
        }
        let first = body.len().saturating_sub(40);
        for end in first..body.len() {
            for behind in [&[][..], &BEHIND] {
                assert!(!check(&body[..end], behind, &features, &limits), "{body:x?}");
            }
        }
        // Any byte changed to any that is an operator or a number.
        for _ in 0..60 {
            let mut changed = body.clone();
            let at = random.below(body.len());
            changed[at] = random.below(256) as u8;
            check(&changed, &BEHIND, &features, &limits);
            check(&changed, &BEHIND, &Features { floats: false, sign_extension: false, ..features }, &limits);
        }
    }
}

/// Stacks of operands that are higher than a run can reach, and limits around their height.
#[test]
fn high_stacks() {
    let features = Features::default();
    for count in [2_000, 2_030, 2_036, 2_037, 2_038, 2_039, 2_040, 2_041, 2_045, 2_048, 2_050, 2_060, 3_000] {
        for filler in [&[0x41, 0][..], &[0x20, 0], &[0x20, 0, 0x20, 0]] {
            let mut body = filler.repeat(count);
            let operands = count * filler.len() / 2;
            body.extend_from_slice(&[0x6A].repeat(operands - 1));
            body.extend_from_slice(&[0x1A, 0x0B]);
            // Four locals, and the linkage.
            for slots in operands + 3..operands + 9 {
                let mut limits = Limits::default();
                limits.frame_slots = slots as u32;
                let fits = operands + 4 + Limits::LINKAGE_SLOTS as usize <= slots;
                assert_eq!(check(&body, &BEHIND, &features, &limits), fits, "{operands} {slots}");
            }
        }
    }
}

/// Blocks in each other, more than a run has room for at first, and limits around their number.
#[test]
fn deep_blocks() {
    let features = Features::default();
    for count in [1, 60, 62, 63, 64, 65, 66, 130, 700, 3_000] {
        for kind in [&[0x02, 0x40][..], &[0x03, 0x40], &[0x20, 0, 0x04, 0x40]] {
            let mut body = kind.repeat(count);
            body.extend_from_slice(&[0x0B].repeat(count + 1));
            for nesting in count - 1..count + 3 {
                let mut limits = Limits::default();
                limits.nesting = nesting as u32;
                assert_eq!(check(&body, &BEHIND, &features, &limits), count <= nesting, "{count} {nesting}");
            }
        }
    }
}

/// Heights and frames that a run leaves behind do not count for the next one.
#[test]
fn frames_that_are_left_give_no_room() {
    let features = Features::default();
    let mut body = [0x02, 0x40].repeat(300);
    body.extend_from_slice(&[0x0B].repeat(300));
    body.extend_from_slice(&[0x41, 0].repeat(2_200));
    body.extend_from_slice(&[0x6A].repeat(2_199));
    body.extend_from_slice(&[0x1A, 0x0B]);
    for slots in 2_200..2_210 {
        let mut limits = Limits::default();
        limits.frame_slots = slots;
        assert_eq!(check(&body, &[], &features, &limits), slots >= 2_206, "{slots}");
    }
}
