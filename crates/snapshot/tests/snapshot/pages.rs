//! Contents of memories: what is updated reads as the memory does, whatever is shared.

use crate::random::Random;
use rotifer_snapshot::{PAGE_SIZE, Pages};
use std::iter;

const WASM_PAGE: usize = 16 * PAGE_SIZE;

/// What `pages` reads as from end to end.
fn contents(pages: &Pages) -> Vec<u8> {
    let mut bytes = vec![0xAA; pages.len()];
    pages.read(0, &mut bytes);
    bytes
}

#[test]
fn pages_read_as_what_they_were_made_of() {
    let mut random = Random::new(1);
    for len in [0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, WASM_PAGE, 3 * WASM_PAGE + 17] {
        let data = random.bytes(len);
        let pages = Pages::new(&data);
        assert_eq!(pages.len(), len);
        assert_eq!(contents(&pages), data);
        assert_eq!(pages.iter().count(), len.div_ceil(PAGE_SIZE));
        let mut part = [1; 100];
        pages.read(len.saturating_sub(50), &mut part);
        let expected: Vec<u8> =
            data[len.saturating_sub(50)..].iter().copied().chain([0; 100]).take(100).collect();
        assert_eq!(part[..], expected);
    }
    let mut behind = [1; 3];
    Pages::zeroed(5).read(usize::MAX, &mut behind);
    assert_eq!(behind, [0; 3]);
}

#[test]
fn pages_of_zeros_are_not_kept() {
    let mut data = vec![0; 4 * WASM_PAGE];
    let zeros = Pages::new(&data);
    assert_eq!(zeros, Pages::zeroed(data.len()));
    assert_eq!(zeros.iter().count(), 0);
    data[WASM_PAGE + 5] = 1;
    let one = zeros.update(&data, iter::once(WASM_PAGE + 5..WASM_PAGE + 6));
    assert_eq!(one.iter().map(|(number, _)| number).collect::<Vec<_>>(), [16]);
    data[WASM_PAGE + 5] = 0;
    let none = one.update(&data, iter::once(WASM_PAGE..WASM_PAGE + 10));
    assert_eq!(none, zeros);
    assert_eq!(none.iter().count(), 0);
}

#[test]
fn an_update_shares_what_did_not_change() {
    let mut random = Random::new(2);
    let mut data = random.bytes(8 * WASM_PAGE);
    let before = Pages::new(&data);
    data[3 * PAGE_SIZE] ^= 1;
    data[100 * PAGE_SIZE + 4095] ^= 1;
    // Also named are a page that stays as it is, one twice, and what lies behind the end.
    let changed = [
        100 * PAGE_SIZE..101 * PAGE_SIZE,
        3 * PAGE_SIZE..3 * PAGE_SIZE + 1,
        50..60,
        3 * PAGE_SIZE..3 * PAGE_SIZE + 1024,
    ]
    .into_iter()
    .chain([data.len() - 1..usize::MAX, usize::MAX - 1..usize::MAX]);
    let after = before.update(&data, changed);
    assert_eq!(contents(&after), data);
    assert_eq!(before.unshared(&after).collect::<Vec<_>>(), [3, 100]);
    assert_eq!(before.diff(&after), [3 * PAGE_SIZE..3 * PAGE_SIZE + 8, 101 * PAGE_SIZE - 8..101 * PAGE_SIZE]);
    assert_ne!(before, after);
    assert_eq!(after, Pages::new(&data));
    assert_eq!(after.unshared(&after.clone()).count(), 0);
}

#[test]
fn memories_grow_and_shrink_to_any_size() {
    let mut random = Random::new(3);
    let data = random.bytes(2 * WASM_PAGE + 100);
    let whole = Pages::new(&data);
    for len in [0, 1, PAGE_SIZE, PAGE_SIZE + 7, WASM_PAGE, WASM_PAGE + 1, 2 * WASM_PAGE + 99, data.len()] {
        let cut = whole.update(&data[..len], []);
        assert_eq!(contents(&cut), data[..len]);
        assert_eq!(cut, Pages::new(&data[..len]));
        // What was cut off does not come back.
        let mut grown = data[..len].to_vec();
        grown.resize(data.len() + WASM_PAGE, 0);
        assert_eq!(cut.update(&grown, []), Pages::new(&grown));
        assert_eq!(
            cut.diff(&whole),
            if len == data.len() { vec![] } else { iter::once(len..data.len()).collect() }
        );
    }
}

#[test]
fn any_sequence_of_updates_is_as_good_as_a_copy() {
    let mut random = Random::new(4);
    for round in 0..20 {
        let mut data = vec![0; random.below(5 * WASM_PAGE)];
        let mut pages = Pages::new(&data);
        for _ in 0..30 {
            if random.below(4) == 0 {
                data.resize(random.below(5 * WASM_PAGE), 0);
            }
            let (old, old_pages) = (contents(&pages), pages.clone());
            let changed = (0..random.below(10)).map(|_| {
                let start = random.below(data.len() + 1);
                let end = data.len().min(start + random.below(3 * PAGE_SIZE));
                let byte = random.below(3) as u8;
                data[start..end].fill(byte);
                start..end
            });
            let changed: Vec<_> = changed.collect();
            pages = pages.update(&data, changed);
            assert_eq!(contents(&pages), data, "round {round}");
            assert_eq!(pages, Pages::new(&data));
            assert_eq!(contents(&old_pages), old);
            // Outside of the ranges that differ, nothing does.
            let mut patched = old;
            patched.resize(data.len(), 0);
            for range in old_pages.diff(&pages) {
                let range = range.start.min(data.len())..range.end.min(data.len());
                patched[range.clone()].copy_from_slice(&data[range]);
            }
            assert_eq!(patched, data);
        }
    }
}
