//! A person finds a folder on the hub's machine in the dialog that adds an instance, by keys and by taps.

use anyhow::Result;
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::{Bench, Drovers, PATIENCE, listed, page};
use crate::consent::{A_WHILE, pause, press_card};

const ROWS: &str =
    "[...document.querySelectorAll('#folders li .name')].map(one => one.textContent)";
const FIELD: &str = "document.querySelector('#add [name=place]')";
const OPEN: &str = "document.querySelector('#add').open && document.querySelector('#folders li')";

/// Folders of a person, and a page of a hub that runs OpenCode.
struct Scene {
    bench: Bench,
    drovers: Drovers,
    code: String,
    page: Page,
    _browser: Chromium,
}

impl Scene {
    async fn begin() -> Result<Self> {
        let bench = Bench::new().await?;
        for folder in [
            "code/shop/.git",
            "code/shop-old",
            "code/api/src",
            "code/.dots",
        ] {
            std::fs::create_dir_all(bench.path(folder))?;
        }
        let code = bench.path("code").canonicalize()?;
        let (drovers, instance) = Drovers::in_folder(&bench).await?;
        let browser = Chromium::start().await?;
        let page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
        Ok(Self {
            bench,
            drovers,
            code: code.to_string_lossy().into_owned(),
            page,
            _browser: browser,
        })
    }

    /// Waits until the field has a path below the folder `code`.
    async fn at(&self, below: &str) -> Result<()> {
        let at = format!("{FIELD}.value === {:?}", format!("{}{below}", self.code));
        self.page.wait_for(&at, PATIENCE).await
    }

    async fn says(&self, words: &str) -> Result<()> {
        let said = format!(
            "document.querySelector('.folders-box [role=status]').textContent.includes({words:?})"
        );
        self.page.wait_for(&said, PATIENCE).await
    }

