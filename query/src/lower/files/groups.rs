//! Numbers for values and for groups: the same key always has the same one.

use polars::prelude::*;

use super::tally::{Kind, Numbers};
use crate::snapshot::Values;

/// More groups than that, or more distinct values of a column, are left to polars.
pub(super) const MOST: usize = 1 << 18;

/// Gives each distinct value a number from 0 on. Null is number 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    texts: PlHashMap<PlSmallStr, u32>,
    numbers: PlHashMap<u64, u32>,
    kind: Option<Kind>,
    all: Vec<Name>,
}

#[derive(Debug, Clone)]
enum Name {
    Null,
    Text(PlSmallStr),
    Number(u64),
}

impl Names {
    pub(super) fn count(&self) -> usize {
        self.all.len().max(1)
    }

    /// The numbers of the values of each row; null where it has none to give: to texts that are not coded, to floating-point
    /// numbers, or to very many.
    pub(super) fn of(&mut self, values: &Values) -> PolarsResult<Option<Vec<u32>>> {
        Ok(match values {
            Values::Coded(coded) => self
                .table(&coded.values)?
                .map(|table| coded.codes.iter().map(|code| table.get(*code as usize).copied().unwrap_or(0)).collect()),
            Values::Plain(column) if *column.dtype() == DataType::String => None,
            Values::Plain(column) => self.table(column)?,
        })
    }

    /// The numbers of these values.
    pub(super) fn table(&mut self, values: &Column) -> PolarsResult<Option<Vec<u32>>> {
        if self.all.is_empty() {
            self.all.push(Name::Null);
        }
        let mut table = vec![0; values.len()];
        if let Ok(texts) = values.str() {
            for (text, number) in texts.iter().zip(&mut table) {
                *number = text.map_or(0, |text| self.text(text));
            }
        } else {
            self.kind = Kind::of(values.dtype()).filter(|kind| *kind != Kind::Float);
            let (Some(_), Some(numbers)) = (self.kind, Numbers::of(&Values::Plain(values.clone()))?) else {
                return Ok(None);
            };
            let mut last: Option<(u64, u32)> = None;
            numbers.each(&[], None, |row, _, value| {
                table[row] = match last {
                    Some((same, number)) if same == value => number,
                    _ => {
                        let number = self.number(value);
                        last = Some((value, number));
                        number
                    }
                };
            });
        }
        Ok((self.all.len() <= MOST).then_some(table))
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        self.add(Name::Text(text.into()))
    }

    fn number(&mut self, value: u64) -> u32 {
        match self.numbers.get(&value) {
            Some(number) => *number,
            None => self.add(Name::Number(value)),
        }
    }

    fn add(&mut self, name: Name) -> u32 {
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        match &name {
            Name::Text(text) => drop(self.texts.insert(text.clone(), number)),
            Name::Number(value) => drop(self.numbers.insert(*value, number)),
            Name::Null => {}
        }
        self.all.push(name);
        number
    }

    /// The numbers that the values of another one have here.
    pub(super) fn merge(&mut self, other: &Self) -> Vec<u32> {
        if self.all.is_empty() {
            self.all.push(Name::Null);
        }
        self.kind = self.kind.or(other.kind);
        let number = |name: &Name| match name {
            Name::Null => 0,
            Name::Text(text) => self.text(text),
            Name::Number(value) => self.number(*value),
        };
        other.all.iter().map(number).collect()
    }

    /// The values with these numbers, in type `ty`.
    fn column(&self, name: &str, numbers: &[u32], ty: &DataType) -> PolarsResult<Column> {
        let names = || numbers.iter().map(|number| self.all.get(*number as usize).unwrap_or(&Name::Null));
        match self.kind {
            _ if numbers.is_empty() => Ok(Column::new_empty(name.into(), ty)),
            Some(kind) => {
                let numbers = names().map(|name| if let Name::Number(value) = name { Some(*value) } else { None });
                kind.column(name.to_owned(), &numbers.collect::<Vec<_>>(), ty)
            }
            None => {
                let texts = names().map(|name| if let Name::Text(text) = name { Some(text.as_str()) } else { None });
                let texts: StringChunked = texts.collect();
                Ok(texts.into_series().cast(ty)?.with_name(name.into()).into_column())
            }
        }
    }
}

