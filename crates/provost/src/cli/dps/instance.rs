use super::DpsName;
use crate::cli::{Context, Failure};

/// `provost dps show`.
pub(super) async fn show(name: &DpsName, context: &Context) -> Result<(), Failure> {
    let (mut client, path) = name.management(context)?;
    Ok(context.output.document(&client.get(&path).await?)?)
}
