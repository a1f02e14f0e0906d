/// What a piece of work took from the heap, counted on the thread that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocations {
    /// How many allocations were made.
    pub count: u64,
    /// The bytes of all of them.
    pub bytes: u64,
    /// The most bytes that were held at one time.
    pub bytes_max: u64,
    /// Bytes that were still held at the end.
    pub bytes_kept: i64,
}

/// Runs `work` and counts what it allocates. Other threads are not counted, so tests may run side by side.
///
/// ```
/// use portcullis_testkit::allocations;
///
/// let counted = allocations(|| drop(vec![0_u8; 100]));
/// assert_eq!((counted.count, counted.bytes_max, counted.bytes_kept), (1, 100, 0));
/// assert_eq!(allocations(|| ()).count, 0);
/// ```
pub fn allocations(work: impl FnOnce()) -> Allocations {
    let counted = allocation_counter::measure(work);
    Allocations {
        count: counted.count_total,
        bytes: counted.bytes_total,
        bytes_max: counted.bytes_max,
        bytes_kept: counted.bytes_current,
    }
}
