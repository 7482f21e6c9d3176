//! Sorting: quicksort with insertion sort at the leaves, and heapsort, over 32-bit keys.

use crate::random::Random;
use alloc::vec::Vec;

fn insertion_sort(keys: &mut [u32]) {
    for end in 1..keys.len() {
        let key = keys[end];
        let mut place = end;
        while place > 0 && keys[place - 1] > key {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = key;
    }
}

/// Recurses into the smaller part, so the depth stays logarithmic.
fn quicksort(mut keys: &mut [u32]) {
    while keys.len() > 16 {
        let pivot = keys[keys.len() / 2];
        let (mut low, mut high) = (0, keys.len() - 1);
        loop {
            while keys[low] < pivot {
                low += 1;
            }
            while keys[high] > pivot {
                high -= 1;
            }
            if low >= high {
                break;
            }
            keys.swap(low, high);
            low += 1;
            high -= 1;
        }
        let (left, right) = core::mem::take(&mut keys).split_at_mut(low.max(1));
        let (small, large) = if left.len() < right.len() { (left, right) } else { (right, left) };
        quicksort(small);
        keys = large;
    }
    insertion_sort(keys);
}

fn heapsort(keys: &mut [u32]) {
    fn sift_down(keys: &mut [u32], mut parent: usize) {
        loop {
            let mut child = 2 * parent + 1;
            if child >= keys.len() {
                return;
            }
            if child + 1 < keys.len() && keys[child] < keys[child + 1] {
                child += 1;
            }
            if keys[parent] >= keys[child] {
                return;
            }
            keys.swap(parent, child);
            parent = child;
        }
    }
    for parent in (0..keys.len() / 2).rev() {
        sift_down(keys, parent);
    }
    for end in (1..keys.len()).rev() {
        keys.swap(0, end);
        sift_down(&mut keys[..end], 0);
    }
}

/// Sorts `n` random keys by both methods.
pub fn run(n: i32) -> i64 {
    let mut random = Random::new(23);
    let mut quick: Vec<u32> = (0..n).map(|_| random.next_u64() as u32).collect();
    let mut heap = quick.clone();
    quicksort(&mut quick);
    heapsort(&mut heap);
    let digest = quick.iter().fold(0_u64, |sum, key| sum.wrapping_mul(31).wrapping_add(u64::from(*key)));
    let sorted = quick.is_sorted() && quick == heap;
    (digest << 1 | u64::from(sorted)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_sort() {
        for len in [0, 1, 2, 16, 17, 100, 1000] {
            let mut random = Random::new(len);
            let keys: Vec<u32> = (0..len).map(|_| random.below(50)).collect();
            let (mut expected, mut quick, mut heap) = (keys.clone(), keys.clone(), keys);
            expected.sort_unstable();
            quicksort(&mut quick);
            heapsort(&mut heap);
            assert_eq!(quick, expected);
            assert_eq!(heap, expected);
        }
    }
}
