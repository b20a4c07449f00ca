// Passkeys of this browser and others: registers, renames and revokes them.

import { complain, exchange, inWords, isGood, type Reply, send } from "./api";
import { base64Url, fromBase64Url } from "./base64";
import { say } from "./dom";
import { later } from "./later";

interface AskedPasskey {
  challenge: string;
  site: string;
  user: string;
  algorithms: number[];
  known: string[];
  expires_in: number;
}

/** Has an authenticator make a passkey for what the hub asks. */
async function madePasskey(asked: AskedPasskey, name: string): Promise<Record<string, string>> {
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: fromBase64Url(asked.challenge),
      rp: { id: asked.site, name: "Drovers" },
      user: { id: fromBase64Url(asked.user), name: `Drovers: ${name}`, displayName: name },
      pubKeyCredParams: asked.algorithms.map((alg) => ({ type: "public-key" as const, alg })),
      excludeCredentials: asked.known.map((id) => ({ type: "public-key" as const, id: fromBase64Url(id) })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: asked.expires_in * 1000,
    },
  });
  const { clientDataJSON, attestationObject } = (credential as PublicKeyCredential).response as AuthenticatorAttestationResponse;
  return { client_data: base64Url(clientDataJSON), attestation: base64Url(attestationObject) };
}

/** Why an authenticator made none. */
function whyNot(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "InvalidStateError") return "This device has a passkey of this hub already.";
  if (name === "NotAllowedError") return "No passkey was registered: it was cancelled, or took too long. Try again.";
  return "This device cannot register a passkey here.";
}

/** Registers a passkey. False after an error was shown. */
async function register(form: HTMLFormElement): Promise<boolean> {
  const name = form.querySelector<HTMLInputElement>("[name=name]")?.value ?? "";
  if (!("PublicKeyCredential" in window)) return (complain(form, whyNot(null)), false);
  const asked = await send(form, "POST", "/api/passkeys/challenge", { name });
  if (!asked) return false;
  try {
    const made = await madePasskey(asked as unknown as AskedPasskey, name);
    return (await send(form, "POST", "/api/passkeys", made)) !== null;
  } catch (error) {
    complain(form, whyNot(error));
    return false;
  }
}

async function rename(form: HTMLFormElement): Promise<boolean> {
  const url = form.closest("li")?.dataset.url ?? "";
  const name = form.querySelector<HTMLInputElement>("[name=name]")?.value ?? "";
  const reply: Reply = await exchange("PATCH", url, { name });
  if (isGood(reply)) return true;
  complain(form, reply.status === 0 ? "Drovers did not answer. Try again." : inWords(reply.json, reply.status));
  return false;
}

function onSubmit(dialog: HTMLDialogElement, event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const acts: Record<string, (form: HTMLFormElement) => Promise<boolean>> = { register, rename };
  const act = acts[form.dataset.do ?? ""];
  if (!act) return;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  void act(form).then((done) => {
    form.ariaBusy = null;
    if (!done) return;
    say("Saved");
    dialog.close();
    void openPasskeys();
  });
}

function onPasskeyClick(dialog: HTMLDialogElement, target: EventTarget | null): void {
  const button = target instanceof Element ? target.closest<HTMLButtonElement>("[data-act]") : null;
  if (button?.dataset.act === "revoke") void later("settings").then((own) => own.revoke(dialog, button));
  if (button?.dataset.act !== "rename") return;
  const form = button.closest("li")?.querySelector<HTMLFormElement>("form");
  if (!form) return;
  form.hidden = !form.hidden;
  const field = form.querySelector<HTMLInputElement>("input");
  if (form.hidden) button.focus();
  else field?.select();
}

/** Opens the list of passkeys. */
export async function openPasskeys(): Promise<void> {
  const dialog = await later("settings").then((own) => own.openFetched("passkeys"));
  dialog?.addEventListener("click", ({ target }) => onPasskeyClick(dialog, target));
  dialog?.addEventListener("submit", (event) => onSubmit(dialog, event));
}
