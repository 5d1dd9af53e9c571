#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub sender_id: i64,
    pub recipient_id: i64,
    #[personal_data(constant = "[erased]", identifying)]
    pub subject: String,
    #[personal_data(null, of = "sender")]
    pub signature: Option<String>,
    #[sea_orm(belongs_to, relation_enum = "Sender", from = "sender_id", to = "id")]
    #[personal_data(belongs_to)]
    pub sender: BelongsTo<super::user::Entity>,
    #[sea_orm(belongs_to, relation_enum = "Recipient", from = "recipient_id", to = "id")]
    #[personal_data(belongs_to)]
    pub recipient: BelongsTo<super::user::Entity>,
}
