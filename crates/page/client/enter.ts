// A page of its own, behind a link that lets this browser in. Its key is in the fragment, which a browser sends to nobody;
// it is taken out of the address before anything else happens.

const [, key = "", path = "/"] = /^#([^/]*)(\/.*)?$/.exec(location.hash) ?? [];
history.replaceState(null, "", location.pathname);

/** Where the link leads, on this hub and nowhere else. */
function destination(): string {
  const url = new URL(path, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : "/";
}

async function enter(): Promise<void> {
  const said = document.getElementById("said");
  try {
    const answer = await fetch("/enter", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
    if (answer.status === 200) {
      const { proof } = (await answer.json()) as { proof: string };
      // Cookies go to every port of a host; this goes nowhere but where this page sends it.
      localStorage.setItem("proof", proof);
    }
    // A browser that is in already is let in by its cookie, whatever the link was good for; any other is told what to do.
    location.replace(destination());
  } catch {
    if (said) said.textContent = said.dataset.failed ?? "";
  }
}

void enter();
