//! Counters, alone and by label.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or one that goes up and down again.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One less, of what was counted before.
    pub fn uncount(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The values of a label: a closed set, so that no client can make it grow.
pub trait Label: Copy + 'static {
    /// All of them, in their order.
    const ALL: &'static [Self];

    /// As it is written.
    fn name(self) -> &'static str;

    /// Its place in [`Label::ALL`].
    fn index(self) -> usize;
}

/// A closed set of label values, each with its name.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $value,)+ }

        impl $crate::meter::Label for $name {
            const ALL: &'static [Self] = &[$($name::$value),+];

            fn name(self) -> &'static str {
                match self { $($name::$value => $text),+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(super) use labels;

/// A counter for each value of a label.
#[derive(Debug)]
pub struct Counts<L> {
    cells: Box<[Counter]>,
    label: PhantomData<L>,
}

impl<L: Label> Default for Counts<L> {
    fn default() -> Counts<L> {
        Counts { cells: L::ALL.iter().map(|_| Counter::default()).collect(), label: PhantomData }
    }
}

impl<L: Label> Counts<L> {
    /// The counter of that value.
    pub fn of(&self, label: L) -> &Counter {
        &self.cells[label.index()]
    }

    /// Values and numbers.
    pub fn all(&self) -> impl Iterator<Item = (L, u64)> {
        L::ALL.iter().map(|label| (*label, self.of(*label).get()))
    }
}

/// A counter for each pair of values.
#[derive(Debug)]
pub struct Table<R, C> {
    rows: Box<[Counts<C>]>,
    label: PhantomData<R>,
}

impl<R: Label, C: Label> Default for Table<R, C> {
    fn default() -> Table<R, C> {
        Table { rows: R::ALL.iter().map(|_| Counts::default()).collect(), label: PhantomData }
    }
}

impl<R: Label, C: Label> Table<R, C> {
    /// One more of that pair.
    pub fn count(&self, row: R, column: C) {
        self.rows[row.index()].of(column).count();
    }

    /// The number of that pair.
    pub fn get(&self, row: R, column: C) -> u64 {
        self.rows[row.index()].of(column).get()
    }
}
