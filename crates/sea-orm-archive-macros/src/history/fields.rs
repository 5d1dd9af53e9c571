//! The fields of a history: checks that each exists, is a column, and has one meaning.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::LitStr;

use super::options::{COMPOSITE, EXAMPLE, Options};
use crate::{
    entity::{Column, Entity, Relation},
    error::Errors,
    naming,
};

/// The field of each meaning. For a field that is `None` or empty after a misuse, an error was recorded.
pub(super) struct Fields<'a> {
    pub(super) identity: Vec<&'a Column>,
    pub(super) valid_from: Option<&'a Column>,
    pub(super) valid_to: Option<&'a Column>,
    pub(super) recorded_by: Option<&'a Column>,
    pub(super) recorded: Option<Recorded<'a>>,
}

/// The fields of transaction time.
pub(super) struct Recorded<'a> {
    pub(super) from: &'a Column,
    pub(super) to: &'a Column,
}

/// The maximum number of fields of a SeaORM value.
const MAX_IDENTITY: usize = 12;

impl<'a> Fields<'a> {
    pub(super) fn find(entity: &'a Entity, options: &'a Options, errors: &mut Errors) -> Self {
        let mut search = Search {
            entity,
            invalid: options.invalid,
            found: Vec::new(),
            errors,
        };
        search.by_default_names(options);
        let place = entity.place();
        let valid_from = search.role(&FROM, options.valid_from.as_ref(), &place);
        let valid_to = search.role(&TO, options.valid_to.as_ref(), &place);
        let recorded = search.recorded(options);
        let recorded_by = options
            .recorded_by
            .as_ref()
            .and_then(|name| search.named("recorded_by", name));
        let identity = search.identity(options);
        Self {
            identity,
            valid_from,
            valid_to,
            recorded_by,
            recorded,
        }
    }
}

/// A meaning with a default field name, which an option can change.
struct Role {
    name: &'static str,
    /// The error if there is no such field.
    missing: &'static str,
}

const FROM: Role = Role {
    name: "valid_from",
    missing: "a version needs the start of its valid time: add `pub valid_from: DateTimeUtc`, or \
              name your field with `#[history(valid_from = \"..\")]`",
};

const TO: Role = Role {
    name: "valid_to",
    missing: "a version needs the end of its valid time: add `pub valid_to: Option<DateTimeUtc>`, \
              or name your field with `#[history(valid_to = \"..\")]`",
};

const RECORDED_FROM: Role = Role {
    name: "recorded_from",
    missing: "a bitemporal version needs the time when it was written: add \
              `pub recorded_from: DateTimeUtc`, or name your field with `recorded_from = \"..\"`",
};

const RECORDED_TO: Role = Role {
    name: "recorded_to",
    missing: "a bitemporal version needs the time when it was replaced: add \
              `pub recorded_to: Option<DateTimeUtc>`, or name your field with \
              `recorded_to = \"..\"`",
};

/// The search for fields by their names.
struct Search<'a, 'e> {
    entity: &'a Entity,
    invalid: bool,
    found: Vec<Found<'a>>,
    errors: &'e mut Errors,
}

/// A field that has been assigned a meaning.
struct Found<'a> {
    role: &'static str,
    column: &'a Column,
}

