use serde_json::Value;

use super::DpsName;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 3] = [
    Column::new("what", "/name"),
    Column::new("used", "/used"),
    Column::new("limit", "/limit"),
];

pub(super) async fn show(name: &DpsName, context: &Context) -> Result<(), Failure> {
    let instance = name.instance(context)?.name;
    let path = format!("/provost/dps/{}/quota", segment(&instance));
    let answer = name.client(context)?.get(&path).await?;
    let items = answer.get("value").and_then(Value::as_array);
    let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
    Ok(context.output.documents(items, &COLUMNS)?)
}
