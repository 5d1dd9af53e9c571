//! The names of the archive table and of its added columns, checked against the entity.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::LitStr;

use super::options::Names;
use crate::{
    entity::{Column, Entity},
    error::Errors,
    naming::{self, LONGEST_NAME},
};

/// The names that the deleted entity uses.
pub(super) struct DeletedEntity {
    pub(super) table: LitStr,
    pub(super) deleted_at: Added,
    pub(super) deleted_by: Added,
    pub(super) archival_id: Added,
}

/// A column that only the deleted entity has.
pub(super) struct Added {
    default: &'static str,
    /// The field of `deleted::Model`.
    pub(super) field: Ident,
    /// The variant of `deleted::Column`.
    pub(super) variant: Ident,
    /// The column.
    pub(super) column: LitStr,
}

impl DeletedEntity {
    /// The added columns, in their order.
    pub(super) fn added(&self) -> [&Added; 3] {
        [&self.deleted_at, &self.deleted_by, &self.archival_id]
    }

    /// `None` if the entity lacks something that SeaORM requires too.
    pub(super) fn of(entity: &Entity, names: &Names, errors: &mut Errors) -> Option<Self> {
        if !entity.columns.iter().any(|column| column.primary_key) {
            errors.on(
                &entity.ident,
                "an archived entity needs a primary key: write `#[sea_orm(primary_key)]` on its \
                 columns",
            );
            return None;
        }
        if let Some(active) = table_of_archive_table(entity, names) {
            errors.on(
                &entity.ident,
                format!(
                    "this is an archive table, and the derive on the entity of `{active}` generates \
                     its entity, `deleted::Entity`: remove this module, and let `sea-orm-cli \
                     generate entity` skip the table with `--ignore-tables deleted_{active}`"
                ),
            );
            return None;
        }
        let table = table(entity, names, errors)?;
        let mut taken = Taken::by(&entity.columns);
        let mut added = |default, option: &Option<LitStr>| {
            let added = Added::named(default, option.as_ref(), &taken, entity, errors);
            taken.also(&added);
            added
        };
        let deleted_at = added("deleted_at", &names.deleted_at);
        let deleted_by = added("deleted_by", &names.deleted_by);
        let archival_id = added("archival_id", &names.archival_id);
        Some(Self {
            table,
            deleted_at,
            deleted_by,
            archival_id,
        })
    }
}

/// The table of an archive table with the default names, for which `sea-orm-cli` generates an entity as for any other.
fn table_of_archive_table(entity: &Entity, names: &Names) -> Option<String> {
    let added = ["deleted_at", "deleted_by", "archival_id"];
    let given = [&names.deleted_at, &names.deleted_by, &names.archival_id];
    let has = |name: &&str| entity.columns.iter().any(|column| column.name == **name);
    let is_archive_table = added.iter().all(has) && given.iter().all(|name| name.is_none());
    let name = entity.table_name.as_ref()?.value();
    let active = name.strip_prefix("deleted_")?;
    is_archive_table.then(|| active.to_owned())
}

/// The name of the archive table: as given, or `deleted_` and the name of the table.
fn table(entity: &Entity, names: &Names, errors: &mut Errors) -> Option<LitStr> {
    let Some(active) = &entity.table_name else {
        errors.on(
            &entity.ident,
            "an archived entity must name its table: write `#[sea_orm(table_name = \"..\")]`",
        );
        return None;
    };
    let (name, written) = match &names.table {
        Some(name) => (name.value(), name),
        None => (format!("deleted_{}", active.value()), active),
    };
    if name.len() > LONGEST_NAME {
        errors.on(
            written,
            format!(
                "the name of the archive table would be `{name}`, {} bytes, and PostgreSQL truncates \
                 names after {LONGEST_NAME} bytes: write a shorter name in \
                 `#[archive(table_name = \"..\")]`",
                name.len()
            ),
        );
    }
    if name == active.value() {
        errors.on(
            written,
            format!("`{name}` is the active table: the archive table needs another name"),
        );
    }
    Some(LitStr::new(&name, written.span()))
}

/// The names that are in use.
struct Taken {
    fields: Vec<String>,
    variants: Vec<String>,
    columns: Vec<String>,
}

impl Taken {
    fn by(columns: &[Column]) -> Self {
        let names = |name: fn(&Column) -> String| columns.iter().map(name).collect();
        Self {
            fields: names(|column| naming::plain(&column.ident)),
            variants: names(|column| column.variant.clone()),
            columns: columns
                .iter()
                .filter(|column| !column.ignored())
                .map(|column| column.name.clone())
                .collect(),
        }
    }

    fn also(&mut self, added: &Added) {
        self.fields.push(naming::plain(&added.field));
        self.variants.push(added.variant.to_string());
        self.columns.push(added.column.value());
    }

    /// Whether a field of this name can be added.
    fn allows_field(&self, field: &str) -> bool {
        !self.fields.iter().any(|taken| taken == field)
            && !self.variants.contains(&naming::variant(field))
    }
}

impl Added {
    /// The field has the default name even if its column is renamed, so that code is the same for
    /// every entity. Only if the entity has such a field is the added field named after its column.
    fn named(
        default: &'static str,
        option: Option<&LitStr>,
        taken: &Taken,
        entity: &Entity,
        errors: &mut Errors,
    ) -> Self {
        let column = option.map_or_else(|| default.to_owned(), LitStr::value);
        let is_free = !taken.columns.contains(&column);
        let field = [default, &column]
            .into_iter()
            .filter(|field| is_free && taken.allows_field(field))
            .find_map(|field| naming::ident(field, Span::call_site()));
        if field.is_none() {
            clash(default, option, is_free, entity, errors);
        } else if column.len() > LONGEST_NAME {
            let message = format!("a column's name has at most {LONGEST_NAME} bytes");
            errors.on(option, message);
        }
        // After an error: an unused name, so that the expansion has no second error.
        let field = field.unwrap_or_else(|| format_ident!("archive_{default}"));
        Self {
            default,
            variant: format_ident!("{}", naming::variant(&field.to_string())),
            field,
            column: LitStr::new(&column, option.map_or_else(Span::call_site, LitStr::span)),
        }
    }

    /// Whether the column has another name than the default.
    pub(super) fn renamed(&self) -> bool {
        self.column.value() != self.default
    }
}

/// The error of an added column whose name is in use.
fn clash(
    default: &str,
    option: Option<&LitStr>,
    column_is_free: bool,
    entity: &Entity,
    errors: &mut Errors,
) {
    if let Some(option) = option {
        let column = option.value();
        errors.on(
            option,
            if column_is_free {
                format!(
                    "the entity has a field `{default}`, so this name is also used for the field of \
                     `deleted::Model`: write an identifier"
                )
            } else {
                format!("the archive table has a column `{column}` already: write another name")
            },
        );
        return;
    }
    let message = format!(
        "the archive table adds a column `{default}`: rename the added column with \
         `#[archive({default}_column = \"..\")]` on the struct"
    );
    let column = entity.columns.iter().find(|column| {
        column.name == default
            || naming::plain(&column.ident) == default
            || column.variant == naming::variant(default)
    });
    match column {
        Some(column) => errors.on(&column.ident, message),
        // An option gave this name to another added column.
        None => errors.on(&entity.ident, message),
    }
}
