//! What goes into a statement and what comes out of it. A column is `TEXT` or `BIGINT`.

use crate::{Error, sqlite};
use std::str::FromStr;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg<'a> {
    /// No value.
    Null,
    /// A `BIGINT`.
    Int(i64),
    /// A `TEXT`. PostgreSQL refuses one that holds the character U+0000.
    Text(&'a str),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Arg<'_> {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Arg<'_> {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Arg<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().into()
    }
}

/// The parameters of a statement: `args![app_id, 3, None::<&str>]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::Arg::from($value)),*] };
}

/// A parameter that outlives its caller, or a cell of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
}

impl Value {
    pub(crate) fn as_arg(&self) -> Arg<'_> {
        match self {
            Self::Null => Arg::Null,
            Self::Int(number) => Arg::Int(*number),
            Self::Text(text) => Arg::Text(text),
        }
    }
}

impl From<Arg<'_>> for Value {
    fn from(arg: Arg<'_>) -> Self {
        match arg {
            Arg::Null => Self::Null,
            Arg::Int(number) => Self::Int(number),
            Arg::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

/// A row of an answer. Columns are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value>);

/// A row of an answer where it is, for a moment: on SQLite nothing of it has been copied yet.
pub enum Cells<'r> {
    /// In the memory of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// In our own.
    Kept(&'r Row),
}

/// Both give what they hold in the same ways.
macro_rules! columns {
    () => {
        /// The text of column `i`.
        pub fn text(&self, i: usize) -> Result<&str, Error> {
            self.opt_text(i)?.ok_or_else(|| mismatch(i, "text"))
        }

        /// The text of column `i`, if it has one.
        pub fn opt_text(&self, i: usize) -> Result<Option<&str>, Error> {
            match self.cell(i)? {
                Arg::Text(text) => Ok(Some(text)),
                Arg::Null => Ok(None),
                Arg::Int(_) => Err(mismatch(i, "text")),
            }
        }

        /// The number of column `i`.
        pub fn int(&self, i: usize) -> Result<i64, Error> {
            self.opt_int(i)?.ok_or_else(|| mismatch(i, "a number"))
        }

        /// The number of column `i`, if it has one.
        pub fn opt_int(&self, i: usize) -> Result<Option<i64>, Error> {
            match self.cell(i)? {
                Arg::Int(number) => Ok(Some(number)),
                Arg::Null => Ok(None),
                Arg::Text(_) => Err(mismatch(i, "a number")),
            }
        }

        /// Whether the number of column `i` is other than 0.
        pub fn flag(&self, i: usize) -> Result<bool, Error> {
            Ok(self.int(i)? != 0)
        }

        /// The text of column `i`, read as a `T`.
        pub fn parse<T: FromStr>(&self, i: usize) -> Result<T, Error> {
            self.text(i)?.parse().map_err(|_| mismatch(i, std::any::type_name::<T>()))
        }
    };
}

impl Row {
    columns!();

    /// Takes the text of column `i` out of the row.
    pub fn take_text(&mut self, i: usize) -> Result<String, Error> {
        match self.0.get_mut(i) {
            Some(Value::Text(text)) => Ok(std::mem::take(text)),
            _ => Err(mismatch(i, "text")),
        }
    }

    fn cell(&self, i: usize) -> Result<Arg<'_>, Error> {
        let cell = self.0.get(i).ok_or_else(|| Error::Engine(format!("the row has no column {i}")))?;
        Ok(cell.as_arg())
    }
}

impl Cells<'_> {
    columns!();

    fn cell(&self, i: usize) -> Result<Arg<'_>, Error> {
        match self {
            Self::Sqlite(row) => sqlite::cell(row, i),
            Self::Kept(row) => row.cell(i),
        }
    }
}

/// Names the column, never its content: this goes to the log.
fn mismatch(i: usize, wanted: &str) -> Error {
    Error::Engine(format!("column {i} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_what_it_holds() {
        let mut row = Row(vec![Value::Text("42".into()), Value::Int(1), Value::Null]);
        assert_eq!(row.text(0), Ok("42"));
        assert_eq!(row.parse::<u8>(0), Ok(42));
        assert_eq!((row.int(1), row.flag(1)), (Ok(1), Ok(true)));
        assert_eq!((row.opt_text(2), row.opt_int(2)), (Ok(None), Ok(None)));
        assert_eq!(row.take_text(0), Ok("42".to_owned()));
        assert!(row.text(1).is_err() && row.int(0).is_err() && row.text(2).is_err() && row.int(9).is_err());
        assert!(row.parse::<u8>(0).is_err());
    }

    #[test]
    fn args_come_from_what_a_rule_has_at_hand() {
        let (name, some) = ("n".to_owned(), Some("n".to_owned()));
        let args: &[Arg<'_>] = args![&name, "s", 7i64, true, None::<i64>, Some("x"), &some];
        let expected =
            [Arg::Text("n"), Arg::Text("s"), Arg::Int(7), Arg::Int(1), Arg::Null, Arg::Text("x"), Arg::Text("n")];
        assert_eq!(args, expected);
    }
}
