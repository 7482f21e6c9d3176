//! The layout of serialized states, as far as tests need it to change them and make the hashes right again.

/// Where the table of sections begins, and how long an entry is.
pub(crate) const TABLE: usize = 92;
pub(crate) const ENTRY: usize = 48;

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    u64::from_le_bytes(bytes[place..place + 8].try_into().unwrap())
}

/// Where each section begins and ends, as far as the header is right about it.
pub(crate) fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let count = u32_at(bytes, TABLE - 4) as usize;
    let mut start = TABLE + count * ENTRY + 32;
    let ends = (0..count).map(|index| {
        let len = u64_at(bytes, TABLE + index * ENTRY + 8) as usize;
        start += len;
        (start - len, start)
    });
    ends.collect()
}

/// Makes all hashes right.
pub(crate) fn seal(bytes: &mut [u8]) {
    for (index, (start, end)) in sections(bytes).into_iter().enumerate() {
        if let Some(section) = bytes.get(start..end) {
            let hash = *blake3::hash(section).as_bytes();
            bytes[TABLE + index * ENTRY + 16..][..32].copy_from_slice(&hash);
        }
    }
    let end = TABLE + u32_at(bytes, TABLE - 4) as usize * ENTRY;
    let hash = *blake3::hash(&bytes[..end]).as_bytes();
    bytes[end..end + 32].copy_from_slice(&hash);
}
