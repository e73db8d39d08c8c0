//! Parameters and rows, between our two types and those PostgreSQL infers.

use crate::{Arg, Error, Row, value::Value};
use bytes::BytesMut;
use std::error::Error as StdError;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

type Encoded = Result<IsNull, Box<dyn StdError + Sync + Send>>;

impl ToSql for Arg<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Self::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(ty, out),
            (Self::Int(number), &Type::INT2) => i16::try_from(*number)?.to_sql(ty, out),
            (Self::Int(number), &Type::BOOL) => (*number != 0).to_sql(ty, out),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR) => text.to_sql(ty, out),
            (Self::Int(_), _) => Err(format!("a number was given where {ty} is wanted").into()),
            (Self::Text(_), _) => Err(format!("a text was given where {ty} is wanted").into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}

/// The row from column `first` on.
pub(super) fn row(row: &tokio_postgres::Row, first: usize) -> Result<Row, Error> {
    (first..row.len()).map(|i| cell(row, i)).collect::<Result<_, _>>().map(Row)
}

fn cell(row: &tokio_postgres::Row, i: usize) -> Result<Value, Error> {
    let number = |number: Option<i64>| number.map_or(Value::Null, Value::Int);
    let read = match *row.columns()[i].type_() {
        Type::INT8 => row.try_get(i).map(number),
        Type::INT4 => row.try_get::<_, Option<i32>>(i).map(|n| number(n.map(i64::from))),
        Type::INT2 => row.try_get::<_, Option<i16>>(i).map(|n| number(n.map(i64::from))),
        Type::BOOL => row.try_get::<_, Option<bool>>(i).map(|flag| number(flag.map(i64::from))),
        Type::TEXT | Type::VARCHAR | Type::NAME => {
            row.try_get::<_, Option<String>>(i).map(|text| text.map_or(Value::Null, Value::Text))
        }
        ref ty => return Err(Error::Engine(format!("column {i} is {ty}; cast it to BIGINT or TEXT"))),
    };
    read.map_err(|error| Error::Engine(error.to_string()))
}