    /// Trusts the folder that the dialog asks about, and waits until an instance works there.
    async fn trusted(&self, folder: &str) -> Result<()> {
        let asks = "document.querySelector('#confirm').open";
        self.page.wait_for(asks, PATIENCE).await?;
        press_card(&self.page, "#confirm button[value=yes]").await?;
        self.page
            .wait_for("!document.querySelector('#add').open", PATIENCE)
            .await?;
        let folder = format!("{}/{folder}", self.code);
        let works = |one: &serde_json::Value| {
            one["folder"] == folder.as_str() && one["status"] == "connected"
        };
        self.drovers.instance(works).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_found_and_opened_by_keys_alone() -> Result<()> {
    let mut scene = Scene::begin().await?;
    std::fs::write(
        scene.bench.path("code/shop/opencode.json"),
        r#"{"formatter": {"own": {"command": ["./tidy-up", "$FILE"], "extensions": [".never"]}}}"#,
    )?;
    let page = &scene.page;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("+").await?;
    page.wait_for(OPEN, PATIENCE).await?;
    let home = scene.bench.path("home").canonicalize()?;
    let first: String = page.eval(&format!("{ROWS}[0]")).await?;
    assert_eq!(first, home.to_string_lossy(), "the home folder is first");
    page.write(&format!("{}/", scene.code)).await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    scene.says("1 hidden").await?;
    // A part of a name filters; Tab completes as far as all that match agree.
    page.write("SH").await?;
    listed(page, ROWS, &["..", "shop", "shop-old"]).await?;
    page.press("Tab").await?;
    scene.at("/shop").await?;
    listed(page, ROWS, &["..", "shop", "shop-old"]).await?;
    let git = "document.querySelectorAll('#folders li')[1].textContent.includes('git')";
    assert!(page.eval::<bool>(git).await?);
    for _ in 0..2 {
        page.press("ArrowDown").await?;
    }
    page.press("Enter").await?;
    scene.at("/shop/").await?;
    scene.says("is a git repository").await?;
    // A pinned folder is at the beginning from then on.
    let page = &scene.page;
    page.click(".folder-tools button:nth-of-type(3)").await?;
    page.click(".folder-tools button:nth-of-type(1)").await?;
    let pinned = format!("{ROWS}[0] === {:?}", format!("{}/shop", scene.code));
    page.wait_for(&pinned, PATIENCE).await?;
    page.click("#folders li:first-child").await?;
    scene.at("/shop/").await?;
    scene.says("is a git repository").await?;
    let page = &scene.page;
    page.click("#add [name=place]").await?;
    // With nothing chosen in the list, Enter opens the folder of the field.
    page.press("Enter").await?;
    let starts =
        "document.querySelector('#confirm-text').innerText.includes('formatter own: ./tidy-up')";
    page.wait_for(starts, PATIENCE).await?;
    scene.trusted("shop").await?;
    scene.page.assert_clean_but(&["status of 409"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_made_and_opened_with_a_thumb() -> Result<()> {
    let mut scene = Scene::begin().await?;
    let page = &scene.page;
    page.viewport(Viewport::PHONE).await?;
    page.tap(page.spot("header.top [data-dialog=add]").await?)
        .await?;
    page.wait_for(OPEN, PATIENCE).await?;
    page.fill("#add [name=place]", &format!("{}/", scene.code))
        .await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    let tap = async |selector: &str| page.tap(page.spot(selector).await?).await;
    let small = "[...document.querySelectorAll('#folders li, .folders-box button')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44).length";
    assert_eq!(page.eval::<u32>(small).await?, 0);
    assert!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?
    );

    tap("#folders li:nth-child(2)").await?;
    scene.at("/api/").await?;
    listed(page, ROWS, &["..", "src"]).await?;
    scene.says("not the top of a project").await?;
    tap("#folders li:first-child").await?;
    scene.at("/").await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    tap(".folders-box .check").await?;
    listed(page, ROWS, &["..", ".dots", "api", "shop", "shop-old"]).await?;

    tap(".folder-tools button:nth-of-type(2)").await?;
    page.fill(".folders-box .fresh input", "../out").await?;
    tap(".folders-box .fresh button").await?;
    let refused =
        "document.querySelector('#add .problem').innerText.includes('not the name of a folder')";
    page.wait_for(refused, PATIENCE).await?;
    page.fill(".folders-box .fresh input", "fresh").await?;
    tap(".folders-box .fresh button").await?;
    scene.at("/fresh/").await?;
    scene.says("There are no folders in it").await?;
    assert!(scene.bench.path("code/fresh").is_dir());
    tap("#add button[type=submit]").await?;
    scene.trusted("fresh").await?;
    scene
        .page
        .assert_clean_but(&["status of 409", "status of 422"])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_gets_a_name_a_colour_and_an_environment() -> Result<()> {
    let mut scene = Scene::begin().await?;
    let page = &scene.page;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(":").await?;
    page.wait_for("document.querySelector('#palette').open", PATIENCE)
        .await?;
    page.write("Name, colour").await?;
    page.wait_for(
        "document.querySelector('#found [aria-selected=true]')?.innerText.includes('Name, colour and start')",
        PATIENCE,
    )
    .await?;
    page.press("Enter").await?;
    page.wait_for("document.querySelector('#launch[open]')", PATIENCE)
        .await?;
    page.fill("#launch [name=name]", "Shop").await?;
    page.eval::<bool>("(document.querySelector('#launch [name=colour]').value = 'teal', true)")
        .await?;
    page.fill("#launch [name=variable]", "DROVERS_X").await?;
    page.fill("#launch [name=value]", "open sesame").await?;
    page.click("#launch button[type=submit]").await?;
    let refused = "document.querySelector('#launch .problem').innerText.includes('sets for its servers itself')";
    page.wait_for(refused, PATIENCE).await?;
    page.fill("#launch [name=variable]", "API_KEY").await?;
    page.fill("#launch [name=memory]", "900").await?;
    page.click("#launch button[type=submit]").await?;
    let shown = "document.querySelector('[data-k=tabs] a[data-colour=teal] .name')?.textContent === 'Shop' \
        && !document.querySelector('#launch')";
    page.wait_for(shown, PATIENCE).await?;
    let instances = scene.drovers.get("/api/instances").await?;
    assert_eq!(instances[0]["launch"]["env"][0], "API_KEY");
    assert_eq!(instances[0]["launch"]["memory_limit"], 900_000_000);
    assert!(!instances.to_string().contains("sesame"), "{instances}");
    scene.page.assert_clean_but(&["status of 422"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_key_creates_one_folder_and_adds_no_instance() -> Result<()> {
    let mut scene = Scene::begin().await?;
    let page = &scene.page;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("+").await?;
    page.wait_for(OPEN, PATIENCE).await?;
    page.write(&format!("{}/", scene.code)).await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    page.eval::<bool>("([...document.querySelectorAll('.folder-tools button')][1].focus(), true)")
        .await?;
    page.press("Enter").await?;
    page.write("fresh").await?;
    page.hold("Enter", 15).await?;
    scene.at("/fresh/").await?;
    pause(page, A_WHILE).await?;
    let open = "document.querySelector('#add').open";
    assert!(page.eval::<bool>(open).await?, "the dialog stays");
    assert!(
        !page
            .eval::<bool>("document.querySelector('#confirm')?.open ?? false")
            .await?
    );
    let instances = scene.drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(1));
    scene.page.assert_clean().await
}

/// Names of the folders that were to be added, and what became of each.
const FATES: &str = "[...document.querySelectorAll('.several li')].map(row => row.querySelector('bdi').textContent + ' ' + row.dataset.fate)";

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one act, with every result that a folder can have.
async fn several_folders_are_marked_and_added_by_one_act() -> Result<()> {
    let mut scene = Scene::begin().await?;
    let page = &scene.page;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("+").await?;
    page.wait_for(OPEN, PATIENCE).await?;
    page.write(&format!("{}/", scene.code)).await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    // The way up cannot be marked: there a space is a space.
    page.press("ArrowDown").await?;
    page.press(" ").await?;
    scene.at("/ ").await?;
    listed(page, ROWS, &[".."]).await?;
    page.press("Backspace").await?;
    listed(page, ROWS, &["..", "api", "shop", "shop-old"]).await?;
    for _ in 0..2 {
        page.press("ArrowDown").await?;
    }
    page.press(" ").await?;
    page.press("ArrowDown").await?;
    page.press(" ").await?;
    page.click("#folders li:nth-child(4) .mark").await?;
    scene.at("/").await?;
    let marks = "[...document.querySelectorAll('#folders li')].map(row => row.ariaChecked).join()";
    let marked: String = page.eval(marks).await?;
    assert_eq!(marked, ",true,true,true");
    // A mark stays while other folders are looked at, and goes as it came.
    page.write("api/").await?;
    listed(page, ROWS, &["..", "src"]).await?;
    page.click("#folders li:nth-child(2) .mark").await?;
    listed(
        page,
        FATES,
        &["api marked", "shop marked", "shop-old marked", "src marked"],
    )
    .await?;
    page.click("#folders li:nth-child(2) .mark").await?;
    listed(
        page,
        FATES,
        &["api marked", "shop marked", "shop-old marked"],
    )
    .await?;
    let button = "document.querySelector('.several button').textContent";
    assert_eq!(page.eval::<String>(button).await?, "Add 3 marked folders");

    std::fs::remove_dir(scene.bench.path("code/shop-old"))?;
    page.click(".several button").await?;
    let asks = |folder: &str| {
        let path = format!("{}/{folder}", scene.code);
        format!(
            "document.querySelector('#confirm').open && document.querySelector('#confirm-text').textContent.includes({path:?})"
        )
    };
    page.wait_for(&asks("api"), PATIENCE).await?;
    press_card(page, "#confirm button[value=yes]").await?;
    page.wait_for(&asks("shop"), PATIENCE).await?;
    press_card(page, "#confirm button[value=no]").await?;
    listed(
        page,
        FATES,
        &["api added", "shop failed", "shop-old failed"],
    )
    .await?;
    let results: Vec<String> = page
        .eval("[...document.querySelectorAll('.several li')].map(row => row.innerText)")
        .await?;
    assert!(results[1].contains("you do not trust it"), "{results:?}");
    assert!(results[2].contains("shop-old"), "{results:?}");
    let works = |folder: &str| {
        let folder = format!("{}/{folder}", scene.code);
        move |one: &serde_json::Value| {
            one["folder"] == folder.as_str() && one["status"] == "connected"
        }
    };
    scene.drovers.instance(works("api")).await?;
    let instances = scene.drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(2));

    // What failed is tried again, and nothing else.
    std::fs::create_dir(scene.bench.path("code/shop-old"))?;
    assert_eq!(page.eval::<String>(button).await?, "Add 2 marked folders");
    page.click(".several button").await?;
    for folder in ["shop", "shop-old"] {
        page.wait_for(&asks(folder), PATIENCE).await?;
        press_card(page, "#confirm button[value=yes]").await?;
        scene.drovers.instance(works(folder)).await?;
    }
    listed(page, FATES, &["api added", "shop added", "shop-old added"]).await?;
    assert!(
        page.eval::<bool>("document.querySelector('.several button').hidden")
            .await?
    );
    page.click(".several li:first-child a").await?;
    page.wait_for(
        "location.pathname.startsWith('/i/') && !document.querySelector('#add').open",
        PATIENCE,
    )
    .await?;
    scene
        .page
        .assert_clean_but(&["status of 409", "status of 422"])
        .await
}
