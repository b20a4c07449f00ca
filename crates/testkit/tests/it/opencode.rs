//! The real OpenCode with the scripted model behind it.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use scripted::model::{Model, ModelOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::real::{RealOptions, RealServer};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

struct Lab {
    server: RealServer,
    client: Client,
    password: Option<String>,
    _model: Model,
    _scratch: TempDir,
}

impl Lab {
    async fn start(password: Option<&str>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let options = ModelOptions {
            rate: 0.0,
            ..ModelOptions::default()
        };
        let model = Model::start(options).await.unwrap();
        let password = password.map(str::to_owned);
        let server = RealServer::start(RealOptions {
            home: scratch.path().join("home"),
            folder: scratch.path().join("project"),
            password: password.clone(),
            model_url: model.base_url(),
            port: None,
        })
        .await
        .unwrap();
        Self {
            server,
            client: Client::new(),
            password,
            _model: model,
            _scratch: scratch,
        }
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.server.url));
        if let Some(password) = &self.password {
            request = request.basic_auth("opencode", Some(password));
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = timeout(DEADLINE, request.send()).await.unwrap().unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    async fn new_session(&self) -> String {
        let made = self
            .call(reqwest::Method::POST, "/session", json!({ "title": "t" }))
            .await;
        made["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn it_says_what_the_script_says_and_survives_a_crash() {
    let mut lab = Lab::start(None).await;
    let session = lab.new_session().await;
    let prompt = json!({ "parts": [{ "type": "text", "text": "reason 3 ;; bash echo from-a-tool ;; say all good" }] });
    let path = format!("/session/{session}/message");
    let answer = lab.call(reqwest::Method::POST, &path, prompt).await;
    assert_eq!(answer["info"]["finish"], "stop", "{answer:#}");
    let text = |parts: &Value| {
        let parts = parts
            .as_array()
            .unwrap()
            .iter()
            .filter(|part| part["type"] == "text");
        parts
            .filter_map(|part| part["text"].as_str())
            .collect::<String>()
    };
    assert_eq!(text(&answer["parts"]).trim_end(), "all good");
    let messages = lab.call(reqwest::Method::GET, &path, Value::Null).await;
    assert_eq!(messages.as_array().unwrap().len(), 3);
    let tool = messages[1]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["type"] == "tool")
        .unwrap();
    assert_eq!(tool["state"]["output"], "from-a-tool\n");

    lab.server.kill9().await.unwrap();
    assert!(lab.client.get(&lab.server.url).send().await.is_err());
    lab.server.restart().await.unwrap();
    let again = lab.call(reqwest::Method::GET, &path, Value::Null).await;
    assert_eq!(again, messages);
}

#[tokio::test]
async fn it_asks_for_its_password() {
    let lab = Lab::start(Some("s3cret")).await;
    let health = format!("{}/global/health", lab.server.url);
    let refused = lab.client.get(&health).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let health = lab
        .call(reqwest::Method::GET, "/global/health", Value::Null)
        .await;
    assert_eq!(health["version"], testkit::real::VERSION);
}
