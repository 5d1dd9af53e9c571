//! One problem after the other.

use crate::shop::Shop;

#[tokio::test]
async fn nothing() {
    let shop = Shop::new().await;
    shop.each(&[]).await;
}
