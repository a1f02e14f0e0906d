//! How much flash and RAM a program for a small machine needs, read from its file.

/// In bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// What is executed.
    pub(crate) code: usize,
    /// What is only read.
    pub(crate) constants: usize,
    /// Both, and the initial values of variables.
    pub(crate) flash: usize,
    /// Static variables.
    pub(crate) ram: usize,
}

/// The sizes of a 32-bit little-endian ELF file; `None` when it is something else.
pub(crate) fn sizes(file: &[u8]) -> Option<Sizes> {
    const WRITE: u32 = 1;
    const ALLOC: u32 = 2;
    const EXECUTE: u32 = 4;
    const NO_BITS: u32 = 8;
    if !file.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let (table, len, count) = (word(file, 0x20)?, half(file, 0x2E)?, half(file, 0x30)?);
    let mut sizes = Sizes::default();
    for index in 0..usize::from(count) {
        let section = usize::try_from(table).ok()? + index * usize::from(len);
        let (kind, flags) = (word(file, section + 4)?, word(file, section + 8)?);
        let size = usize::try_from(word(file, section + 20)?).ok()?;
        if flags & ALLOC == 0 {
            continue;
        }
        if kind != NO_BITS {
            sizes.flash += size;
        }
        match flags & (WRITE | EXECUTE) {
            0 => sizes.constants += size,
            WRITE => sizes.ram += size,
            _ => sizes.code += size,
        }
    }
    Some(sizes)
}

fn word(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

fn half(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_counted_where_they_lie() {
        let mut file = vec![0; 0x34];
        file[..6].copy_from_slice(b"\x7fELF\x01\x01");
        file[0x20] = 0x34;
        file[0x2E] = 40;
        file[0x30] = 5;
        // Code, constants, variables with a value, variables without, and what only a debugger reads.
        for (kind, flags, size) in [(1_u32, 6_u32, 1_u32), (1, 2, 2), (1, 3, 4), (8, 3, 8), (1, 0, 16)] {
            let mut section = [0; 40];
            section[4..8].copy_from_slice(&kind.to_le_bytes());
            section[8..12].copy_from_slice(&flags.to_le_bytes());
            section[20..24].copy_from_slice(&size.to_le_bytes());
            file.extend(section);
        }
        assert_eq!(sizes(&file), Some(Sizes { code: 1, constants: 2, flash: 7, ram: 12 }));
        assert_eq!(sizes(&file[..100]), None, "cut short");
        assert_eq!(sizes(b"\x7fELF\x02\x01"), None, "64 bits");
    }
}