impl<'a> Search<'a, '_> {
    /// Assigns a meaning to the fields with default names.
    ///
    /// This runs first: if a field has two meanings, the error is reported on the option, since only
    /// the option was written.
    fn by_default_names(&mut self, options: &Options) {
        let valid = [(&FROM, &options.valid_from), (&TO, &options.valid_to)];
        let recorded = [
            (&RECORDED_FROM, &options.recorded_from),
            (&RECORDED_TO, &options.recorded_to),
        ];
        let recorded = recorded.iter().filter(|_| options.bitemporal.is_some());
        for (role, option) in valid.iter().chain(recorded) {
            if let (None, Some(Field::Column(column))) = (option, self.field(role.name)) {
                let role = role.name;
                self.found.push(Found { role, column });
            }
        }
    }

    /// The field that an option names, or else the field with the default name.
    ///
    /// If there is neither, the error is reported on `place`.
    fn role(
        &mut self,
        role: &Role,
        option: Option<&'a LitStr>,
        place: &TokenStream,
    ) -> Option<&'a Column> {
        if let Some(option) = option {
            return self.named(role.name, option);
        }
        match self.field(role.name) {
            Some(Field::Column(column)) if !column.ignored() => Some(column),
            Some(field) => {
                self.no_column(&field, field.ident().span());
                None
            }
            None => {
                if !self.invalid {
                    self.errors.on(place, role.missing);
                }
                None
            }
        }
    }

    /// The field that an option names.
    fn named(&mut self, role: &'static str, option: &'a LitStr) -> Option<&'a Column> {
        match self.field(&option.value()) {
            Some(Field::Column(column)) if !column.ignored() => self.meaning(role, column, option),
            Some(field) => {
                self.no_column(&field, option.span());
                None
            }
            None => {
                let message = self.no_field(role, &option.value());
                self.errors.on(option, message);
                None
            }
        }
    }

    /// The fields of transaction time, if the options contain `bitemporal`.
    fn recorded(&mut self, options: &'a Options) -> Option<Recorded<'a>> {
        let place = options.bitemporal.as_ref()?.to_token_stream();
        let from = self.role(&RECORDED_FROM, options.recorded_from.as_ref(), &place);
        let to = self.role(&RECORDED_TO, options.recorded_to.as_ref(), &place);
        Some(Recorded {
            from: from?,
            to: to?,
        })
    }

    /// The fields of the identity. Empty after an error.
    fn identity(&mut self, options: &'a Options) -> Vec<&'a Column> {
        let Some(names) = &options.identity else {
            if !self.invalid {
                self.errors.on(
                    self.entity.place(),
                    format!("name the identity of the versions: write `#[history({EXAMPLE})]`"),
                );
            }
            return Vec::new();
        };
        let mut identity = Vec::new();
        for name in names {
            identity.extend(self.named("identity", name));
        }
        if identity.len() < names.len() {
            return Vec::new();
        }
        if identity.len() > MAX_IDENTITY {
            let message = format!("an identity has at most {MAX_IDENTITY} fields");
            self.errors.on(quote!(#(#names),*), message);
            return Vec::new();
        }
        identity
    }

    /// Assigns a field the meaning of an option, if it has no other meaning.
    fn meaning(
        &mut self,
        role: &'static str,
        column: &'a Column,
        option: &LitStr,
    ) -> Option<&'a Column> {
        let mut found = self.found.iter();
        let Some(other) = found.find(|it| it.column.ident == column.ident) else {
            self.found.push(Found { role, column });
            return Some(column);
        };
        let field = naming::plain(&column.ident);
        let message = if other.role == role {
            format!("`{field}` is given twice: remove one of them")
        } else {
            format!(
                "`{field}` cannot be both `{}` and `{role}`: name another field",
                other.role
            )
        };
        self.errors.on(option, message);
        None
    }

    fn field(&self, name: &str) -> Option<Field<'a>> {
        let name = name.strip_prefix("r#").unwrap_or(name);
        let columns = self.entity.columns.iter().map(Field::Column);
        let relations = self.entity.relations.iter().map(Field::Relation);
        columns
            .chain(relations)
            .find(|field| naming::plain(field.ident()) == name)
    }

    /// The error of a field that is not a column.
    fn no_column(&mut self, field: &Field<'_>, span: Span) {
        let name = naming::plain(field.ident());
        let message = match field {
            Field::Column(_) => {
                format!("`{name}` is not a column: name a field without `#[sea_orm(ignore)]`")
            }
            Field::Relation(relation) => match &relation.keys.from {
                Some(from) => format!(
                    "`{name}` is a relation: name the field of its foreign key, as its \
                     `from = \"{}\"` does",
                    from.value()
                ),
                None => format!("`{name}` is a relation: name a field that is a column"),
            },
        };
        self.errors.push(syn::Error::new(span, message));
    }

    /// The error if no field has this name.
    fn no_field(&self, role: &str, name: &str) -> String {
        let columns = || {
            self.entity
                .columns
                .iter()
                .filter(|column| !column.ignored())
        };
        if role == "identity" && name.contains(',') {
            return format!("this is more than one name: write `{COMPOSITE}`");
        }
        let same_name = columns().find(|column| column.name == name || column.variant == name);
        if let Some(column) = same_name {
            let field = naming::plain(&column.ident);
            return format!("options name fields, not columns: write `\"{field}\"`");
        }
        let fields = columns()
            .map(|column| format!("`{}`", naming::plain(&column.ident)))
            .collect::<Vec<_>>()
            .join(", ");
        format!("there is no field `{name}`: the entity has {fields}")
    }
}

/// A field of the entity: a column or a relation.
enum Field<'a> {
    Column(&'a Column),
    Relation(&'a Relation),
}

impl Field<'_> {
    fn ident(&self) -> &Ident {
        match self {
            Self::Column(column) => &column.ident,
            Self::Relation(relation) => &relation.ident,
        }
    }
}
