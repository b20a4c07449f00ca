// The pages for browsers that are not known: one behind a link that lets this browser in, and the form for a password. The
// key of a link is in the fragment, which a browser sends to nobody; it is taken out of the address before anything else happens.

const [, key = "", path = "/"] = /^#([^/]*)(\/.*)?$/.exec(location.hash) ?? [];
const form = document.querySelector<HTMLFormElement>("#login");
const said = document.getElementById("said");
if (!form) history.replaceState(null, "", location.pathname);

/** Where the link leads, on this hub and nowhere else. */
function destination(): string {
  const url = new URL(path, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : "/";
}

/** Shows the hub a key or a password. */
async function show(shown: Record<string, string>): Promise<Response> {
  const answer = await fetch("/enter", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(shown),
  });
  if (answer.status === 200) {
    const { proof } = (await answer.json()) as { proof: string };
    // Cookies go to every port of a host; this goes nowhere but where this page sends it.
    localStorage.setItem("proof", proof);
  }
  return answer;
}

function fail(): void {
  if (said) said.textContent = said.dataset.failed ?? "";
}

async function enter(): Promise<void> {
  try {
    await show({ key });
    // A browser that is in already is let in by its cookie, whatever the link was good for; any other is told what to do.
    location.replace(destination());
  } catch {
    fail();
  }
}

async function logIn(form: HTMLFormElement): Promise<void> {
  const field = form.querySelector<HTMLInputElement>("[type=password]");
  if (!field || !said) return;
  // An attempt may have to wait.
  said.textContent = "…";
  try {
    const answer = await show({ password: field.value });
    if (answer.ok) return location.reload();
    const { detail, next } = (await answer.json()) as { detail: string; next: string };
    said.textContent = `${detail}. ${next}`;
  } catch {
    fail();
  }
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void logIn(form);
  });
} else void enter();