/// Gives each combination of keys that comes a number from 0 on.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    keys: Vec<Names>,
    /// For each key but the first: the group of the keys before it and the number of its value, and what they make together.
    pairs: Vec<Pairs>,
}

#[derive(Debug, Clone, Default)]
struct Pairs {
    numbers: PlHashMap<(u32, u32), u32>,
    all: Vec<(u32, u32)>,
}

impl Pairs {
    fn number(&mut self, pair: (u32, u32)) -> u32 {
        let Self { numbers, all } = self;
        *numbers.entry(pair).or_insert_with(|| {
            all.push(pair);
            u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

impl Groups {
    pub(super) fn new(keys: usize) -> Self {
        Self { keys: vec![Names::default(); keys], pairs: vec![Pairs::default(); keys.saturating_sub(1)] }
    }

    /// How many there are; those of a single key may have no row.
    pub(super) fn count(&self) -> usize {
        match (self.pairs.last(), self.keys.first()) {
            (Some(pairs), _) => pairs.all.len(),
            (None, Some(names)) => names.count(),
            (None, None) => 1,
        }
    }

    /// The group of each row (none where there are no keys); null as [`Names::of`].
    pub(super) fn of(&mut self, keys: &[Values]) -> PolarsResult<Option<Vec<u32>>> {
        let mut groups = Vec::new();
        let mut count = 0;
        for (at, (names, values)) in self.keys.iter_mut().zip(keys).enumerate() {
            let Some(numbers) = names.of(values)? else { return Ok(None) };
            match at.checked_sub(1).and_then(|before| self.pairs.get_mut(before)) {
                None => {
                    groups = numbers;
                    count = names.count();
                }
                Some(pairs) => {
                    paired(pairs, &mut groups, &numbers, count, names.count());
                    count = pairs.all.len();
                }
            }
            if count > MOST {
                return Ok(None);
            }
        }
        Ok(Some(groups))
    }

    /// The numbers that the groups of another one have here.
    pub(super) fn merge(&mut self, other: &Self) -> Vec<u32> {
        let mut names = self.keys.iter_mut().zip(&other.keys).map(|(own, other)| own.merge(other));
        let mut groups = names.next().unwrap_or_else(|| vec![0]);
        let names: Vec<Vec<u32>> = names.collect();
        for ((own, other), names) in self.pairs.iter_mut().zip(&other.pairs).zip(names) {
            let at = |numbers: &[u32], number: u32| numbers.get(number as usize).copied().unwrap_or(0);
            let pairs = other.all.iter().map(|(before, name)| own.number((at(&groups, *before), at(&names, *name))));
            groups = pairs.collect();
        }
        groups
    }

    /// One column a key, of these groups.
    pub(super) fn columns(&self, groups: &[u32], keys: &[(String, DataType)]) -> PolarsResult<Vec<Column>> {
        let mut columns = Vec::new();
        let mut groups = groups.to_vec();
        for at in (0..self.keys.len()).rev() {
            let numbers = match at.checked_sub(1).and_then(|before| self.pairs.get(before)) {
                None => std::mem::take(&mut groups),
                Some(pairs) => {
                    let pairs = groups.iter().filter_map(|group| pairs.all.get(*group as usize)).copied();
                    let (before, numbers) = pairs.unzip();
                    groups = before;
                    numbers
                }
            };
            if let (Some(names), Some((name, ty))) = (self.keys.get(at), keys.get(at)) {
                columns.push(names.column(name, &numbers, ty)?);
            }
        }
        columns.reverse();
        Ok(columns)
    }
}

/// What the groups so far make together with the numbers of the next key.
fn paired(pairs: &mut Pairs, groups: &mut [u32], numbers: &[u32], group_count: usize, number_count: usize) {
    const NONE: u32 = u32::MAX;
    if group_count.saturating_mul(number_count) <= MOST {
        let mut table = vec![NONE; group_count * number_count];
        for (group, number) in groups.iter_mut().zip(numbers) {
            let known = &mut table[*group as usize * number_count + *number as usize];
            if *known == NONE {
                *known = pairs.number((*group, *number));
            }
            *group = *known;
        }
        return;
    }
    let mut last = None;
    for (group, number) in groups.iter_mut().zip(numbers) {
        let pair = (*group, *number);
        *group = match last {
            Some((same, known)) if same == pair => known,
            _ => {
                let known = pairs.number(pair);
                last = Some((pair, known));
                known
            }
        };
    }
}
