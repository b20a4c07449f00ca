// The page for browsers that are not known, where a passkey lets this one in. The browser finds the passkey by itself.

import { base64Url, fromBase64Url } from "./base64";

const passkeyButton = document.querySelector<HTMLButtonElement>("#passkey");
const passkeySaid = document.getElementById("passkey-said");

function post(path: string, body: unknown): Promise<Response> {
  return fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** What an authenticator signs, as the hub takes it. */
async function signed(asked: { challenge: string; site: string; expires_in: number }): Promise<Record<string, string>> {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: fromBase64Url(asked.challenge),
      rpId: asked.site,
      userVerification: "required",
      timeout: asked.expires_in * 1000,
    },
  });
  const { rawId, response } = credential as PublicKeyCredential;
  const { clientDataJSON, authenticatorData, signature, userHandle } = response as AuthenticatorAssertionResponse;
  return {
    id: base64Url(rawId),
    client_data: base64Url(clientDataJSON),
    authenticator_data: base64Url(authenticatorData),
    signature: base64Url(signature),
    user: base64Url(userHandle ?? new ArrayBuffer(0)),
  };
}

/** Logs this browser in. What is to be said if that failed. */
async function logInByPasskey(): Promise<string> {
  const texts = passkeySaid?.dataset ?? {};
  if (!("PublicKeyCredential" in window)) return texts.missing ?? "";
  try {
    let answer = await post("/enter/passkey", {});
    if (answer.ok) {
      const asked = (await answer.json()) as { challenge: string; site: string; expires_in: number };
      answer = await post("/enter", { passkey: await signed(asked) });
    }
    const said = (await answer.json()) as { proof?: string; detail?: string; next?: string };
    if (said.proof === undefined) return `${said.detail ?? ""}. ${said.next ?? ""}`;
    localStorage.setItem("proof", said.proof);
    location.reload();
    return "…";
  } catch (error) {
    // A person who cancels and a person who waits too long are the same to a page.
    return (error instanceof DOMException ? texts.cancelled : texts.failed) ?? "";
  }
}

passkeyButton?.addEventListener("click", () => {
  if (passkeyButton.ariaBusy === "true" || !passkeySaid) return;
  passkeyButton.ariaBusy = "true";
  passkeySaid.textContent = "…";
  void logInByPasskey().then((said) => {
    passkeySaid.textContent = said;
    passkeyButton.ariaBusy = null;
  });
});

if (passkeyButton) {
  // A button that nothing listens to is not offered: a key pressed before this line is not lost.
  passkeyButton.disabled = false;
  passkeyButton.focus();
}
