//! A browser that sees, acts and tells on the page.

use std::time::Duration;

use testkit::chromium::{Chromium, Page, Scheme, Viewport};

const DEADLINE: Duration = Duration::from_secs(20);

const FORM: &str = "data:text/html,<meta name=viewport content='width=device-width'><title>harness</title>\
    <input id=name><button onclick='done.textContent=name.value'>go</button><p id=done></p>\
    <script>const name_=document.querySelector('%23name');const done=document.querySelector('%23done');\
    name_.addEventListener('keydown',e=>{if(e.key==='Enter')done.textContent='entered '%2Bname_.value});\
    document.querySelector('button').onclick=()=>done.textContent=name_.value</script>";

async fn shown(page: &Page, text: &str) {
    let condition = format!("document.querySelector('#done').textContent === '{text}'");
    page.wait_for(&condition, DEADLINE).await.unwrap();
}

#[tokio::test]
async fn it_acts_and_sees() {
    let chromium = Chromium::start().await.unwrap();
    let mut page = chromium.page().await.unwrap();
    page.goto(FORM).await.unwrap();
    assert_eq!(
        page.eval::<String>("document.title").await.unwrap(),
        "harness"
    );
    page.fill("#name", "first").await.unwrap();
    page.click("button").await.unwrap();
    shown(&page, "first").await;
    page.fill("#name", "é🧑").await.unwrap();
    page.press("x").await.unwrap();
    page.press("Enter").await.unwrap();
    shown(&page, "entered é🧑x").await;

    let desktop = "[matchMedia('(pointer: fine)').matches, document.hidden, document.hasFocus()]";
    let behind = chromium.page().await.unwrap();
    behind.goto(FORM).await.unwrap();
    for page in [&page, &behind] {
        assert_eq!(
            page.eval::<(bool, bool, bool)>(desktop).await.unwrap(),
            (true, false, true)
        );
    }

    page.viewport(Viewport::PHONE).await.unwrap();
    page.scheme(Scheme::Dark).await.unwrap();
    let looks = "[innerWidth, devicePixelRatio, navigator.maxTouchPoints > 0 && matchMedia('(pointer: coarse)').matches, matchMedia('(prefers-color-scheme: dark)').matches]";
    assert_eq!(
        page.eval::<(u32, f64, bool, bool)>(looks).await.unwrap(),
        (390, 3.0, true, true)
    );
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("phone.png");
    page.screenshot(&picture).await.unwrap();
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    assert!(page.eval::<bool>("nosuch.thing").await.is_err());
    assert!(
        page.wait_for("false", Duration::from_millis(50))
            .await
            .is_err()
    );
    page.assert_clean().await.unwrap();
}

#[tokio::test]
async fn it_tells_on_a_bad_page() {
    let chromium = Chromium::start().await.unwrap();
    for (fault, words) in [
        ("<script>console.error('said aloud')</script>", "said aloud"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        (
            "<meta http-equiv=content-security-policy content=\"script-src 'none'\"><script>1</script>",
            "Content Security Policy",
        ),
        (
            "<img src=http://127.0.0.1:1/none.png>",
            "http://127.0.0.1:1/none.png",
        ),
    ] {
        let mut page = chromium.page().await.unwrap();
        page.goto(&format!("data:text/html,{fault}")).await.unwrap();
        let told = page.assert_clean().await.unwrap_err().to_string();
        assert!(told.contains(words), "{fault}: {told}");
    }
}
