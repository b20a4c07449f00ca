//! Any bytes are a block of the journal or none. The tests of `hub` run the same.

use hub::limits;
use hub::record::journal::block::unpack;

/// What is read of a block is bounded, whatever it claims, and reading it again gives the same.
pub(crate) fn journal(input: &[u8]) {
    read(input);
    // Most inputs are no zstd: their bytes are also read as what a block holds.
    if let Ok(packed) = zstd::bulk::compress(input, 1) {
        read(&packed);
    }
}

fn read(data: &[u8]) {
    let Ok(records) = unpack(data) else { return };
    let bytes: usize = records
        .iter()
        .map(|record| {
            record.instance.as_str().len() + record.session.as_deref().map_or(0, str::len)
        })
        .sum();
    assert!(bytes <= limits::JOURNAL_UNPACKED_BYTES);
    assert_eq!(unpack(data).as_ref(), Ok(&records));
}
