use provost_model::query::{Collection, Expression, Path};

/// Takes the name of the collection off the attributes: `devices.tags.x`, or `d.tags.x` after
/// `FROM devices AS d`, is `tags.x`.
pub(super) fn resolve(expression: &mut Expression, alias: Option<&str>, collection: Collection) {
    expression.each_path_mut(&mut |path| resolve_path(path, alias, collection));
}

pub(super) fn resolve_path(path: &mut Path, alias: Option<&str>, collection: Collection) {
    if alias.is_some_and(|alias| path.first() == alias) {
        shorten(path);
    } else if path.first().eq_ignore_ascii_case("devices") {
        shorten(path);
        let second = match collection {
            Collection::Devices => return,
            Collection::Modules => "modules",
            Collection::Jobs => "jobs",
        };
        if path.first().eq_ignore_ascii_case(second) {
            shorten(path);
        }
    }
}

fn shorten(path: &mut Path) {
    if let Some(rest) = path.without_first() {
        *path = rest;
    }
}
